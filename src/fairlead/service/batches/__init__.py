"""Batch predictions: started, looked at, cancelled, polled for, and their failures delivered."""

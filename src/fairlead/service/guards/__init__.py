"""Guardrails: what may not go to a provider, and what may not come back."""

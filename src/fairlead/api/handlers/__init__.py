"""What each route does: a decoded request in, one service call, a reply out."""

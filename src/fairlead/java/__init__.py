"""What Java does that shows on the wire: number texts, gson's JSON, regular expressions. Knows nothing of the gateway."""

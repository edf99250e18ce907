"""Request bodies to values: every 400 about a body's form is born here."""

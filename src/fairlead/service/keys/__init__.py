"""The life of keys and of what they seal: credentials, references to secrets, rotation, use."""

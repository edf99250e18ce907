"""Nouns and rules of the gateway, standard library only, no I/O."""

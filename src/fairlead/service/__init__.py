"""Use cases: the only place where ports meet the engine."""

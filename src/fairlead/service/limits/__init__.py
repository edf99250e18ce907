"""Who may call a provider now: buckets shared by all workers, the limits of models, users and API keys."""

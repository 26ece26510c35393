"""Which model versions exist, and where each one is in its life."""

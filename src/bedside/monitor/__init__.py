"""Watching a model: what moved since it was released, and whether it is more than chance."""

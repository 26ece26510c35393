"""A disk that fails, and what is tried on it."""

"""Identifiers in clinical notes: how they are found, scored, and what stands in for them."""

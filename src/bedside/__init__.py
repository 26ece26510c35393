"""Bedside takes a clinical model from raw hospital data to the bedside, and keeps it safe there."""

__version__ = "0.1.0"

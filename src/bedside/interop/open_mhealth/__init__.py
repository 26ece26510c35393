"""Data points of Open mHealth: validated against their schemas, and their measures."""

"""Raw hospital data in, clean two-time events out."""

"""Engines: one piece of named work on many shards, in processes here or on a Ray cluster."""

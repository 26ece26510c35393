"""Sealing a bundle, and opening it again with every byte checked."""

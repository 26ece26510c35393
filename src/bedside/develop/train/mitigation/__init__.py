"""Declared means against unequal errors between groups of subjects."""

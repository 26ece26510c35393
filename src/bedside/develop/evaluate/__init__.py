"""Judging a model on subjects it has never seen: evidence, gates, report."""

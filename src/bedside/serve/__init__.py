"""Answers at the bedside: one question about one patient, whatever the wire."""

"""Shifts that hospitals know, made on purpose over real patients, to see which the monitor finds."""

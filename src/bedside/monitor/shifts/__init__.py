"""Shifts as hospitals know them, made on purpose over real patients, to see what is found."""

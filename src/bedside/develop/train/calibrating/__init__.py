"""Fitting calibration on the tuning rows."""

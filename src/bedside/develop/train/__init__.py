"""Fitting a model and writing it down as data."""

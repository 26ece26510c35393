"""Shifts as hospitals know them, made on purpose over real patients: does the monitor see them?"""

"""Documents made from evidence: every figure is generated, what is missing is listed."""

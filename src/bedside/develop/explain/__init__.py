"""What a model relies on, how sure that is, and whether its explanations can be believed."""

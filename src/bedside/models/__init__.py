"""A learnt model as data: what it predicts of a row, and what each feature had to do with it."""

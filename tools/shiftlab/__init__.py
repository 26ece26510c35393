"""`make shiftlab`: the shift laboratory on three models, and its page."""

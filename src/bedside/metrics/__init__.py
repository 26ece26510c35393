"""Functions of arrays that say how good a model is: pure NumPy."""

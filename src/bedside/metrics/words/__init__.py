"""The words for every metric, one module for each kind."""

"""Models of MLflow, read as strangers' bytes: nothing in them is ever run."""

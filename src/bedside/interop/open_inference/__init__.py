"""The Open Inference Protocol v2: one patient in, an outcome out."""

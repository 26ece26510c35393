"""Our results beside the published ones: `make results`."""

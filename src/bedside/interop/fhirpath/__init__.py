"""FHIRPath over a batch of resources: compiled once, evaluated column by column."""

"""OMOP CDM 5.3 and 5.4: which columns its tables have, and what its vocabularies are called."""

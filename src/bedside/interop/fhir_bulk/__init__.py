"""FHIR R4 in bulk: many resources as columns, of bundles and of NDJSON."""

"""FHIR R4 resources, as JSON, into events."""

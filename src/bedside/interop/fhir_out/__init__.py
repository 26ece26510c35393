"""Answers as FHIR R4 resources, and the `$predict` operation that asks for them."""

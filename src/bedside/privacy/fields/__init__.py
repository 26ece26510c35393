"""Records of other formats, released field by field: FHIR, HL7 v2, OMOP, any table."""

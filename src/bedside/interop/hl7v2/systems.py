"""Code systems as HL7 v2 names them (table 0396, and OIDs), and Bedside's prefixes for them."""

import re

__all__ = ["is_table", "prefix_of"]

_PREFIXES = {
    "LN": "LOINC",
    "LOINC": "LOINC",
    "2.16.840.1.113883.6.1": "LOINC",
    "SCT": "SNOMED",
    "SNOMED": "SNOMED",
    "SNOMED-CT": "SNOMED",
    "SCT2": "SNOMED",
    "2.16.840.1.113883.6.96": "SNOMED",
    "RXNORM": "RXNORM",
    "RXN": "RXNORM",
    "2.16.840.1.113883.6.88": "RXNORM",
    "I10": "ICD10",
    "ICD10": "ICD10",
    "ICD-10": "ICD10",
    "2.16.840.1.113883.6.3": "ICD10",
    "I10C": "ICD10CM",
    "ICD10CM": "ICD10CM",
    "ICD-10-CM": "ICD10CM",
    "2.16.840.1.113883.6.90": "ICD10CM",
    "I10P": "ICD10PCS",
    "ICD10PCS": "ICD10PCS",
    "ICD-10-PCS": "ICD10PCS",
    "2.16.840.1.113883.6.4": "ICD10PCS",
    "I9": "ICD9CM",
    "I9C": "ICD9CM",
    "I9M": "ICD9CM",
    "I9CDX": "ICD9CM",
    "ICD9": "ICD9CM",
    "ICD9CM": "ICD9CM",
    "2.16.840.1.113883.6.103": "ICD9CM",
    "I9CP": "ICD9PROC",
    "2.16.840.1.113883.6.104": "ICD9PROC",
    "C4": "CPT4",
    "CPT": "CPT4",
    "CPT4": "CPT4",
    "2.16.840.1.113883.6.12": "CPT4",
    "HCPCS": "HCPCS",
    "HPC": "HCPCS",
    "2.16.840.1.113883.6.285": "HCPCS",
    "CVX": "CVX",
    "2.16.840.1.113883.12.292": "CVX",
    "NDC": "NDC",
    "2.16.840.1.113883.6.69": "NDC",
    "ATC": "ATC",
    "2.16.840.1.113883.6.73": "ATC",
}
_TABLE = re.compile(r"HL7(\d{4})", re.ASCII)


def prefix_of(system: str) -> str | None:
    """Bedside's prefix of a code system, or None where it is not one that Bedside knows.

    >>> prefix_of("LN"), prefix_of("99LAB")
    ('LOINC', None)
    """
    return _PREFIXES.get(system.upper())


def is_table(system: str) -> str | None:
    """The number of the HL7 table that a system is, such as `HL70002`.

    >>> is_table("HL70002")
    '0002'
    """
    found = _TABLE.fullmatch(system.upper())
    return found[1] if found else None

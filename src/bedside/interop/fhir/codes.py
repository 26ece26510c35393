"""FHIR codings and event codes: `http://loinc.org|8867-4` is `LOINC//8867-4`."""

from functools import lru_cache

from bedside.interop.fhir.resources import CodeableConcept

__all__ = [
    "AGE",
    "BIRTH",
    "NOT_OBSERVED",
    "OWN_SYSTEM",
    "SEX",
    "SYSTEMS",
    "code_of",
    "codes_of",
    "is_ordered",
    "token_of",
]

AGE = "AGE//years"
BIRTH = "MEDS//BIRTH"
SEX = ("SEX//administrative", "BEDSIDE//sex")
"""What a Patient tells: age, birth, and administrative sex under the codes of a table and of a
collected source."""

NOT_OBSERVED = (
    *("ICD10", "ICD10CM", "ICD9CM", "ICD10PCS", "ICD9PROC", "CPT4", "HCPCS"),
    *("RXNORM", "ATC", "NDC", "CVX", "DRUG", "CDCREC"),
)
"""Systems of diagnoses, procedures, drugs and the like: no Observation is filed under them."""

OWN_SYSTEM = "https://bedside.health/codes/"
_OWN_URN = "urn:bedside:"
_OID = "urn:oid:2.16.840.1.113883."

SYSTEMS = {
    "http://loinc.org": "LOINC",
    "http://snomed.info/sct": "SNOMED",
    "http://hl7.org/fhir/sid/icd-10": "ICD10",
    "http://hl7.org/fhir/sid/icd-10-cm": "ICD10CM",
    "http://hl7.org/fhir/sid/icd-9-cm": "ICD9CM",
    "http://www.cms.gov/Medicare/Coding/ICD10": "ICD10PCS",
    "http://hl7.org/fhir/sid/icd-9-cm/procedure": "ICD9PROC",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "RXNORM",
    "http://www.whocc.no/atc": "ATC",
    "http://hl7.org/fhir/sid/ndc": "NDC",
    "http://hl7.org/fhir/sid/cvx": "CVX",
    "http://www.ama-assn.org/go/cpt": "CPT4",
    "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets": "HCPCS",
    _OID + "6.238": "CDCREC",
    # other ways in which the same systems are written
    "https://loinc.org": "LOINC",
    "http://hl7.org/fhir/sid/icd-9-cm/diagnosis": "ICD9CM",
    "http://hl7.org/fhir/sid/icd-10-pcs": "ICD10PCS",
    "http://terminology.hl7.org/CodeSystem/icd9cm": "ICD9CM",
    "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets": "HCPCS",
    "http://terminology.hl7.org/CodeSystem/CDCREC": "CDCREC",
    _OID + "6.1": "LOINC",
    _OID + "6.96": "SNOMED",
    _OID + "6.3": "ICD10",
    _OID + "6.90": "ICD10CM",
    _OID + "6.103": "ICD9CM",
    _OID + "6.104": "ICD9PROC",
    _OID + "6.4": "ICD10PCS",
    _OID + "6.88": "RXNORM",
    _OID + "6.73": "ATC",
    _OID + "6.69": "NDC",
    _OID + "12.292": "CVX",
    _OID + "6.12": "CPT4",
    _OID + "6.285": "HCPCS",
}
"""What each code system is called in an event code; the first name of a system is the one that is
written back. Source: the HL7 terminology registry (THO) and its OIDs."""

_HL7 = ("http://terminology.hl7.org/CodeSystem/", "http://hl7.org/fhir/")
_WRITTEN = {prefix: system for system, prefix in reversed(SYSTEMS.items())}


def is_ordered(code: str) -> bool:
    """Whether the code is of a drug, a procedure or the like, which no Observation tells.

    >>> is_ordered("RXNORM//1298088"), is_ordered("LOINC//8867-4")
    (True, False)
    """
    return code.partition("//")[0] in NOT_OBSERVED


@lru_cache(maxsize=4096)
def code_of(system: str | None, code: str | None) -> str | None:
    """The event code of a FHIR coding; None if its system is not one that Bedside reads.

    The code systems of HL7 itself share the prefix HL7, with their own name behind it; a table of
    HL7 v2 has its number there.

    >>> code_of("http://loinc.org", "8867-4")
    'LOINC//8867-4'
    >>> code_of("https://bedside.health/codes/WDBC", "mean_radius")
    'WDBC//mean_radius'
    >>> code_of("http://terminology.hl7.org/CodeSystem/v3-ActCode", "AMB")
    'HL7//v3-ActCode/AMB'
    >>> code_of("http://terminology.hl7.org/CodeSystem/v2-0002", "M")
    'HL7//0002/M'
    """
    if not system or not code:
        return None
    if system in SYSTEMS:
        return f"{SYSTEMS[system]}//{code}"
    for start in (OWN_SYSTEM, _OWN_URN):
        if system.startswith(start) and len(system) > len(start):
            return f"{system.removeprefix(start)}//{code}"
    for start in _HL7:
        name = system.removeprefix(start)
        if name != system and name and "/" not in name:
            return f"HL7//{name.removeprefix('v2-')}/{code}"
    return None


def token_of(code: str) -> str:
    """The FHIR search token of an event code.

    >>> token_of("LOINC//8867-4")
    'http://loinc.org|8867-4'
    >>> token_of("HL7//v3-ActCode/AMB")
    'http://terminology.hl7.org/CodeSystem/v3-ActCode|AMB'
    """
    prefix, _, local = code.partition("//")
    if prefix == "HL7" and "/" in local:
        name, _, local = local.partition("/")
        return f"{_HL7[0]}{'v2-' if name.isdigit() else ''}{name}|{local}"
    return f"{_WRITTEN.get(prefix, OWN_SYSTEM + prefix)}|{local}"


def codes_of(concept: CodeableConcept) -> tuple[str, ...]:
    """Every event code that a concept's codings name, each once, in their order."""
    if len(concept.coding) == 1:
        only = code_of(concept.coding[0].system, concept.coding[0].code)
        return () if only is None else (only,)
    found = (code_of(coding.system, coding.code) for coding in concept.coding)
    return tuple(dict.fromkeys(code for code in found if code is not None))

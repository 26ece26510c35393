"""FHIR codings and event codes: `http://loinc.org|8867-4` is `LOINC//8867-4`."""

from bedside.interop.fhir.resources import CodeableConcept

__all__ = ["AGE", "OWN_SYSTEM", "SEX", "code_of", "codes_of", "token_of"]

AGE = "AGE//years"
SEX = "SEX//administrative"
OWN_SYSTEM = "https://bedside.health/codes/"
_OWN_URN = "urn:bedside:"
_PREFIXES = {
    "http://loinc.org": "LOINC",
    "http://snomed.info/sct": "SNOMED",
    "http://hl7.org/fhir/sid/icd-10": "ICD10",
    "http://hl7.org/fhir/sid/icd-10-cm": "ICD10CM",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "RXNORM",
}
_SYSTEMS = {prefix: system for system, prefix in _PREFIXES.items()}


def code_of(system: str | None, code: str | None) -> str | None:
    """The event code of a FHIR coding; None if its system is not one that Bedside reads.

    >>> code_of("http://loinc.org", "8867-4")
    'LOINC//8867-4'
    >>> code_of("https://bedside.health/codes/WDBC", "mean_radius")
    'WDBC//mean_radius'
    """
    if not system or not code:
        return None
    if system in _PREFIXES:
        return f"{_PREFIXES[system]}//{code}"
    for start in (OWN_SYSTEM, _OWN_URN):
        if system.startswith(start) and len(system) > len(start):
            return f"{system.removeprefix(start)}//{code}"
    return None


def token_of(code: str) -> str:
    """The FHIR search token of an event code.

    >>> token_of("LOINC//8867-4")
    'http://loinc.org|8867-4'
    """
    prefix, _, local = code.partition("//")
    return f"{_SYSTEMS.get(prefix, OWN_SYSTEM + prefix)}|{local}"


def codes_of(concept: CodeableConcept) -> tuple[str, ...]:
    """Every event code that a concept's codings name, each once, in their order."""
    found = (code_of(coding.system, coding.code) for coding in concept.coding)
    return tuple(dict.fromkeys(code for code in found if code is not None))

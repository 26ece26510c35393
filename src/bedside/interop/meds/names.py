"""The names of MEDS 0.4: its columns, its files, its codes, and what kind of fact a code is."""

__all__ = [
    "COLUMNS",
    "FIXED_CODES",
    "KINDS",
    "OTHER_NAMES",
    "OWN",
    "VERSION",
    "bedside_code",
    "kind_of",
    "meds_code",
    "parent_of",
]

VERSION = "0.4.1"
COLUMNS = ("subject_id", "time", "code", "numeric_value", "text_value")

OTHER_NAMES = {
    "patient_id": "subject_id",
    "value": "numeric_value",
    "hadm_id": "encounter",
    "visit_id": "encounter",
    "encounter_id": "encounter",
    "end_time": "end",
    "end": "end",
    "unit": "unit",
}
"""Columns of older MEDS, of dialects of it and of its usual extensions, and what they are."""

OWN = "MEDS//"
FIXED_CODES = {"MEDS_BIRTH": "MEDS//BIRTH", "MEDS_DEATH": "MEDS//DEATH"}
_BACK = {ours: theirs for theirs, ours in FIXED_CODES.items()}


def bedside_code(code: str) -> str:
    """The code of an event in Bedside: as it is, if it has a system, or else under `MEDS//`.

    >>> bedside_code("LAB//50912//mg/dL"), bedside_code("HR"), bedside_code("MEDS_BIRTH")
    ('LAB//50912//mg/dL', 'MEDS//HR', 'MEDS//BIRTH')
    """
    if code in FIXED_CODES:
        return FIXED_CODES[code]
    return code if "//" in code and not code.startswith(OWN) else OWN + code


def meds_code(code: str) -> str:
    """The code of an event in MEDS: what `bedside_code` was given, and any other as it is.

    >>> meds_code("MEDS//HR"), meds_code("MEDS//BIRTH"), meds_code("LOINC//8867-4")
    ('HR', 'MEDS_BIRTH', 'LOINC//8867-4')
    """
    return _BACK.get(code) or code.removeprefix(OWN)


_VOCABULARIES = {
    name.upper(): name
    for name in (
        "ATC", "CPT4", "CVX", "HCPCS", "ICD10", "ICD10CM", "ICD10PCS", "ICD9CM", "ICD9Proc",
        "LOINC", "NDC", "RxNorm", "SNOMED",
    )
}  # fmt: skip


def parent_of(code: str) -> str | None:
    """The OMOP concept that a code is, as MEDS names parents: vocabulary and code.

    >>> parent_of("LOINC//8867-4"), parent_of("RXNORM//198405"), parent_of("HR")
    ('LOINC/8867-4', 'RxNorm/198405', None)
    """
    prefix, _, rest = code.partition("//")
    vocabulary = _VOCABULARIES.get(prefix)
    return f"{vocabulary}/{rest}" if vocabulary and rest and "//" not in rest else None


KINDS = {
    "meds_birth": "patient",
    "gender": "patient",
    "sex": "patient",
    "race": "patient",
    "ethnicity": "patient",
    "meds_death": "death",
    "lab": "measurement",
    "vital": "measurement",
    "subject_fluid_output": "measurement",
    "subject_weight_at_infusion": "measurement",
    "loinc": "measurement",
    "medication": "medication_administration",
    "infusion_start": "medication_administration",
    "infusion_end": "medication_administration",
    "prescription": "medication_request",
    "drug": "medication_request",
    "rxnorm": "medication_request",
    "diagnosis": "condition",
    "condition": "condition",
    "drg": "condition",
    "icd9cm": "condition",
    "icd10cm": "condition",
    "icd10": "condition",
    "procedure": "procedure",
    "hcpcs": "procedure",
    "cpt4": "procedure",
    "icd10pcs": "procedure",
    "icd9proc": "procedure",
    "device": "device",
    "visit": "encounter",
    "encounter": "encounter",
    "admission": "encounter",
    "discharge": "encounter",
    "hospital_admission": "encounter",
    "hospital_discharge": "encounter",
    "icu_admission": "encounter",
    "icu_discharge": "encounter",
    "transfer_to": "encounter",
    "ed_registration": "encounter",
    "ed_out": "encounter",
    "note": "document",
}
"""The kind of fact by the first part of a code in lower case; any other is an observation."""


def kind_of(code: str) -> str:
    """The kind of fact of a MEDS code: from its first part, for the rules of `known_at`.

    >>> kind_of("LAB//50912//mg/dL"), kind_of("MEDS_DEATH"), kind_of("Blood Pressure")
    ('measurement', 'death', 'observation')
    """
    return KINDS.get(code.partition("//")[0].strip().lower(), "observation")

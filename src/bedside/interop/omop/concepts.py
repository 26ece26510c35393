"""Concepts of the OMOP vocabularies: what they are called, and the few with a fixed meaning."""

__all__ = ["ADMINISTERED", "BOUNDS", "PREFIXES", "SEX", "SEX_WORDS", "prefix_of"]

PREFIXES = {
    "RxNorm": "RXNORM",
    "ICD9Proc": "ICD9PROC",
}
"""Vocabularies that have another prefix in Bedside's codes; the others keep their name."""

SEX = {8507: "male", 8532: "female", 8521: "other", 8570: "other", 8551: "unknown"}
SEX_WORDS = {
    "m": "male",
    "male": "male",
    "f": "female",
    "female": "female",
    "o": "other",
    "other": "other",
    "u": "unknown",
    "unknown": "unknown",
}

BOUNDS = {4171756: "<", 4171754: "<=", 4172704: ">", 4171755: ">="}
"""`operator_concept_id` of a value that is only a bound; 4172703 is `=`."""

ADMINISTERED = (32818, 38000179, 38000180)
"""`drug_type_concept_id` of a drug that was given: EHR administration record, physician
administered, inpatient administration. Any other drug was prescribed, dispensed or reported."""


def prefix_of(vocabulary: str) -> str:
    """The first part of the codes of a vocabulary.

    >>> prefix_of("RxNorm"), prefix_of("SNOMED")
    ('RXNORM', 'SNOMED')
    """
    return PREFIXES.get(vocabulary, vocabulary)

"""What may stand in the open part of a ledger entry: plain values, and no person's identity."""

import re
from functools import lru_cache
from typing import Any

from bedside.core.errors import Invalid

__all__ = ["guard_details"]

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_IDENTITY = frozenset(
    {"person", "mrn", "ssn", "nhs", "dob", "birth", "birthdate", "birthday", "surname", "forename",
     "address", "phone", "telephone", "mobile", "email", "postcode", "zip"}
)  # fmt: skip
_KIND_OF_NAME = frozenset({"first", "last", "family", "given", "full", "maiden", "middle"})
_PEOPLE = frozenset({"subjects", "patients"})
_PLAIN = frozenset({str, int, float, bool, type(None)})  # most values; they need no closer look
_DEPTH = 20


def guard_details(details: dict[str, Any]) -> None:
    """Refuse details that JSON cannot say, or whose names speak of an identity.

    The names are those of the direct identifiers of 45 CFR 164.514(b)(2). A count is fine:
    `subjects` or `patients` with a whole number, or any name that ends in `_count`.

    Raises:
        Invalid: a name such as `patient_id` or `mrn`, or a value that is not a string, a number,
            a truth value, null, a list or a mapping of those.

    >>> guard_details({"subjects": 569, "model_name": "biopsy", "auroc": 0.99})
    >>> guard_details({"PatientID": "x"})
    Traceback (most recent call last):
    bedside.core.errors.Invalid: The ledger does not take the detail 'PatientID': ...
    """
    if not isinstance(details, dict):
        raise Invalid("The details of a ledger entry are not a mapping.", fix="give names.")
    if not (_PLAIN.issuperset(map(type, details.values())) and _are_harmless(tuple(details))):
        _guard(details, depth=0)


@lru_cache(maxsize=1024)
def _are_harmless(names: tuple[Any, ...]) -> bool:
    """Whether none of the names speaks of a person, whatever stands under it."""
    return all(isinstance(name, str) and not _speaks_of_a_person(_words(name)) for name in names)


def _guard(value: Any, *, depth: int) -> None:
    if depth > _DEPTH:
        raise Invalid("The details of a ledger entry are nested too deep.", fix="flatten them.")
    if isinstance(value, dict):
        for name, inner in value.items():
            _guard_name(name, inner)
            if type(inner) not in _PLAIN:
                _guard(inner, depth=depth + 1)
    elif isinstance(value, list):
        for inner in value:
            if type(inner) not in _PLAIN:
                _guard(inner, depth=depth + 1)
    elif not isinstance(value, str | int | float | None):
        raise Invalid(
            f"The ledger does not take a detail of type {type(value).__name__}.",
            fix="give strings, numbers, lists and mappings.",
        )


def _guard_name(name: Any, value: Any) -> None:
    if not isinstance(name, str):
        raise Invalid("The name of a ledger detail is not a string.", fix="give a string.")
    words = _words(name)
    if not _speaks_of_a_person(words) or _is_count(words, value):
        return
    raise Invalid(
        f"The ledger does not take the detail '{name}': it could identify a person.",
        fix="put it in the sealed part, or give a count or a digest under another name.",
        code="identity_in_ledger",
    )


@lru_cache(maxsize=1024)
def _words(name: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in _WORD.findall(name))


def _is_count(words: tuple[str, ...], value: Any) -> bool:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return whole and bool(words) and (words[-1] == "count" or words[-1] in _PEOPLE)


@lru_cache(maxsize=1024)
def _speaks_of_a_person(words: tuple[str, ...]) -> bool:
    found = set(words)
    return (
        any(word.startswith(("patient", "subject")) for word in words)
        or bool(found & _IDENTITY)
        or words == ("name",)
        or ("name" in found and bool(found & _KIND_OF_NAME))
    )

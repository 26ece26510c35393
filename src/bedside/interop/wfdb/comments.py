"""What the comments of a WFDB header tell about the subject: age, sex and diagnoses."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Told", "read_comments"]

_AGE = re.compile(r"<?age>?\s*[:=]\s*(\d{1,3}(?:\.\d{1,3})?)(?!\S)", re.IGNORECASE)
_SEX = re.compile(r"<?(?:sex|gender)>?\s*[:=]\s*(male|female|m|f)\b", re.IGNORECASE)
_TERSE = re.compile(r"(-?\d{1,3}) ([MF])(?: .*)?")
_PAIR = re.compile(r"<?([A-Za-z][A-Za-z ()]{0,60})>?\s*:\s*(.*)")
_DIAGNOSES = frozenset(
    {
        "diagnosis", "diagnoses", "diagnose", "dx", "reason for admission",
        "acute infarction (localization)", "former infarction (localization)",
        "additional diagnoses",
    }
)  # fmt: skip
_NOTHING = frozenset({"", "n/a", "na", "no", "none", "unknown", "?", "-"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What was found: age in years, sex, diagnoses by their heading, and comments not used."""

    age: float | None
    sex: str | None
    diagnoses: tuple[tuple[str, str], ...]
    unused: int


def read_comments(comments: Sequence[str]) -> Told:
    """Read the comments of a header.

    >>> told = read_comments(["69 M 1085 1629 x1", "Aldomet, Inderal"])
    >>> told.age, told.sex, told.unused
    (69.0, 'male', 1)
    """
    age: float | None = None
    sex: str | None = None
    diagnoses, unused = [], 0
    for comment in comments:
        terse = _TERSE.fullmatch(comment)
        years = terse[1] if terse else _first(_AGE, comment)
        letter = terse[2] if terse else _first(_SEX, comment)
        pair = _PAIR.fullmatch(comment)
        is_diagnosis = pair is not None and pair[1].strip().lower() in _DIAGNOSES
        if years is not None and 0 <= float(years) <= 130:
            age = float(years)
        if letter is not None:
            sex = "female" if letter.lower().startswith("f") else "male"
        if pair is not None and is_diagnosis and pair[2].strip().lower() not in _NOTHING:
            diagnoses.append((pair[1].strip().lower(), pair[2].strip()[:1000]))
        elif comment and years is None and letter is None:
            unused += 1
    return Told(age=age, sex=sex, diagnoses=tuple(diagnoses), unused=unused)


def _first(pattern: re.Pattern[str], comment: str) -> str | None:
    found = pattern.search(comment)
    return found[1] if found else None

"""Sentences about codes and patients, and what can be written into the declaration."""

from collections.abc import Sequence

from bedside.core.records.evidence import FEW, count_shown
from bedside.core.records.quality import CodeQuality
from bedside.core.units import display
from bedside.data.quality.shown import number

__all__ = ["called", "listed", "patients", "plural", "rows", "unit_words", "yaml_text"]


def called(code: CodeQuality) -> str:
    """The code with its name, where it has one."""
    return f"{code.name} ({code.code})" if code.name else code.code


def patients(count: int) -> str:
    """So many patients.

    >>> patients(3), patients(1200)
    ('10 or fewer patients', '1,200 patients')
    """
    return f"{_words(count)} patients"


def rows(count: int, noun: str = "values") -> str:
    """So many of something.

    >>> rows(11), rows(0, "records")
    ('11 values', '0 records')
    """
    return f"{_words(count)} {noun}"


def _words(count: int) -> str:
    shown = count_shown(count)
    return FEW if isinstance(shown, str) else number(shown)


def plural(count: int, noun: str) -> str:
    """So many things that are no patients.

    >>> plural(1, "code"), plural(3, "code")
    ('1 code', '3 codes')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def listed(words: Sequence[str], most: int = 6) -> str:
    """A few words and how many more there are.

    >>> listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    rest = len(words) - most
    return ", ".join(words[:most]) + (f" and {rest} more" if rest > 0 else "")


def unit_words(unit: str | None) -> str:
    """A unit for reading, ` mmHg`, with the blank before it."""
    shown = display(unit)
    return f" {shown}" if shown and not shown.startswith("{") else ""


def yaml_text(text: str) -> str:
    """A text as YAML reads it back whatever it holds.

    >>> print(yaml_text("?"))
    "?"
    """
    safe = "".join(letter if letter.isprintable() else "?" for letter in text)
    return '"' + safe.replace("\\", "\\\\").replace('"', '\\"') + '"'

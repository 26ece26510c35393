"""What sources write for a unit, as the UCUM code that is meant."""

import csv
import re
from functools import cache
from importlib.resources import files

from bedside.core.units import KNOWN_UNITS
from bedside.interop.ucum.library import LONGEST, read_code

__all__ = ["spellings", "ucum_of"]

_EQUAL = str.maketrans(
    {"µ": "u", "μ": "u", "²": "2", "³": "3", "⁹": "9", "⁶": "6", "⁻": "-", "¹": "1", "×": "x"}
    | dict.fromkeys("\u200b\ufeff\u00a0 \t", "")
)
_POWER = re.compile(r"^(?:x|\*)?10(?:\*\*|\*|\^|e)?([369]|12)(?=/)")


@cache
def spellings() -> dict[str, str | None]:
    """The table `spellings.csv`; a key that begins with `=` counts as it is written."""
    text = files("bedside.interop.ucum").joinpath("spellings.csv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {
        row["spelling"] if row["spelling"].startswith("=") else _key(row["spelling"]): (
            row["ucum"] or None
        )
        for row in csv.DictReader(lines)
    }


def _key(text: str) -> str:
    """Without case and blanks, with one letter mu and one way to write a power of ten.

    >>> _key("x10³/µL")
    '10*3/ul'
    """
    return _POWER.sub(r"10*\1", text.translate(_EQUAL).casefold())


@cache
def _understood(text: str) -> str | None:
    table = spellings()
    for key in ("=" + text, _key(text)):
        if key in table:
            return table[key]
    return text if read_code(text) is not None else None


def ucum_of(text: str) -> str | None:
    """The UCUM code that a source means, or None where nobody can be sure.

    A code that is UCUM already is returned as it is. A spelling that could be two units, such as
    `G/L`, is not understood until the source declares it.

    >>> ucum_of("K/uL"), ucum_of("°C"), ucum_of("mm[Hg]"), ucum_of("G/L")
    ('10*3/uL', 'Cel', 'mm[Hg]', None)
    """
    text = text.strip()
    if not 0 < len(text) <= LONGEST:
        return None
    return text if text in KNOWN_UNITS else _understood(text)

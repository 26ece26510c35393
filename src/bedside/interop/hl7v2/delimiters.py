"""The characters that part a message: MSH-1 and MSH-2 say which they are."""

import re
from dataclasses import dataclass
from functools import lru_cache

from bedside.core.errors import Invalid

__all__ = ["ABSENT", "STANDARD", "Delimiters", "read_delimiters"]

ABSENT = "\0"
"""In place of a delimiter that a message does not have; no message may hold it."""

_USABLE = re.compile(r"[!-/:-@\[-`{-~]+")


@dataclass(frozen=True, slots=True)
class Delimiters:
    """What parts fields, components, repetitions and subcomponents, and what escapes them."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"
    truncation: str = ABSENT


STANDARD = Delimiters()


@lru_cache(64)
def _made(characters: str) -> Delimiters:
    return Delimiters(*characters)


def read_delimiters(message: str) -> Delimiters:
    r"""The delimiters that the beginning of a message declares (HL7 2.8, chapter 2.5.4).

    Raises:
        Invalid: it does not begin with `MSH` (code `hl7_no_header`), or MSH-1 and MSH-2 are not
            two to six different marks (`hl7_delimiters`).

    >>> read_delimiters("MSH|^~\\&|LAB").component
    '^'
    """
    if message[:3] != "MSH":
        raise Invalid(
            "it is no HL7 message: it does not begin with MSH",
            fix="send or export whole HL7 v2 messages.",
            code="hl7_no_header",
        )
    characters = message[3:4] + message[4:10].partition(message[3:4] or ABSENT)[0]
    if (
        not 3 <= len(characters) <= 6
        or len(set(characters)) != len(characters)
        or not _USABLE.fullmatch(characters)
    ):
        raise Invalid(
            "MSH-1 and MSH-2 do not name the delimiters",
            fix="begin the message with MSH|^~\\&| as HL7 asks.",
            code="hl7_delimiters",
        )
    return _made(characters)

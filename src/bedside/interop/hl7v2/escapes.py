r"""Escape sequences of HL7 v2 text: `\F\` is the field separator, `\.br\` a line break."""

import re
from collections.abc import Callable
from functools import lru_cache

from bedside.interop.hl7v2.delimiters import Delimiters

__all__ = ["escape", "unescape"]

_LAYOUT = re.compile(r"\.(?:br|sp|ce|fi|nf|in|ti|sk)[ ]*[+-]?\d{0,4}")
_BREAKS = (".br", ".sp", ".ce")


@lru_cache(64)
def _replacer(delimiters: Delimiters) -> Callable[[str], str]:
    mark = re.escape(delimiters.escape)
    sequence = re.compile(f"{mark}([^{mark}]{{0,4096}}){mark}")
    letters = {
        "F": delimiters.field,
        "S": delimiters.component,
        "T": delimiters.subcomponent,
        "R": delimiters.repetition,
        "E": delimiters.escape,
        "P": delimiters.truncation,
        "H": "",  # highlighting begins
        "N": "",  # and ends
    }

    def meant(found: "re.Match[str]") -> str:
        name = found[1]
        if name in letters:
            return letters[name]
        if name[:1] == "X":
            return _from_hexadecimal(name[1:], found[0])
        if _LAYOUT.fullmatch(name):
            return "\n" if name.startswith(_BREAKS) else ""
        return found[0]  # of another site, or of another character set: left as it is

    return lambda text: sequence.sub(meant, text)


def _from_hexadecimal(digits: str, written: str) -> str:
    try:
        octets = bytes.fromhex(digits)
    except ValueError:
        return written
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("latin-1")


def unescape(text: str, delimiters: Delimiters) -> str:
    r"""The text that is meant.

    Layout other than line breaks is left out; sequences that only the sender knows stay.

    >>> unescape(r"Tom \T\ Jerry\.br\5 \S\ 2", Delimiters())
    'Tom & Jerry\n5 ^ 2'
    """
    if delimiters.escape not in text:
        return text
    return _replacer(delimiters)(text)


def escape(text: str, delimiters: Delimiters) -> str:
    r"""The text as it may stand in a field; `unescape` gives it back.

    >>> escape("a|b\nc", Delimiters())
    'a\\F\\b\\X0A\\c'
    """
    named = {
        delimiters.escape: "E",
        delimiters.field: "F",
        delimiters.component: "S",
        delimiters.subcomponent: "T",
        delimiters.repetition: "R",
        "\r": "X0D",
        "\n": "X0A",
        "\v": "X0B",
        "\x1c": "X1C",
        "\0": "X00",
    }
    mark = delimiters.escape
    return "".join(f"{mark}{named[one]}{mark}" if one in named else one for one in text)

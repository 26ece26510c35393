"""Strangers' JSON into typed records, with errors that name the place and never the content."""

import re
from typing import TypeVar

import msgspec

from bedside.core.errors import Invalid

__all__ = ["decode", "decode_as", "invalid"]

T = TypeVar("T")

_PLACE = re.compile(r" - at `\$([A-Za-z0-9_.\[\]]*)`$")
_EXPECTED = re.compile(r"^Expected `([a-z0-9| ]+)`, got `([a-z]+)`")
_MISSING = re.compile(r"^Object missing required field `([A-Za-z_]+)`")


def invalid(where: str, problem: str, *, fix: str, code: str | None = None) -> Invalid:
    """An error about the element at `where`.

    >>> str(invalid("Observation.status", "is not given.", fix="give it."))
    'Observation.status is not given. Fix: give it.'
    """
    return Invalid(f"{where} {problem}", fix=fix, code=code)


def decode(decoder: "msgspec.json.Decoder[T]", content: bytes | msgspec.Raw, where: str) -> T:
    """Decode `content`; `where` names it in errors.

    Raises:
        Invalid: it is not JSON, or not of the decoder's type. The text names the element and
            never repeats what it holds.

    >>> decode(msgspec.json.Decoder(dict[str, int]), b'{"a": "secret"}', "The body")
    Traceback (most recent call last):
    bedside.core.errors.Invalid: The body[...] must be int, not str. Fix: correct this element.
    """
    try:
        return decoder.decode(content)
    except msgspec.ValidationError as error:
        raise _explained(str(error), where) from None
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError):
        raise invalid(
            where, "is not valid JSON.", fix="send one JSON document in UTF-8, without NaN."
        ) from None


def decode_as(kind: type[T], content: bytes | msgspec.Raw, where: str) -> T:
    """As `decode`, for a type that is met once."""
    return decode(msgspec.json.Decoder(kind), content, where)


def _explained(text: str, where: str) -> Invalid:
    found = _PLACE.search(text)
    place = where + (found.group(1) if found else "")
    if wrong := _EXPECTED.match(text):
        expected = wrong.group(1).replace(" | ", " or ")
        return invalid(
            place, f"must be {expected}, not {wrong.group(2)}.", fix="correct this element."
        )
    if missing := _MISSING.match(text):
        return invalid(f"{place}.{missing.group(1)}", "is not given.", fix="add it.")
    if text.startswith("Object contains unknown field"):
        return invalid(
            place, "holds a field that is not known here.", fix="remove it, or check its spelling."
        )
    return invalid(place, "is not what is expected here.", fix="correct this element.")

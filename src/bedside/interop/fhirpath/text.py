"""Functions of strings."""

import base64
import binascii
import html
import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from bedside.core.errors import Invalid
from bedside.interop.fhirpath.collection import Collection, ragged
from bedside.interop.fhirpath.scope import MAX_TEXT, Function, Invocation, texts

__all__ = ["FUNCTIONS"]

_STRING, _INTEGER, _BOOLEAN = "System.String", "System.Integer", "System.Boolean"
_GROUP = re.compile(r"\$(\d{1,2})|\$\{(\w+)\}")


def _of_one(change: Callable[[str], Any], kind: str) -> Function:
    """A function of the string alone."""

    def function(call: Invocation) -> Collection:
        found = texts(call, call.single())
        return call.give([None if text is None else change(text) for text in found], kind)

    return function


def _of_two(change: Callable[[str, str], Any], kind: str) -> Function:
    """A function of the string and one more."""

    def function(call: Invocation) -> Collection:
        pairs = zip(texts(call, call.single()), texts(call, call.given(0)), strict=True)
        return call.give([None if a is None or b is None else change(a, b) for a, b in pairs], kind)

    return function


def _of_three(change: Callable[[str, str, str], str]) -> Function:
    """A function of the string and two more."""

    def function(call: Invocation) -> Collection:
        first, second = texts(call, call.given(0)), texts(call, call.given(1))
        found = [
            None if a is None or b is None or c is None else change(a, b, c)
            for a, b, c in zip(texts(call, call.single()), first, second, strict=True)
        ]
        return call.give(texts(call, found), _STRING)

    return function


def _substring(call: Invocation) -> Collection:
    starts, lengths = call.given(0), call.given(1)
    if any(type(v) is not int for v in [*starts, *lengths] if v is not None):
        raise call.refuse("whole numbers as its arguments")
    found: list[str | None] = []
    for text, start, length in zip(texts(call, call.single()), starts, lengths, strict=True):
        if text is None or start is None or not 0 <= start < len(text):
            found.append(None)
        else:
            found.append(text[start:] if length is None else text[start : start + max(length, 0)])
    return call.give(found, _STRING)


def _replace(text: str, pattern: str, substitution: str) -> str:
    if len(text) * (len(substitution) + 1) > 100 * MAX_TEXT:
        raise Invalid("replace() makes too long a text.", fix="replace by a shorter one.")
    return text.replace(pattern, substitution)


@lru_cache(maxsize=256)
def _pattern(written: str) -> re.Pattern[str]:
    try:
        return re.compile(written.replace("(?<", "(?P<").replace("(?P<=", "(?<=").replace(
            "(?P<!", "(?<!"
        ), re.DOTALL)  # fmt: skip
    except (re.error, OverflowError, RecursionError):
        raise Invalid(
            "This is no regular expression.", fix="correct the pattern.", code="fhirpath_pattern"
        ) from None


def _matches(text: str, pattern: str) -> bool:
    return _pattern(pattern).search(text) is not None


def _matches_full(text: str, pattern: str) -> bool:
    return _pattern(pattern).fullmatch(text) is not None


def _replace_matches(text: str, pattern: str, substitution: str) -> str:
    if not pattern:
        return text
    template = _GROUP.sub(
        lambda match: rf"\g<{match.group(1) or match.group(2)}>", substitution.replace("\\", r"\\")
    )
    try:
        return _pattern(pattern).sub(template, text)
    except (re.error, IndexError):
        raise Invalid(
            "The substitution names a group that the pattern does not have.",
            fix="number the groups from $1.",
            code="fhirpath_pattern",
        ) from None


_ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "hex": binascii.hexlify,
    "base64": base64.b64encode,
    "urlbase64": base64.urlsafe_b64encode,
}
_DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "hex": binascii.unhexlify,
    "base64": base64.b64decode,
    "urlbase64": base64.urlsafe_b64decode,
}


def _encode(text: str, way: str) -> str | None:
    return _ENCODERS[way](text.encode("utf-8", "replace")).decode() if way in _ENCODERS else None


def _decode(text: str, way: str) -> str | None:
    try:
        return _DECODERS[way](text.encode()).decode() if way in _DECODERS else None
    except ValueError:
        return None


def _escape(text: str, target: str) -> str | None:
    if target == "html":
        return html.escape(text, quote=True).replace("&#x27;", "&#39;")
    return json.dumps(text, ensure_ascii=False)[1:-1] if target == "json" else None


def _unescape(text: str, target: str) -> str | None:
    if target == "html":
        return html.unescape(text)
    try:
        return str(json.loads('"' + re.sub(r'(?<!\\)"', r"\"", text) + '"', strict=False))
    except ValueError:
        return None


def _split(call: Invocation) -> Collection:
    pairs = list(zip(texts(call, call.single()), texts(call, call.given(0)), strict=True))
    lists = [
        () if text is None or by is None else text.split(by) if by else tuple(text)
        for text, by in pairs
    ]
    return ragged(lists, call.scope.rows, _STRING)


def _characters(call: Invocation) -> Collection:
    lists = [() if text is None else tuple(text) for text in texts(call, call.single())]
    return ragged(lists, call.scope.rows, _STRING)


def _join(call: Invocation) -> Collection:
    """Joined; an empty string where there is nothing, as the suite of SQL on FHIR has it."""
    focus = call.focus.valued()
    values = texts(call, focus.values)
    separators = texts(call, call.given(0))
    found: list[list[str]] = [[] for _ in range(call.size)]
    for row, value in zip(focus.rows.tolist(), values, strict=True):
        found[row].append(value or "")
    joined: list[Any] = [
        (by or "").join(parts) for parts, by in zip(found, separators, strict=True)
    ]
    return call.give(texts(call, joined), _STRING)


FUNCTIONS: dict[str, tuple[int, int, Function]] = {
    "indexOf": (1, 1, _of_two(str.find, _INTEGER)),
    "lastIndexOf": (1, 1, _of_two(str.rfind, _INTEGER)),
    "substring": (1, 2, _substring),
    "startsWith": (1, 1, _of_two(str.startswith, _BOOLEAN)),
    "endsWith": (1, 1, _of_two(str.endswith, _BOOLEAN)),
    "contains": (1, 1, _of_two(str.__contains__, _BOOLEAN)),
    "upper": (0, 0, _of_one(str.upper, _STRING)),
    "lower": (0, 0, _of_one(str.lower, _STRING)),
    "trim": (0, 0, _of_one(str.strip, _STRING)),
    "length": (0, 0, _of_one(len, _INTEGER)),
    "replace": (2, 2, _of_three(_replace)),
    "matches": (1, 2, _of_two(_matches, _BOOLEAN)),
    "matchesFull": (1, 2, _of_two(_matches_full, _BOOLEAN)),
    "replaceMatches": (2, 3, _of_three(_replace_matches)),
    "encode": (1, 1, _of_two(_encode, _STRING)),
    "decode": (1, 1, _of_two(_decode, _STRING)),
    "escape": (1, 1, _of_two(_escape, _STRING)),
    "unescape": (1, 1, _of_two(_unescape, _STRING)),
    "split": (1, 1, _split),
    "toChars": (0, 0, _characters),
    "join": (0, 1, _join),
}

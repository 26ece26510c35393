"""The words inside a task: edges of windows, durations, bounds and patterns of codes."""

import re
import warnings
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Literal

__all__ = [
    "Edge",
    "bounds",
    "bounds_text",
    "duration",
    "duration_text",
    "edge",
    "pattern_from_aces",
    "pattern_to_aces",
]

LONGEST = timedelta(days=366 * 200)
LONGEST_PATTERN = 2_000
_UNITS = {"d": 86_400, "h": 3_600, "min": 60, "s": 1}
_NUMBER = r"(\d{1,12}(?:\.\d{0,6})?|\.\d{1,6})"
_BREAK = r"\s*[,/]?\s*"
_WORDS = re.compile(
    rf"\s*(?:{_NUMBER}\s*(?:weeks?|wks?|w))?{_BREAK}"
    rf"(?:{_NUMBER}\s*(?:days?|dys?|d))?{_BREAK}"
    rf"(?:{_NUMBER}\s*(?:hours?|hrs?|h))?{_BREAK}"
    rf"(?:{_NUMBER}\s*(?:minutes?|mins?|m))?{_BREAK}"
    rf"(?:{_NUMBER}\s*(?:seconds?|secs?|s))?\s*",
    re.IGNORECASE,
)
_CLOCK = re.compile(
    r"\s*(?:(\d{1,6})\s*(?:days?|d)\s*,?\s*)?(\d{1,6}):(\d{2}):(\d{2})\s*", re.IGNORECASE
)
_EDGE = re.compile(
    r"(?P<near>trigger|start|end|\w{1,64}\.(?:start|end))"
    r"(?:\s*(?P<arrow>->|<-)\s*(?P<predicate>\w{1,64})|\s*(?P<sign>[+-])\s*(?P<span>.{1,80}))?",
    re.ASCII | re.DOTALL,
)
_FLAGS = re.compile(r"(\(\?[ims]+\))?(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """Where an edge lies: at, some time from, or at the nearest event of a predicate from `near`.

    `near` is `trigger`, `start` or `end` of the same window, or `NAME.start` or `NAME.end`.
    """

    near: str
    shift: timedelta = timedelta()
    arrow: Literal["->", "<-"] | None = None
    predicate: str | None = None

    @property
    def text(self) -> str:
        """The edge in the words of ACES and of Bedside, which agree."""
        if self.arrow:
            return f"{self.near} {self.arrow} {self.predicate}"
        if self.shift:
            sign = "-" if self.shift < timedelta() else "+"
            return f"{self.near} {sign} {duration_text(abs(self.shift))}"
        return self.near


def edge(text: str) -> Edge | None:
    """Read an edge; None if it is not one."""
    found = _EDGE.fullmatch(text.strip())
    if found is None:
        return None
    if found["arrow"]:
        arrow: Literal["->", "<-"] = "->" if found["arrow"] == "->" else "<-"
        return Edge(near=found["near"], arrow=arrow, predicate=found["predicate"])
    shift = timedelta()
    if found["span"]:
        span = duration(found["span"])
        if span is None:
            return None
        shift = -span if found["sign"] == "-" else span
    return Edge(near=found["near"], shift=shift)


def duration(text: str) -> timedelta | None:
    """Read a duration as ACES reads it (`30 days`, `1h30m`, `1 day, 02:00:00`); None if not one.

    >>> duration("1 day, 2 hours")
    datetime.timedelta(days=1, seconds=7200)
    """
    clock = _CLOCK.fullmatch(text)
    if clock:
        days, hours, minutes, seconds = (Decimal(part or 0) for part in clock.groups())
        parts = [Decimal(0), days, hours, minutes, seconds]
    else:
        words = _WORDS.fullmatch(text)
        if words is None or not any(words.groups()):
            return None
        parts = [Decimal(part or 0) for part in words.groups()]
    weeks, days, hours, minutes, seconds = parts
    total = (weeks * 7 + days) * 86_400 + hours * 3_600 + minutes * 60 + seconds
    if total > Decimal(LONGEST.total_seconds()):
        return None
    return timedelta(microseconds=int((total * 1_000_000).to_integral_value()))


def duration_text(span: timedelta) -> str:
    """A duration in the largest unit that holds it whole: `30 d`, `36 h`, `90 min`, `1.5 s`.

    >>> duration_text(timedelta(hours=36))
    '36 h'
    """
    for unit, seconds in _UNITS.items():
        count, rest = divmod(span, timedelta(seconds=seconds))
        if not rest:
            return f"{count} {unit}"
    seconds_text = Decimal(span // timedelta(microseconds=1)) / 1_000_000
    return f"{seconds_text.normalize():f} s"


def bounds(text: str) -> tuple[int | None, int | None] | None:
    """Read bounds such as `(1, None)`; None if they are none, or no count can keep them."""
    found = re.fullmatch(r"\s*\(?\s*(\d{1,9}|None|)\s*,\s*(\d{1,9}|None|)\s*\)?\s*", text)
    if found is None:
        return None
    low, high = (int(part) if part.isdigit() else None for part in found.groups())
    if low is None and high is None:
        return None
    if low is not None and high is not None and high < low:
        return None
    return low, high


def bounds_text(low: int | None, high: int | None) -> str:
    """Bounds in the words of ACES."""
    return f"({low}, {high})"


def pattern_from_aces(pattern: str) -> str | None:
    """A pattern that ACES finds anywhere in a code, as one that matches from the code's start.

    None if it is not a regular expression.

    >>> pattern_from_aces("^ICD10CM//I21"), pattern_from_aces("ADMISSION//.*")
    ('ICD10CM//I21', '.*ADMISSION//.*')
    """
    if not pattern or len(pattern) > LONGEST_PATTERN or not _compiles(pattern):
        return None
    flags, body = _FLAGS.fullmatch(pattern).groups(default="")  # type: ignore[union-attr]
    return flags + _from_start(body)


def _from_start(body: str) -> str:
    if body.startswith("^(?:") and body.endswith(")") and _compiles(body[4:-1]):
        return body[4:-1]
    if "|" not in body:
        if body.startswith("^") and body[1:2] not in ("", "*", "+", "?", "{"):
            return body[1:]
        return body if body.startswith(".*") else f".*{body}"
    return f".*(?:{body})"


def pattern_to_aces(pattern: str) -> str:
    """The pattern for ACES that finds the same codes, as ACES users would write it.

    >>> pattern_to_aces(".*ADMISSION//.*"), pattern_to_aces("ICD10CM//I21")
    ('ADMISSION//.*', '^ICD10CM//I21')
    """
    flags, body = _FLAGS.fullmatch(pattern).groups(default="")  # type: ignore[union-attr]
    simple = [body.removeprefix(".*"), f"^{body}"]
    if body.startswith(".*(?:") and body.endswith(")"):
        simple.insert(0, body[5:-1])
    for candidate in simple:
        if candidate and pattern_from_aces(flags + candidate) == pattern:
            return flags + candidate
    return f"{flags}^(?:{body})"


def _compiles(pattern: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError, ValueError):
        return False
    return True

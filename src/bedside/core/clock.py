"""Time as an argument: whoever needs the time is given a clock; and how times are read and told."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

from bedside.core.errors import Invalid

__all__ = ["HOUR", "Clock", "FixedClock", "SystemClock", "date_of_day", "day_number", "day_text"]
__all__ += ["days_of", "hours_of", "hours_since_1970", "iso", "microseconds", "moment_at"]
__all__ += ["parse_duration", "parse_instant", "since_1970"]

HOUR = 3_600_000_000  # microseconds
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_DAY = date(1970, 1, 1).toordinal()

_UNITS = (
    ("weeks", r"w|wks?|weeks?"),
    ("days", r"d|days?"),
    ("hours", r"h|hrs?|hours?"),
    ("minutes", r"m|mins?|minutes?"),
    ("seconds", r"s|secs?|seconds?"),
)
_DURATION = re.compile(
    r"\s*(?P<sign>-)?\s*(?=\d)"
    + "".join(rf"(?:(?P<{n}>\d+(?:\.\d+)?)\s*(?:{words})(?![a-z])[\s,]*)?" for n, words in _UNITS)
)


class Clock(Protocol):
    """Says what time it is, in UTC."""

    def now(self) -> datetime:
        """The present moment; time-zone aware."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The present moment in UTC."""
        return datetime.now(UTC)


@dataclass(slots=True)
class FixedClock:
    """A clock that stands where you put it."""

    at: datetime

    def now(self) -> datetime:
        """The moment it was set to."""
        return self.at


def day_number(day: str) -> int:
    """Days since 1970-01-01, of an ISO date.

    >>> day_number("1970-01-02")
    1
    """
    return date.fromisoformat(day).toordinal() - _FIRST_DAY


def date_of_day(number: int) -> date:
    """The date so many days after 1970-01-01.

    >>> date_of_day(0)
    datetime.date(1970, 1, 1)
    """
    return date.fromordinal(_FIRST_DAY + number)


def day_text(number: int) -> str:
    """ISO date of a day counted from 1970-01-01.

    >>> day_text(19_723)
    '2024-01-01'
    """
    return date_of_day(number).isoformat()


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC with microseconds, e.g. `2026-01-31T08:00:00.000000Z`.

    Raises:
        Invalid: the moment has no time zone.
    """
    if moment.tzinfo is None:
        raise Invalid(
            "A time without a zone was given.", fix="give a time with its zone, e.g. UTC."
        )
    there = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return there.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def parse_instant(text: str) -> datetime:
    """Read an ISO 8601 time that carries its zone.

    Raises:
        Invalid: it is not ISO 8601, or has no zone.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(
            "A time is not in ISO 8601.", fix="write it like 2026-01-31T08:00:00Z."
        ) from None
    if moment.tzinfo is None:
        raise Invalid("A time has no zone.", fix="end it with Z or an offset like +01:00.")
    return moment.astimezone(UTC)


def parse_duration(text: str) -> timedelta:
    """Read a duration such as `90 min`, `6h`, `30 days` or `1d 12h`.

    The units are weeks, days, hours, minutes and seconds (w, d, h, min or m, s), the longer first.

    Raises:
        Invalid: it is not one or more numbers, each followed by a unit.

    >>> parse_duration("90 min")
    datetime.timedelta(seconds=5400)
    >>> parse_duration("1 day 12 hours")
    datetime.timedelta(days=1, seconds=43200)
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise Invalid(
            f"'{text}' is not a duration.",
            fix="write a number and s, min, h, d or w, e.g. '90 min' or '1d 12h'.",
        )
    try:
        length = timedelta(**{name: float(found[name] or 0) for name, _ in _UNITS})
    except OverflowError:
        raise Invalid("A duration is longer than time.", fix="write a shorter one.") from None
    return -length if found["sign"] else length


def days_of(duration: str) -> float:
    """A duration that is written, in days.

    Raises:
        Invalid: see `parse_duration`.

    >>> days_of("36 h")
    1.5
    """
    return parse_duration(duration) / timedelta(days=1)


def hours_of(duration: str) -> float:
    """A duration that is written, in hours.

    Raises:
        Invalid: see `parse_duration`.

    >>> hours_of("90 min")
    1.5
    """
    return parse_duration(duration) / timedelta(hours=1)


def microseconds(length: timedelta) -> int:
    """A length of time as a whole number, exactly.

    >>> microseconds(timedelta(seconds=1))
    1000000
    """
    return (length.days * 86_400 + length.seconds) * 1_000_000 + length.microseconds


def since_1970(moment: datetime) -> int:
    """Microseconds since 1970 UTC, exactly, of a moment that has a zone.

    >>> since_1970(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000
    """
    return microseconds(moment - _EPOCH)


def moment_at(since: int) -> datetime:
    """The moment that is so many microseconds after 1970 UTC: the way back of `since_1970`.

    >>> moment_at(1_000_000).isoformat()
    '1970-01-01T00:00:01+00:00'
    """
    return _EPOCH + timedelta(microseconds=since)


def hours_since_1970(text: str) -> float:
    """Hours since 1970 UTC, of a time that is written.

    Raises:
        Invalid: see `parse_instant`.

    >>> hours_since_1970("1970-01-01T03:30:00+01:00")
    2.5
    """
    return parse_instant(text).timestamp() / 3600

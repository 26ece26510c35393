"""FHIR dates and times as microseconds since 1970, one by one; the fast way is the collector's."""

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo

from bedside.core.clock import since_1970

__all__ = ["EARLIEST_YEAR", "LATEST_YEAR", "NO_ZONE", "WRONG_YEAR", "birth_instant", "microseconds"]

EARLIEST_YEAR, LATEST_YEAR = 1850, 2200
MALFORMED = "a time is malformed"
NO_ZONE = "the time has no zone and the source declares no timezone"
WRONG_YEAR = f"a time is in a year outside {EARLIEST_YEAR} to {LATEST_YEAR}"
_MOMENT = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,18}))?)?"
    r"(Z|[+-]\d\d:\d\d)?)?)?)?",
    re.ASCII,
)
_LAST = timedelta(microseconds=1)


def microseconds(text: str, zone: tzinfo | None) -> int | str:
    """Microseconds since 1970 in UTC; or, as a text, why there is none.

    What names no time of day ends with its last microsecond, so that nothing is seen before it can
    have been: a date is the end of that day in `zone`, a month or year the end of that. A leap
    second is the second after it. Of an hour that a zone has twice it is the later one.

    Source: HL7 FHIR R4, data types date, dateTime and instant.

    >>> microseconds("1970-01-01T01:00:00.5+01:00", None)
    500000
    >>> microseconds("1970-01-01", UTC)
    86399999999
    >>> microseconds("1970-01-01T00:00:00", None)
    'the time has no zone and the source declares no timezone'
    """
    found = _MOMENT.fullmatch(text)
    if found is None:
        return MALFORMED
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    if not EARLIEST_YEAR <= int(year) <= LATEST_YEAR:
        return WRONG_YEAR
    where = _zone(offset) if offset else zone
    if where is None:
        return MALFORMED if offset else NO_ZONE
    try:
        if hour is None:
            local = _day_after(int(year), month, day) - _LAST
            parts = timedelta(0)
        else:
            local = datetime(int(year), int(month), int(day), int(hour), int(minute))  # noqa: DTZ001
            micros = int((fraction or "0")[:6].ljust(6, "0"))
            parts = timedelta(seconds=_second(second), microseconds=micros)
        return since_1970(local.replace(tzinfo=where, fold=1).astimezone(UTC) + parts)
    except (ValueError, OverflowError):
        return MALFORMED


def birth_instant(text: str) -> str:
    """The start of a birth date, as a time in UTC; one without month or day is taken mid-period.

    >>> birth_instant("1960-06-16"), birth_instant("1960")
    ('1960-06-16T00:00:00Z', '1960-07-01T00:00:00Z')
    """
    return text + {4: "-07-01", 7: "-15"}.get(len(text), "") + "T00:00:00Z"


def _second(text: str | None) -> int:
    second = int(text or 0)
    if second > 60:
        raise ValueError
    return second


def _zone(offset: str) -> timezone | None:
    if offset == "Z":
        return UTC
    hours, minutes = int(offset[1:3]), int(offset[4:])
    if hours > 23 or minutes > 59:  # FHIR says 14, and Polars does not
        return None
    ahead = timedelta(hours=hours, minutes=minutes)
    return timezone(-ahead if offset[0] == "-" else ahead)


def _day_after(year: int, month: str | None, day: str | None) -> datetime:
    """Midnight at the end of the day, month or year."""
    if day is not None and month is not None:
        after = date(year, int(month), int(day)) + timedelta(days=1)
    elif month is not None:
        first = date(year, int(month), 1)
        after = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    else:
        after = date(year + 1, 1, 1)
    return datetime(after.year, after.month, after.day)  # noqa: DTZ001  (its zone is set next)

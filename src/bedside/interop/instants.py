"""Times in strangers' JSON: with a zone, in a possible year, never repeated in an error."""

import re
from datetime import datetime

from bedside.core.clock import parse_instant
from bedside.core.errors import Invalid
from bedside.interop.strict_json import invalid

__all__ = ["read_instant"]

_DATE = re.compile(r"\d{4}(-\d\d(-\d\d)?)?")


def read_instant(text: str, where: str) -> datetime:
    """The moment in UTC.

    Raises:
        Invalid: it has no time of day or no zone, or its year is outside 1850 to 2200.

    >>> read_instant("2026-01-31T08:00:00+01:00", "as_of").isoformat()
    '2026-01-31T07:00:00+00:00'
    >>> read_instant("2026-01-31", "as_of")
    Traceback (most recent call last):
    bedside.core.errors.Invalid: as_of is a date without a time of day. \
Fix: give the time and its zone, like 2026-01-31T08:00:00Z.
    """
    if _DATE.fullmatch(text):
        raise invalid(
            where,
            "is a date without a time of day.",
            fix="give the time and its zone, like 2026-01-31T08:00:00Z.",
        )
    try:
        moment = parse_instant(text)
    except (Invalid, OverflowError):
        raise invalid(
            where, "is not a time with a zone.", fix="write it like 2026-01-31T08:00:00Z."
        ) from None
    if not 1850 <= moment.year <= 2200:
        raise invalid(where, "is in a year outside 1850 to 2200.", fix="correct the year.")
    return moment

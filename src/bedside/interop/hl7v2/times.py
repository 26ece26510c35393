"""Times of HL7 v2 (DT, TM, TS, DTM), of every precision, with or without an offset."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from bedside.core.errors import Invalid

__all__ = ["NO_ZONE", "Moment", "read_time"]

Precision = Literal["year", "month", "day", "hour", "minute", "second"]

NO_ZONE = "the time has no zone and the source declares no timezone"
_TIME = re.compile(
    r"(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:\.(\d{0,9}))?)?)?)?)?)?"
    r"([+-]\d{4})?",
    re.ASCII,
)
_PRECISIONS: tuple[Precision, ...] = ("year", "month", "day", "hour", "minute", "second")
_OLDEST, _NEWEST = 1850, 2200
_LEAST = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as it was written.

    Args:
        begin: The first moment that it can mean, in UTC.
        precision: What is given; a minute is what a clock on the ward shows, and counts as exact.
        end: The last moment that it can mean: the end of the day, of the month or of the year.
        day: The date as it is written, or its first day; without a zone.
    """

    begin: datetime
    precision: Precision
    end: datetime
    day: datetime

    @property
    def known(self) -> datetime:
        """When what is dated so had happened for certain: never too early.

        >>> read_time("20260131", "Europe/Berlin").known.isoformat()
        '2026-01-31T22:59:59.999999+00:00'
        """
        return self.begin if self.precision in ("minute", "second") else self.end


@lru_cache(16384)
def read_time(text: str, zone: str | None) -> Moment:
    """The moment that a text of HL7 names.

    Args:
        text: Such as `20260131`, `202601310800`, `20260131080059.123+0100`.
        zone: The IANA zone of a time that carries no offset.

    Raises:
        Invalid: it is no time, or one outside 1850 to 2200 (code `hl7_time`), or it has no offset
            and no zone is given (`hl7_no_zone`). The text is never repeated.

    >>> read_time("202601310800+0100", None).begin.isoformat()
    '2026-01-31T07:00:00+00:00'
    """
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise _no_time()
    numbers = [int(one) for one in found.groups()[:6] if one is not None]
    precision = _PRECISIONS[len(numbers) - 1]
    fraction = int((found[7] or "0").ljust(6, "0")[:6])
    year, month, day, *clock = (*numbers, 1, 1)[: max(3, len(numbers))]
    if not _OLDEST <= year <= _NEWEST:
        raise _no_time()
    try:
        hour, minute, second = (*clock, 0, 0, 0)[:3]
        local = datetime(year, month, day, hour, minute, min(second, 59), fraction)  # noqa: DTZ001
        if second > 60:
            raise _no_time()
    except ValueError:
        raise _no_time() from None
    where = _zone(found[8], zone)
    begin = local.replace(tzinfo=where)
    end = (_after(local, precision) - _LEAST).replace(tzinfo=where)
    return Moment(
        begin=begin.astimezone(UTC),
        precision=precision,
        end=end.astimezone(UTC),
        day=datetime(year, month, day, tzinfo=UTC),
    )


def _zone(offset: str | None, zone: str | None) -> ZoneInfo | timezone:
    if offset:
        shift = timedelta(hours=int(offset[1:3]), minutes=int(offset[3:]))
        if shift > timedelta(hours=18) or int(offset[3:]) > 59:
            raise _no_time()
        return timezone(-shift if offset[0] == "-" else shift)
    if zone is None:
        raise Invalid(
            NO_ZONE,
            fix="declare timezone: in the source, such as Europe/Berlin.",
            code="hl7_no_zone",
        )
    return ZoneInfo(zone)


def _after(local: datetime, precision: Precision) -> datetime:
    """The first moment after all that the time can mean."""
    match precision:
        case "year":
            return local.replace(year=local.year + 1)
        case "month":
            return (local + timedelta(days=32)).replace(day=1)
        case "day":
            return local + timedelta(days=1)
        case "hour":
            return local + timedelta(hours=1)
        case "minute":
            return local + timedelta(minutes=1)
        case _:
            return local + _LEAST


def _no_time() -> Invalid:
    return Invalid(
        "a time is not in HL7's form, or is in no possible year",
        fix="write it like 20260131080000+0100.",
        code="hl7_time",
    )

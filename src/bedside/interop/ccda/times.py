"""Times of HL7 version 3 (TS, IVL_TS): of any precision, with or without an offset."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from xml.etree.ElementTree import Element

from bedside.interop.ccda.xml import child, children, is_null, refused, type_of

__all__ = ["NO_ZONE", "Interval", "interval_of", "moment", "start_of_day"]

NO_ZONE = "the time has no zone and the source declares no timezone"

_TIME = re.compile(
    r"(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(\.\d{1,12})?)?)?)?)?)?"
    r"(?:([+-])(\d\d)(\d\d)?)?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """When something was: in UTC; `end_first` says that its end lay before its beginning."""

    time: datetime | None
    end: datetime | None = None
    end_first: bool = False


def moment(text: str, zone: tzinfo | None, told: datetime | None = None) -> datetime:
    """The moment in UTC.

    What is told less precisely than to the minute is placed at the last microsecond of the hour,
    day, month or year: nobody may see it before it is over. Where somebody told of it before that,
    it had happened by then.

    Args:
        text: Such as `20130815`, `201308151030-0800`.
        zone: Of times that carry no offset.
        told: When it was told of.

    Raises:
        Invalid: it is no time, is in a year outside 1850 to 2200, or has no zone.

    >>> moment("201308151030-0800", None).isoformat()
    '2013-08-15T18:30:00+00:00'
    >>> moment("2013", UTC).isoformat()
    '2013-12-31T23:59:59.999999+00:00'
    """
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise refused("a time is malformed")
    year, month, day, hour, minute, second = (
        int(part) if part else None for part in found.groups()[:6]
    )
    if year is None or not 1850 <= year <= 2200:
        raise refused("a time is in a year outside 1850 to 2200")
    offset = _offset(found[8], found[9], found[10]) or zone
    if offset is None:
        raise refused(NO_ZONE)
    try:
        clock = hour or 0, minute or 0, min(second or 0, 59)
        begin = datetime(year, month or 1, day or 1, *clock, tzinfo=offset)
        if minute is None:
            last = _next(begin, month, day, hour).astimezone(UTC) - timedelta(microseconds=1)
            return told if told is not None and begin <= told < last else last
        fraction = timedelta(microseconds=int(float(found[7] or 0) * 1e6))
        return (begin + fraction).astimezone(UTC)
    except (ValueError, OverflowError):
        raise refused("a time is impossible") from None


def start_of_day(text: str) -> datetime:
    """Midnight UTC of a birth date, so that an age comes out right.

    Raises:
        Invalid: as for `moment`.
    """
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise refused("a time is malformed")
    date = "".join(part or "01" for part in found.groups()[:3])
    return moment(date, UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _next(begin: datetime, month: int | None, day: int | None, hour: int | None) -> datetime:
    """Where the year, month, day or hour that begins here is over."""
    if month is None:
        return begin.replace(year=begin.year + 1)
    if day is None:
        return (begin + timedelta(days=31)).replace(day=1)
    return begin + (timedelta(days=1) if hour is None else timedelta(hours=1))


def _offset(sign: str | None, hours: str | None, minutes: str | None) -> tzinfo | None:
    if sign is None:
        return None
    length = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    if length > timedelta(hours=15):
        raise refused("a time is impossible")
    return timezone(length if sign == "+" else -length)


def interval_of(act: Element, zone: tzinfo | None, told_of: datetime) -> Interval:
    """When an act was, by its `effectiveTime`; a schedule (PIVL, EIVL) does not say when.

    Args:
        act: The act.
        zone: Of times that carry no offset.
        told_of: When the act was told of.

    Raises:
        Invalid: as for `moment`.
    """
    for told in children(act, "effectiveTime"):
        if type_of(told) in {"PIVL_TS", "EIVL_TS"} or is_null(told):
            continue
        point = told.get("value") or _value(told, "center")
        low, high = _value(told, "low") or point, _value(told, "high")
        if low is None and high is None:
            continue
        time = moment(low or high or "", zone, told_of)
        end = moment(high, zone, told_of) if high and low else None
        if end is not None and end < time:
            return Interval(time=time, end_first=True)
        return Interval(time=time, end=end)
    return Interval(time=None)


def _value(told: Element, name: str) -> str | None:
    bound = child(told, name)
    return bound.get("value") if bound is not None and not is_null(bound) else None

"""Dates and times as exact as they were written: reading, comparing, adding and bounding them."""

import re
from calendar import monthrange
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Literal

from bedside.core.errors import Invalid

__all__ = ["Moment", "bound", "compare", "of_clock", "plus", "precision", "read_moment"]

Kind = Literal["Date", "DateTime", "Time"]
_TEXT = re.compile(
    r"(?:(\d{4})(?:-(\d\d)(?:-(\d\d))?)?)?"
    r"(T?(?:(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d+))?)?)?)?(Z|[+-]\d\d:\d\d)?)?"
)
_SECOND, _MINUTE, _HOUR = 1_000_000, 60_000_000, 3_600_000_000
_DAY = 24 * _HOUR
_YEAR, _MONTH, _DAY_PART, _HOUR_PART, _MINUTE_PART, _SECOND_PART = range(1, 7)
_CALENDAR = {"year": _YEAR, "month": _MONTH, "day": _DAY_PART}
_LENGTHS = {
    "week": 7 * _DAY,
    "day": _DAY,
    "hour": _HOUR,
    "minute": _MINUTE,
    "second": _SECOND,
    "millisecond": 1000,
}
# How precise a count of digits is, as FHIRPath's precision() counts: 2014-01 has 6.
_DIGITS = {
    "Date": {4: 1, 6: 2, 8: 3},
    "DateTime": {4: 1, 6: 2, 8: 3, 10: 4, 12: 5, 14: 6, 17: 6},
    "Time": {2: 4, 4: 5, 6: 6, 9: 6},
}


@dataclass(frozen=True)
class Moment:
    """A date, a date and time, or a time of day, known down to its last part.

    Attributes:
        parts: Year, month, day, hour, minute, microseconds of the minute: as many as are known.
            A time of day has year, month and day 1.
        zone: Minutes east of UTC, None where no zone is given.
        digits: How many digits after the second were written.
    """

    kind: Kind
    parts: tuple[int, ...]
    zone: int | None = None
    digits: int = 0

    @cached_property
    def span(self) -> tuple[int, int]:
        """The first and the last microsecond it may stand for, on its own clock."""
        known = len(self.parts)
        year, month, day, hour, minute, micro = self.parts + (1, 1, 1, 0, 0, 0)[known:]
        start = (date(year, month, day).toordinal() * 24 + hour) * _HOUR + minute * _MINUTE + micro
        if known == _YEAR:
            length = (366 if monthrange(year, 2)[1] == 29 else 365) * _DAY
        elif known == _MONTH:
            length = monthrange(year, month)[1] * _DAY
        else:
            length = {_DAY_PART: _DAY, _HOUR_PART: _HOUR, _MINUTE_PART: _MINUTE}.get(known, 1)
        return start, start + length - 1

    def __str__(self) -> str:
        year, month, day, *_ = (*self.parts, 1, 1, 1)
        known = len(self.parts)
        text = ""
        if self.kind != "Time":
            text = "-".join([f"{year:04d}", f"{month:02d}", f"{day:02d}"][: min(known, 3)])
            text += "T" if known > _DAY_PART else ""
        if known >= _HOUR_PART:
            text += f"{self.parts[3]:02d}"
        if known >= _MINUTE_PART:
            text += f":{self.parts[4]:02d}"
        if known >= _SECOND_PART:
            second, micro = divmod(self.parts[5], _SECOND)
            text += f":{second:02d}" + (f".{micro:06d}"[: self.digits + 1] if self.digits else "")
        if self.zone is not None and known >= _HOUR_PART:
            sign, minutes = "-" if self.zone < 0 else "+", abs(self.zone)
            text += "Z" if self.zone == 0 else f"{sign}{minutes // 60:02d}:{minutes % 60:02d}"
        return text


def read_moment(text: str, kind: Kind) -> Moment | None:
    """The moment that `text` writes; None where it writes none of this kind.

    >>> str(read_moment("2015-02", "Date")), read_moment("2015-13", "Date")
    ('2015-02', None)
    """
    found = _TEXT.fullmatch(text) if len(text) <= 40 else None
    if found is None:
        return None
    year, month, day, clock, hour, minute, second, fraction, zone = found.groups()
    if kind == "Time":
        if year or zone or not hour:
            return None
        known = [1, 1, 1]
    elif not year or (kind == "Date" and clock) or (hour and not (day and "T" in clock)):
        return None
    else:
        known = [int(part) for part in (year, month, day) if part]
    known += [int(part) for part in (hour, minute) if part]
    if second:
        known.append(int(second) * _SECOND + int((fraction or "0")[:6].ljust(6, "0")))
    if not _possible(known, zone) or (zone and not hour):
        return None
    return Moment(kind, tuple(known), _offset(zone), min(len(fraction or ""), 6))


def _possible(known: list[int], zone: str | None) -> bool:
    year, month, day, hour, minute, micro = (known + [1, 1, 1, 0, 0, 0][len(known) :])[:6]
    if not (1 <= year <= 9999 and 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]):
        return False
    if zone and zone != "Z" and (abs(_offset(zone) or 0) > 14 * 60 or int(zone[4:]) > 59):
        return False
    return hour <= 23 and minute <= 59 and micro < 60 * _SECOND


def _offset(zone: str | None) -> int | None:
    if zone is None:
        return None
    if zone == "Z":
        return 0
    minutes = int(zone[1:3]) * 60 + int(zone[4:])
    return -minutes if zone[0] == "-" else minutes


def of_clock(now: datetime, kind: Kind) -> Moment:
    """The moment that a clock with a zone shows, to the millisecond."""
    micro = now.second * _SECOND + now.microsecond // 1000 * 1000
    clock = (now.hour, now.minute, micro)
    if kind == "Time":
        return Moment("Time", (1, 1, 1, *clock), None, 3)
    day = (now.year, now.month, now.day)
    if kind == "Date":
        return Moment("Date", day)
    offset = now.utcoffset() or timedelta(0)
    return Moment("DateTime", (*day, *clock), int(offset.total_seconds()) // 60, 3)


def compare(left: Moment, right: Moment) -> int | None:
    """-1, 0 or 1; None where it is uncertain, since one of them says less.

    A date and a time of day are never compared: see `operators`.
    """
    (low, high), (other_low, other_high) = left.span, right.span
    if left.zone is not None and right.zone is not None:
        low, high = low - left.zone * _MINUTE, high - left.zone * _MINUTE
        other_low = other_low - right.zone * _MINUTE
        other_high = other_high - right.zone * _MINUTE
    elif left.zone is not None or right.zone is not None:
        # A zone that is not given may be anything from 14 hours east to 12 hours west of UTC.
        slack = 26 * _HOUR
        low, high = low - slack, high + slack
    if high < other_low:
        return -1
    if low > other_high:
        return 1
    return 0 if (low, high) == (other_low, other_high) else None


def plus(moment: Moment, amount: Decimal, unit: str) -> Moment:
    """The moment `amount` units later; the parts of a unit are dropped, as FHIRPath's suite has it.

    The unit is one of the calendar, in the singular: year, month, week, day, hour, minute, second
    or millisecond.

    Raises:
        Invalid: the result is outside the years 1 to 9999.

    >>> str(plus(Moment("Date", (2024, 1, 31)), Decimal(1), "month"))
    '2024-02-29'
    """
    whole = int(amount)
    known = len(moment.parts)
    try:
        if moment.kind == "Time":
            total = moment.span[0] - _DAY * date(1, 1, 1).toordinal() + whole * _LENGTHS[unit]
            return replace(moment, parts=(1, 1, 1, *_clock(total % _DAY, known)))
        if unit in {"year", "month"} or known < _DAY_PART:
            return _later_months(moment, whole, unit)
        step = timedelta(microseconds=whole * _LENGTHS[unit])
        if known == _DAY_PART:
            step = timedelta(days=int(step / timedelta(days=1)))
        year, month, day = moment.parts[:3]
        start = datetime(year, month, day) + timedelta(  # noqa: DTZ001  (its own clock)
            microseconds=moment.span[0] % _DAY
        )
        later = start + step
    except (OverflowError, ValueError, KeyError):
        raise Invalid(
            "Adding this amount of time leaves the years 1 to 9999, or the unit does not fit.",
            fix="add less, or in a unit that the date or time has.",
        ) from None
    clock = (later - later.replace(hour=0, minute=0, second=0, microsecond=0)) // timedelta(
        microseconds=1
    )
    return replace(
        moment,
        parts=(later.year, later.month, later.day, *_clock(clock, known)),
        digits=max(moment.digits, 3) if unit == "millisecond" else moment.digits,
    )


def _clock(micro: int, known: int) -> tuple[int, ...]:
    clock = (micro // _HOUR, micro % _HOUR // _MINUTE, micro % _MINUTE)
    return clock[: max(known - 3, 0)]


def _later_months(moment: Moment, whole: int, unit: str) -> Moment:
    year, month, day = (*moment.parts, 1, 1)[:3]
    known = len(moment.parts)
    if unit == "year":
        months = whole * 12
    elif unit == "month":
        months = whole
    else:
        days = int(Decimal(whole * _LENGTHS[unit]) / _DAY)
        months = int(Decimal(days) / 365) * 12 if known == _YEAR else int(Decimal(days) / 30)
    if known == _YEAR:
        months = int(Decimal(months) / 12) * 12
    index = year * 12 + month - 1 + months
    year, month = divmod(index, 12)
    month += 1
    day = min(day, monthrange(year, month)[1]) if 1 <= year <= 9999 else 0
    date(year, month, day)
    return replace(moment, parts=(year, month, day)[:known] + moment.parts[3:])


def precision(moment: Moment) -> int:
    """How many digits it has, as FHIRPath counts: 4 for a year, 17 for milliseconds."""
    known = len(moment.parts)
    digits = {1: 4, 2: 6, 3: 8, 4: 10, 5: 12, 6: 14}[known] + (3 if moment.digits else 0)
    return digits - 8 if moment.kind == "Time" else digits


def bound(moment: Moment, *, high: bool, digits: int | None = None) -> Moment | None:
    """The earliest or latest moment that it may stand for, to `digits`; None where these are none.

    >>> str(bound(Moment("Date", (1970, 6)), high=True))
    '1970-06-30'
    """
    wanted = {"Date": 8, "DateTime": 17, "Time": 9}[moment.kind] if digits is None else digits
    kind: Kind = moment.kind
    if kind == "Date" and wanted > 8:
        kind = "DateTime"
    parts = _DIGITS[kind].get(wanted)
    if parts is None:
        return None
    micro = moment.span[1 if high else 0]
    day = date.fromordinal(micro // _DAY)
    clock = (micro % _DAY // _HOUR, micro % _HOUR // _MINUTE, micro % _MINUTE // 1000 * 1000)
    zone = moment.zone
    if kind == "DateTime" and zone is None and parts >= _HOUR_PART:
        zone = -12 * 60 if high else 14 * 60
    whole = (*((1, 1, 1) if kind == "Time" else (day.year, day.month, day.day)), *clock)
    return Moment(kind, whole[:parts], zone, 3 if wanted in {9, 17} and parts == 6 else 0)

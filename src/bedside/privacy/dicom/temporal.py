"""Dates, times and ages of a header: as a year, moved, or kept; always a valid value."""

import re
from datetime import date, timedelta

from bedside.privacy.dicom.options import Dates

__all__ = ["capped_age", "temporal_value"]

_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})\Z")
_OLD_DATE = re.compile(r"(\d{4})[./-](\d{2})[./-](\d{2})\Z")
_DATETIME = re.compile(r"(\d{4})(?:(\d{2})(?:(\d{2})(.*))?)?\Z")
_CLOCK = re.compile(r"(?:\d{2}(?:\d{2}(?:\d{2}(?:\.\d{1,6})?)?)?)?(?:[+-]\d{4})?\Z")
_AGE = re.compile(r"(\d{1,3})([DWMY])\Z")
_PER_YEAR = {"Y": 1.0, "M": 12.0, "W": 52.18, "D": 365.25}


def temporal_value(vr: str, text: str, how: Dates, offset: int) -> str | None:
    """What stands in place of one DA, DT or TM value; None: nothing can.

    A value that is no date is not guessed at: nothing stands for it. `YEAR` writes a DA as 1
    January, because DA has no shorter form, and a DT as the year alone, which DT allows.

    >>> temporal_value("DA", "20230517", Dates.YEAR, 0)
    '20230101'
    >>> temporal_value("DA", "20230517", Dates.SHIFTED, -14)
    '20230503'
    >>> temporal_value("DT", "20230517081500.5+0100", Dates.SHIFTED, -14)
    '20230503081500.5+0100'
    >>> temporal_value("DT", "20230517081500", Dates.YEAR, 0)
    '2023'
    >>> temporal_value("TM", "081500", Dates.YEAR, 0) is None
    True
    """
    text = text.strip(" \0")
    if how is Dates.KEPT:
        return text if _valid(vr, text) else None
    if vr == "TM":
        return text if how is Dates.SHIFTED and _valid("TM", text) else None
    if vr == "DT":
        return _moved_datetime(text, how, offset)
    found = _DATE.match(text) or _OLD_DATE.match(text)
    return None if found is None else _moved(found.groups(), how, offset)


def _valid(vr: str, text: str) -> bool:
    if vr == "TM":
        return bool(text) and _CLOCK.match(text.replace(":", "")) is not None
    if vr == "DA":
        return (found := _DATE.match(text)) is not None and _moved(
            found.groups(), Dates.SHIFTED, 0
        ) is not None
    found = _DATETIME.match(text)
    return found is not None and _CLOCK.match(found[4] or "") is not None


def _moved(parts: tuple[str, ...], how: Dates, offset: int) -> str | None:
    try:
        day = date(*(int(part) for part in parts))
        moved = day + timedelta(days=offset)
    except (ValueError, OverflowError):
        return None
    return f"{day.year:04d}0101" if how is Dates.YEAR else moved.strftime("%Y%m%d").zfill(8)


def _moved_datetime(text: str, how: Dates, offset: int) -> str | None:
    found = _DATETIME.match(text)
    if found is None:
        return None
    year, month, day, clock = found.groups()
    if how is Dates.YEAR:
        return str(year)
    if day is None:
        # A year or a month alone cannot be moved by days; the year of its first day stays.
        moved = _moved((year, month or "01", "01"), how, offset)
        return None if moved is None else moved[:4]
    moved = _moved((year, month, day), how, offset)
    return None if moved is None or not _CLOCK.match(clock or "") else moved + (clock or "")


def capped_age(text: str) -> str | None:
    """An age of 90 years or more as `090Y`, which then means: 90 or above; None: it is no age.

    >>> capped_age("094Y"), capped_age("75Y"), capped_age("1100M"[1:]), capped_age("?")
    ('090Y', '075Y', '100M', None)
    """
    found = _AGE.match(text.strip(" \0"))
    if found is None:
        return None
    count, unit = int(found[1]), found[2]
    return "090Y" if count / _PER_YEAR[unit] >= 90 else f"{count:03d}{unit}"

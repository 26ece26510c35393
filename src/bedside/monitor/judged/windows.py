"""Days that are judged or told of: the last so many, a month, or between two."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from bedside.core.clock import iso, parse_duration
from bedside.core.errors import Invalid

__all__ = ["Window", "last_days", "month_of"]

_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Days (UTC), both ends in.

    Raises:
        Invalid: it ends before it begins.
    """

    since: date
    until: date

    def __post_init__(self) -> None:
        if self.until < self.since:
            raise Invalid("The days end before they begin.", fix="give the earlier day first.")

    @property
    def mark(self) -> str:
        """As it stands in the names of files."""
        return f"{self.since}-to-{self.until}"

    def holds(self, moment: str) -> bool:
        """Whether a moment (ISO 8601) lies in it."""
        return self.since.isoformat() <= moment[:10] <= self.until.isoformat()

    @property
    def days(self) -> int:
        """How many."""
        return (self.until - self.since).days + 1

    @property
    def ends(self) -> tuple[str, str]:
        """The first moment of the first day, and that after the last (ISO 8601)."""
        first, after = (
            iso(datetime.combine(day, time(), UTC))
            for day in (self.since, self.until + timedelta(days=1))
        )
        return first, after


def last_days(length: str, today: date) -> Window:
    """The last days, today among them.

    Args:
        length: Such as `28 d`; whole days.
        today: In UTC.

    Raises:
        Invalid: it is no length of whole days.

    >>> last_days("28d", date(2026, 10, 28)).since.isoformat()
    '2026-10-01'
    """
    told = parse_duration(length)
    if told < timedelta(days=1) or told % timedelta(days=1):
        raise Invalid("A window has no whole days.", fix="give days, such as 28d.")
    return Window(since=today - told + timedelta(days=1), until=today)


def month_of(text: str) -> Window:
    """A month of the calendar.

    Raises:
        Invalid: it is no month.

    >>> month_of("2026-02").until.isoformat()
    '2026-02-28'
    """
    if not _MONTH.fullmatch(text):
        raise Invalid(f"'{text[:20]}' is no month.", fix="give year and month, such as 2026-10.")
    first = date.fromisoformat(f"{text}-01")
    after = (first + timedelta(days=31)).replace(day=1)
    return Window(since=first, until=after - timedelta(days=1))

"""The time that a data set covers, and the periods that its trend is shown in."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate

import polars as pl

from bedside.core.records.event import MERGED_INTO, TAKEN_BACK

__all__ = ["Span", "TimesMet", "span_of", "times_met"]

_LEFT_OUT = 0.005  # of the events at either end: one wrong date must not stretch the picture
_LENGTHS = {"month": "1mo", "quarter": "3mo", "year": "1y", "decade": "10y"}
_MONTHS = {"month": 1, "quarter": 3, "year": 12, "decade": 120}
_PERIODS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From `first` to `last` (months since the year 0), in periods of `every`; None: no times."""

    every: str | None
    first: int = 0
    last: int = 0

    def period(self, time: pl.Expr) -> pl.Expr:
        """The date on which the period of a time begins; null outside the span."""
        if self.every is None:
            return pl.lit(None, dtype=pl.Date)
        month = time.dt.year().cast(pl.Int64) * 12 + time.dt.month().cast(pl.Int64) - 1
        begins = time.dt.truncate(_LENGTHS[self.every]).dt.date()
        return pl.when(month.is_between(self.first, self.last)).then(begins)


@dataclass(kw_only=True)
class TimesMet:
    """Events in each month (since the year 0), and the earliest and latest time; they add up."""

    months: Counter[int]
    first: datetime | None = None
    last: datetime | None = None


def times_met(batches: Iterable[pl.DataFrame]) -> TimesMet:
    """When the events of these batches happened; births and what is no event left out."""
    met = TimesMet(months=Counter())
    other = [MERGED_INTO, TAKEN_BACK, "MEDS//BIRTH"]
    for events in batches:
        time = events.filter(
            pl.col("time").is_not_null() & ~pl.col("code").cast(pl.String).is_in(other)
        )["time"]
        if time.is_empty():
            continue
        month = time.dt.year().cast(pl.Int64) * 12 + time.dt.month().cast(pl.Int64) - 1
        for one, count in month.value_counts().iter_rows():
            met.months[int(one)] += int(count)
        first, last = time.min(), time.max()
        if isinstance(first, datetime) and isinstance(last, datetime):
            met.first = min(met.first or first, first).astimezone(UTC)
            met.last = max(met.last or last, last).astimezone(UTC)
    return met


def span_of(met: TimesMet) -> Span:
    """The shortest periods that are not more than forty; None where all is in one month."""
    total = sum(met.months.values())
    if not total:
        return Span(every=None)
    months = sorted(met.months)
    passed = list(accumulate(met.months[month] for month in months))
    first = next(m for m, sofar in zip(months, passed, strict=True) if sofar > _LEFT_OUT * total)
    last = next(
        m for m, sofar in zip(months, passed, strict=True) if sofar >= (1 - _LEFT_OUT) * total
    )
    if first >= last:
        return Span(every=None)
    few = [name for name, length in _MONTHS.items() if (last - first) // length < _PERIODS]
    return Span(every=few[0] if few else "decade", first=first, last=last)

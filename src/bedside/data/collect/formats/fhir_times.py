"""Columns of FHIR dates and times, as they are written, into moments in UTC."""

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo

import polars as pl

from bedside.data.collect.facts import UTC_US
from bedside.interop.fhir_bulk.moments import EARLIEST_YEAR, LATEST_YEAR, microseconds

__all__ = ["read_times"]

_FIRST, _LAST = (
    datetime(year, 7, 1, tzinfo=UTC) for year in (EARLIEST_YEAR, LATEST_YEAR)
)  # what lies near the bounds is looked at by itself, whatever its zone
_USUAL = "%Y-%m-%dT%H:%M:%S%.f%:z"


def read_times(
    texts: Sequence[str | None], zone: tzinfo | None
) -> tuple[pl.Series, dict[int, str]]:
    """Moments in UTC (shape (n,)), and by position why a text that is there gives none.

    A full time with its offset, as nearly all are, is read by Polars in columns. What it does not
    understand is read by itself, each text once: dates, leap seconds, times without a zone.
    """
    written = pl.Series(texts, dtype=pl.String)
    if written.null_count() == len(written):
        return written.cast(UTC_US), {}
    moments = written.str.to_datetime(_USUAL, time_unit="us", time_zone="UTC", strict=False)
    sure = moments.is_between(_FIRST, _LAST)
    if sure.all(ignore_nulls=False):
        return moments, {}
    places = (~sure.fill_null(value=False) & written.is_not_null()).arg_true()
    known: dict[str, int | str] = {}
    found: list[int | None] = []
    why: dict[int, str] = {}
    for place, text in zip(places, written.gather(places), strict=True):
        if text not in known:
            known[text] = microseconds(text, zone)
        one = known[text]
        found.append(one if isinstance(one, int) else None)
        if isinstance(one, str):
            why[place] = one
    read = pl.Series(found, dtype=pl.Int64).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return moments.scatter(places, read), why

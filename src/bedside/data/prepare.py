"""Clean events: every value in its declared unit, implausible values set aside and counted."""

import polars as pl

from bedside.core.records.declaration import Signal
from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.features.inputs import plausible_ranges

__all__ = ["prepare"]


def prepare(
    events: pl.DataFrame, signals: dict[str, Signal]
) -> tuple[pl.DataFrame, dict[str, object]]:
    """Set implausible values aside, by the same ranges as at the bedside.

    Returns:
        The clean events, and the quality report: values set aside, by signal. Counts of ten or
        fewer are shown as "10 or fewer".
    """
    ranges = plausible_ranges(signals)
    table = pl.DataFrame(
        {
            "code": list(ranges),
            "low": [rule.low for rule in ranges.values()],
            "high": [rule.high for rule in ranges.values()],
        },
        schema={"code": pl.String, "low": pl.Float64, "high": pl.Float64},
    )
    marked = events.join(table, on="code", how="left", maintain_order="left").with_columns(
        (
            pl.col("value").is_null()
            | pl.col("low").is_null()
            | pl.col("value").is_between(pl.col("low"), pl.col("high"))
        ).alias("kept")
    )
    aside = dict(marked.filter(~pl.col("kept"))["code"].value_counts().sort("code").iter_rows())
    report: dict[str, object] = {
        "events": events.height,
        "set_aside": {ranges[code].signal: _shown(count) for code, count in aside.items()},
    }
    return marked.filter(pl.col("kept")).drop("low", "high", "kept"), report


def _shown(count: int) -> int | str:
    return count if count > SUPPRESS_AT_OR_BELOW else "10 or fewer"

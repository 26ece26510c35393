"""Clean events: every value in its declared unit, implausible values set aside and counted."""

from collections import Counter
from collections.abc import Mapping

import polars as pl

from bedside.core.records.declaration import Signal
from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.features.inputs import plausible_ranges

__all__ = ["prepare", "quality_report"]


def prepare(
    events: pl.DataFrame, signals: dict[str, Signal]
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Set implausible values aside, by the same ranges as at the bedside.

    A correction whose value is implausible still takes back what it corrects: its row stays,
    without the value.

    Returns:
        The clean events, and how many values were set aside, by signal.
    """
    ranges = plausible_ranges(signals)
    table = pl.DataFrame(
        {
            "code": list(ranges),
            "low": [rule.low for rule in ranges.values()],
            "high": [rule.high for rule in ranges.values()],
        },
        schema={"code": events.schema["code"], "low": pl.Float64, "high": pl.Float64},
    )
    marked = events.join(table, on="code", how="left", maintain_order="left").with_columns(
        (
            pl.col("value").is_null()
            | pl.col("low").is_null()
            | pl.col("value").is_between(pl.col("low"), pl.col("high"))
        ).alias("kept")
    )
    aside = marked.filter(~pl.col("kept"))["code"].cast(pl.String).value_counts().iter_rows()
    counts = Counter[str]()
    for code, count in aside:
        counts[ranges[code].signal] += count
    correction = pl.col("replaces").is_not_null()
    value = pl.when(pl.col("kept")).then(pl.col("value")).alias("value")
    clean = marked.filter(pl.col("kept") | correction).with_columns(value)
    return clean.drop("low", "high", "kept"), counts


def quality_report(events: int, aside: Mapping[str, int]) -> dict[str, object]:
    """Events and values set aside, by signal; ten or fewer are shown as "10 or fewer"."""
    shown = {
        name: count if count > SUPPRESS_AT_OR_BELOW else "10 or fewer"
        for name, count in sorted(aside.items())
    }
    return {"events": events, "set_aside": shown}

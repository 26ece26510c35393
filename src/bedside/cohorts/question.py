"""When each subject is asked about, and what came true: ACES windows, evaluated in columns."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from bedside.core.clock import parse_duration
from bedside.core.errors import Invalid
from bedside.core.records.question import Question, Window

__all__ = ["ask", "asked_codes"]

_EDGE = re.compile(r"(trigger|start|end)(?:\s*([+-])\s*(.+))?")


def asked_codes(question: Question) -> list[str]:
    """The codes that a question speaks of; events of others are not needed to answer it."""
    return sorted({str(predicate.code) for predicate in question.predicates.values()})


def ask(question: Question, shards: pl.DataFrame | Iterable[pl.DataFrame]) -> pl.DataFrame:
    """One row per prediction time: subject_id, prediction_time, label (0 or 1).

    Rows are in the order of the shards, and in each by subject and time. Of the events, the
    columns subject_id, time and code are read.

    A prediction time is each event of the trigger predicate. The label is 1 when the labelled
    window holds at least one event of its label predicate. Rows whose windows break a `has`
    bound are left out.

    Raises:
        Invalid: no subject has the trigger.
    """
    tables = [shards] if isinstance(shards, pl.DataFrame) else shards
    answered = [_ask(question, events) for events in tables]
    if not any(part.asked for part in answered):
        raise Invalid(
            f"No subject has an event of the trigger '{question.trigger}'.",
            fix="check the code of its predicate against the collected events.",
        )
    return pl.concat([part.rows for part in answered])


@dataclass(frozen=True, slots=True)
class _Answered:
    """The rows of one shard, and how often its subjects were asked about before any bound."""

    rows: pl.DataFrame
    asked: int


def _ask(question: Question, events: pl.DataFrame) -> _Answered:
    codes = {name: str(predicate.code) for name, predicate in question.predicates.items()}
    asked = (
        events.filter(pl.col("code") == codes[question.trigger])
        .select("subject_id", pl.col("time").alias("prediction_time"))
        .unique()
        .sort("subject_id", "prediction_time")
        .with_row_index("row")
    )
    label = pl.Series("label", [0] * asked.height, dtype=pl.Int64)
    keep = pl.Series("keep", [True] * asked.height, dtype=pl.Boolean)
    for window in question.windows.values():
        for name, bounds in window.has.items():
            count = _counts(asked, events, codes[name], window)
            low, high = _bounds(bounds)
            keep = keep & (count >= low) & (count <= high)
        if window.label is not None:
            label = (_counts(asked, events, codes[window.label], window) > 0).cast(pl.Int64)
    return _Answered(
        asked.with_columns(label.alias("label")).filter(keep).drop("row"), asked.height
    )


def _counts(asked: pl.DataFrame, events: pl.DataFrame, code: str, window: Window) -> pl.Series:
    """How many events of the code lie in the window of each asked row, in row order."""
    start, end = _offset(window.start, window), _offset(window.end, window)
    found = events.filter(pl.col("code") == code).select("subject_id", "time")
    pairs = asked.join(found, on="subject_id", how="inner")
    inside = pl.lit(True)
    moment = pl.col("prediction_time")
    if start is not None:
        edge = moment + start
        inside &= pl.col("time") >= edge if window.start_inclusive else pl.col("time") > edge
    if end is not None:
        edge = moment + end
        inside &= pl.col("time") <= edge if window.end_inclusive else pl.col("time") < edge
    counted = pairs.filter(inside).group_by("row").agg(pl.len().alias("n"))
    return asked.join(counted, on="row", how="left", maintain_order="left")["n"].fill_null(0)


def _offset(edge: str | None, window: Window) -> timedelta | None:
    """An edge's distance from the trigger; None is the end of the record."""
    if edge is None:
        return None
    found = _EDGE.fullmatch(edge.strip())
    if found is None:
        raise Invalid(f"'{edge}' is not a window edge.", fix="write it like trigger + 6h.")
    anchor, sign, text = found.groups()
    step = parse_duration(text) if text else timedelta()
    if sign == "-":
        step = -step
    if anchor == "trigger":
        return step
    other = window.start if anchor == "start" else window.end
    if other is None or other.strip().startswith(anchor):
        raise Invalid(f"'{edge}' leans on an edge that is open.", fix="anchor it to trigger.")
    base = _offset(other, window)
    return step + (base or timedelta())


def _bounds(text: str) -> tuple[float, float]:
    """ACES bounds such as "(1, None)"; both ends belong to the range."""
    low, _, high = text.strip().strip("()").partition(",")
    try:
        return (
            0.0 if low.strip() == "None" else float(low),
            float("inf") if high.strip() == "None" else float(high),
        )
    except ValueError:
        raise Invalid(f"'{text}' are not bounds.", fix="write them like (1, None).") from None

"""What is told of each scored row, as the columns of a sealed table."""

import json
from typing import Any

import msgspec
import numpy as np
import polars as pl

from bedside.core.ids import canonical_json
from bedside.core.records.answer import Abstention, Score
from bedside.features.words_at import words_at
from bedside.lifecycle.frames import frame_bytes
from bedside.lifecycle.platform import Platform
from bedside.serve.bulk import REASONS, Rows
from bedside.serve.scoring import Broken, Scored

__all__ = ["MOVED", "put_result", "read_result", "reasons_of", "spread", "table_of"]

_REASON = pl.Struct(
    {
        "feature": pl.String,
        "text": pl.String,
        "contribution": pl.Float64,
        "measured_at": pl.String,
    }
)
MOVED = pl.List(_REASON)
"""What moved a score."""
_OUTCOMES = ("score", "failure", "abstention")


def table_of(rows: Rows, names: tuple[str, ...]) -> pl.DataFrame:
    """What became of n rows, as it is sealed; null where nothing is told.

    Args:
        rows: As they were scored.
        names: Of the outputs.
    """
    scored = rows.reason < 0
    failed = ~scored & (rows.signal < 0)
    outcome = np.where(scored, 0, np.where(failed, 1, 2))  # of _OUTCOMES
    outputs = {f"output.{name}": rows.outputs[:, at] for at, name in enumerate(names)}
    return pl.DataFrame(
        {
            "outcome": words_at(_OUTCOMES, outcome),
            "reason": words_at(REASONS, rows.reason),
            "signal": words_at(rows.signals, rows.signal),
            "risk": _number(rows.risk),
            **{name: _number(values) for name, values in outputs.items()},
            "threshold": _number(rows.threshold),
            "alert": pl.Series(rows.alert).set(pl.Series(~scored), None),
            "low": _number(rows.low),
            "high": _number(rows.high),
            "likely": _likely(rows),
        }
    )


def _number(values: Any) -> pl.Series:
    return pl.Series(np.ascontiguousarray(values)).fill_nan(None)


def _likely(rows: Rows) -> pl.Series:
    kind = pl.List(pl.String)
    if rows.likely is None:
        return pl.repeat(None, len(rows.risk), dtype=kind, eager=True)
    sets = pl.Series([*map(list, rows.sets), None], dtype=kind)
    return sets.gather(np.where(rows.likely < 0, len(rows.sets), rows.likely))


def spread(told: pl.DataFrame, fit: Any, checked: pl.DataFrame) -> pl.DataFrame:
    """The rows in their places, and between them those that were not fit, with why."""
    if told.height == checked.height:
        return told
    place = np.full(checked.height, told.height, dtype=np.int64)
    place[fit] = np.arange(told.height)
    gap = pl.DataFrame({name: [None] for name in told.columns}, schema=told.schema)
    whole = pl.concat([told, gap])[place]
    return whole.with_columns(
        pl.col("outcome").fill_null("abstention"),
        whole["reason"].fill_null(checked["reason"]),
        whole["signal"].fill_null(checked["signal"]),
    )


def reasons_of(scored: Scored | Broken | None) -> list[dict[str, Any]] | None:
    """What moved a score, as it is told at the bedside; None of what is no score."""
    if scored is None or isinstance(scored, Broken) or isinstance(scored.outcome, Abstention):
        return None
    score: Score = scored.outcome
    return [_named(msgspec.to_builtins(one)) for one in score.reasons]


def _named(reason: dict[str, Any]) -> dict[str, Any]:
    return {name: reason[name] for name in ("feature", "text", "contribution", "measured_at")}


def put_result(platform: Platform, table: pl.DataFrame) -> bytes:
    """Seal the rows of one task.

    Returns:
        JSON: the sealed object with the rows (`part`), and how many came to each `outcome`.
    """
    counts = dict(table["outcome"].value_counts().iter_rows())
    part = platform.objects.put(frame_bytes(table))
    return canonical_json({"part": part, "counts": counts, "rows": table.height})


def read_result(result: bytes) -> dict[str, Any]:
    """What `put_result` answered."""
    told: dict[str, Any] = json.loads(result)
    return told

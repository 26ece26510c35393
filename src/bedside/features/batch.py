"""The runner for a shard: an event table and many prediction times at once."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.core.errors import Invalid
from bedside.features.definition import FeatureSet
from bedside.features.kernel import (
    ALWAYS,
    NEVER,
    EventColumns,
    Floats,
    SparseFeatures,
    compute,
    compute_sparse,
)
from bedside.features.plan import Plan, columns_of, plan_of

__all__ = [
    "SAYING",
    "Events",
    "features_at",
    "rows_of",
    "shard_columns",
    "sparse_features_at",
    "stamps",
]

Ints = npt.NDArray[np.int64]
Events = pl.DataFrame | Callable[[Sequence[str]], pl.DataFrame]
"""A shard of the event table, or what reads the named columns of it, the rows always in the same
order. Then only the columns that are needed are read: see `columns_of`. A column that a table does
not have is empty."""
SAYING = ("value", "text", "end")
"""A correction that has none of them is no event."""


def rows_of(feature_set: FeatureSet) -> pl.Expr:
    """The rows of the event table that the features need: of their codes, and every correction."""
    return pl.col("code").is_in(list(feature_set.codes)) | pl.col("replaces").is_not_null()


def features_at(feature_set: FeatureSet, events: Events, asked: pl.DataFrame) -> Floats:
    """Feature matrix, shape (len(asked), k), in the row order of `asked`.

    Args:
        feature_set: What to compute.
        events: A shard of the event table, clean; it holds every event of its subjects.
        asked: Columns subject_id and prediction_time, sorted by both.
    """
    subject, moment = _asked(asked)
    return compute(feature_set, _shard(feature_set, events), subject, moment)


def sparse_features_at(
    feature_set: FeatureSet, events: Events, asked: pl.DataFrame
) -> SparseFeatures:
    """The same matrix without what is implied, as `SparseFeatures` says.

    Raises:
        Invalid: `asked` is not sorted.
    """
    subject, moment = _asked(asked)
    later = (subject[1:] == subject[:-1]) & (moment[1:] < moment[:-1])
    if later.any() or (subject[1:] < subject[:-1]).any():
        raise Invalid(
            "The asked rows are not by subject and prediction time.",
            fix="sort them by subject_id and prediction_time.",
        )
    return compute_sparse(feature_set, _shard(feature_set, events), subject, moment)


def _asked(asked: pl.DataFrame) -> tuple[Ints, Ints]:
    """Of each row the subject and the moment."""
    subject: Ints = asked["subject_id"].cast(pl.Int64).to_numpy()
    return subject, stamps(asked["prediction_time"], ALWAYS)


def shard_columns(
    feature_set: FeatureSet, events: pl.DataFrame, index: pl.DataFrame
) -> EventColumns:
    """The columns of a shard; events of other codes or subjects are left out.

    Args:
        feature_set: Its codes and categories decide which events count.
        events: The event table.
        index: Columns subject_id and subject (its index from 0, ascending with subject_id).
    """
    columns = _shard(feature_set, events)
    ids = index["subject_id"].to_numpy()
    place = np.searchsorted(ids, columns.subject)
    asked = np.append(ids, 0)[place] == columns.subject if len(ids) else np.zeros(0, dtype=bool)
    rows = np.flatnonzero((columns.code >= 0) & asked & (place < len(ids)))
    return replace(columns.taken(rows), subject=place[rows])


def _shard(feature_set: FeatureSet, events: Events) -> EventColumns:
    """The columns of a shard; the code of an event that does not count is under 0."""
    plan = plan_of(feature_set)
    table = _read(events, columns_of(feature_set))
    code = _codes(plan, table["code"])
    known_at = stamps(table["known_at"], ALWAYS)
    superseded = np.full(table.height, NEVER)
    if table["replaces"].null_count() < table.height:
        correcting = np.flatnonzero(table["replaces"].is_not_null().to_numpy())
        _supersede(superseded, table, correcting)
        code[_silent(events, table, correcting[code[correcting] >= 0])] = -1
    return EventColumns(
        subject=table["subject_id"].cast(pl.Int64).to_numpy(),
        code=code,
        time=stamps(table["time"], ALWAYS),
        known_at=known_at,
        superseded_at=superseded,
        value=_values(plan, table),
        end=stamps(table["end"], NEVER) if plan.reads_ends else None,
        label=_labels(plan, table["text"], code) if plan.labels else None,
    )


def _read(events: Events, columns: Sequence[str]) -> pl.DataFrame:
    if not isinstance(events, pl.DataFrame):
        return events(columns)
    empty = [pl.lit(None).alias(name) for name in columns if name not in events.columns]
    return events.with_columns(empty).select(columns)


def _codes(plan: Plan, code: pl.Series) -> Ints:
    """The place of each code in the plan, through the dictionary of the column."""
    if not isinstance(code.dtype, pl.Categorical):
        code = code.cast(pl.Categorical)
    wanted = pl.Series(list(plan.codes), dtype=pl.String).cast(code.dtype).to_physical().to_numpy()
    physical = code.to_physical().to_numpy()
    size = max(int(wanted.max(initial=0)), int(physical.max(initial=0))) + 1
    place = np.full(size, -1, dtype=np.int64)
    place[wanted] = np.arange(len(wanted))
    found: Ints = place[physical]
    return found


def stamps(times: pl.Series, empty: int) -> Ints:
    """Microseconds since 1970 UTC, shape (n,); `empty` where there is no time."""
    found: Ints = times.cast(pl.Datetime("us", "UTC")).to_physical().fill_null(empty).to_numpy()
    return found


def _values(plan: Plan, table: pl.DataFrame) -> Floats:
    """The value; 1 where there is none and no text; NaN where only a text stands."""
    if not plan.reads_values:
        return np.full(table.height, np.nan)
    value = table["value"]
    if value.null_count() == 0:
        return value.to_numpy()
    number = value.to_numpy()
    bare = (value.is_null() & table["text"].is_null()).to_numpy()
    filled: Floats = np.where(bare, 1.0, number)
    return filled


def _labels(plan: Plan, text: pl.Series, code: Ints) -> Ints:
    """The place of each text among the labels, of events whose code is asked for."""
    label = np.full(len(text), -1, dtype=np.int64)
    rows = np.flatnonzero((code >= 0) & text.is_not_null().to_numpy())
    told = text.gather(rows).cast(pl.String)
    label[rows] = told.replace_strict(
        list(plan.labels), list(plan.labels.values()), default=len(plan.labels),
        return_dtype=pl.Int64,
    ).to_numpy()  # fmt: skip
    return label


def _silent(events: Events, table: pl.DataFrame, rows: Ints) -> Ints:
    """Those of the rows, each a correction, that say nothing themselves."""
    for columns in (
        [name for name in SAYING if name in table.columns],
        [name for name in SAYING if name not in table.columns],
    ):
        if columns and len(rows):
            told = table if columns[0] in table.columns else _read(events, columns)
            for name in columns:
                rows = rows[told[name].gather(rows).is_null().to_numpy()]
    return rows


def _supersede(superseded: Ints, table: pl.DataFrame, correcting: Ints) -> None:
    """Note when the first correction of each row, about the same subject, could be seen."""
    first = (
        table.select("subject_id", "known_at", "replaces")[correcting]
        .group_by("subject_id", pl.col("replaces").alias("source_row"))
        .agg(pl.col("known_at").to_physical().min().alias("superseded_at"))
    )
    rows = np.flatnonzero(table["source_row"].is_in(first["source_row"].implode()).to_numpy())
    replaced = table.select("subject_id", "source_row")[rows].with_columns(row=rows)
    found = replaced.join(first, on=["subject_id", "source_row"], how="inner")
    superseded[found["row"].to_numpy()] = found["superseded_at"].to_numpy()

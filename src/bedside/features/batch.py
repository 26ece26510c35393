"""The runner for a shard: an event table and many prediction times at once."""

import numpy as np
import polars as pl

from bedside.features.definition import FeatureSet
from bedside.features.kernel import ALWAYS, NEVER, EventColumns, Floats, compute
from bedside.features.table import encodings

__all__ = ["features_at", "shard_columns"]


def features_at(feature_set: FeatureSet, events: pl.DataFrame, asked: pl.DataFrame) -> Floats:
    """Feature matrix, shape (len(asked), k), in the row order of `asked`.

    Args:
        feature_set: What to compute.
        events: A shard of the event table, clean; it holds every event of its subjects.
        asked: Columns subject_id and prediction_time, sorted by both.
    """
    if asked.is_empty():
        return np.empty((0, len(feature_set.features)))
    subjects = asked["subject_id"].unique().sort()
    index = pl.DataFrame(
        {"subject_id": subjects, "subject": np.arange(len(subjects), dtype=np.int64)}
    )
    columns = shard_columns(feature_set, events, index)
    place = asked.select("subject_id").join(index, on="subject_id", maintain_order="left")
    moment = asked["prediction_time"].cast(pl.Int64).to_numpy()
    return compute(feature_set, columns, place["subject"].to_numpy(), moment)


def shard_columns(
    feature_set: FeatureSet, events: pl.DataFrame, index: pl.DataFrame
) -> EventColumns:
    """The columns of a shard; events of other codes or subjects are left out.

    Args:
        feature_set: Its codes and categories decide which events count.
        events: The event table.
        index: Columns subject_id and subject (its index from 0).
    """
    codes = pl.DataFrame(
        {
            "code": list(feature_set.codes),
            "code_index": np.arange(len(feature_set.codes), dtype=np.int64),
        }
    )
    rows = (
        events.with_columns(pl.col("code").cast(pl.String))
        .join(index, on="subject_id", how="inner")
        .join(codes, on="code", how="inner")
        .join(_superseded(events), on="source_row", how="left")
        .with_columns(_number(feature_set).alias("number"))
        .filter(pl.col("number").is_not_null())
    )
    return EventColumns(
        subject=rows["subject"].to_numpy(),
        code=rows["code_index"].to_numpy(),
        time=rows["time"].cast(pl.Int64).fill_null(ALWAYS).to_numpy(),
        known_at=rows["known_at"].cast(pl.Int64).to_numpy(),
        superseded_at=rows["superseded_at"].fill_null(NEVER).to_numpy(),
        value=rows["number"].to_numpy(),
    )


def _superseded(events: pl.DataFrame) -> pl.DataFrame:
    """When each corrected row's first correction could be seen."""
    return (
        events.filter(pl.col("replaces").is_not_null())
        .group_by(pl.col("replaces").alias("source_row"))
        .agg(pl.col("known_at").cast(pl.Int64).min().alias("superseded_at"))
    )


def _number(feature_set: FeatureSet) -> pl.Expr:
    """The number of an event, as `table.number_of` says."""
    text = pl.col("text").cast(pl.String)
    stands = pl.col("replaces").is_null() | pl.col("end").is_not_null()
    number = pl.coalesce(pl.col("value"), pl.when(text.is_null() & stands).then(1.0))
    found = encodings(feature_set)
    for code, encoding in found.items():
        if not encoding.mark:
            by_text = text.replace_strict(
                list(encoding.index),
                list(encoding.index.values()),
                default=encoding.otherwise,
                return_dtype=pl.Float64,
            )
            number = pl.when(pl.col("code") == code).then(by_text).otherwise(number)
            number = pl.when((pl.col("code") != code) | text.is_not_null()).then(number)
    marks = [code for code, encoding in found.items() if encoding.mark]
    if marks:
        says = stands | pl.col("value").is_not_null() | text.is_not_null()
        number = pl.when(~pl.col("code").is_in(marks)).then(number).when(says).then(1.0)
    return number

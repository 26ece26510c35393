"""Shifts made where they arise: on the events, before anything is computed of them."""

import numpy as np
import polars as pl

from bedside.monitor.sampling import uniform
from bedside.monitor.shifts.injection import EventChange

__all__ = ["changed_events"]


def changed_events(events: pl.DataFrame, change: EventChange, *, seed: int) -> pl.DataFrame:
    """The events as they come once it has happened; the order stays.

    Args:
        events: Columns of the event table, at least subject_id, code, value and text.
        change: What is done, to which codes, for which share of the subjects.
        seed: Which subjects are hit.
    """
    hit = pl.col("code").cast(pl.String).is_in(list(change.codes))
    if change.share < 1:
        drawn = uniform(events["subject_id"].to_numpy(), seed) < change.share
        hit = hit & pl.Series(np.ascontiguousarray(drawn))
    if change.what == "drop":
        return events.filter(~hit)
    if change.what == "recode":
        text = pl.col("text").cast(pl.String)
        told = text.replace(dict(change.texts))
        return events.with_columns(pl.when(hit).then(told).otherwise(text).alias("text"))
    if change.what == "rename":
        code = pl.col("code").cast(pl.String)
        other = pl.when(hit).then(pl.lit(change.other)).otherwise(code).alias("code")
        return events.with_columns(other.cast(events["code"].dtype))
    moved = pl.col("value") * change.factor + change.offset
    return events.with_columns(pl.when(hit).then(moved).otherwise(pl.col("value")).alias("value"))

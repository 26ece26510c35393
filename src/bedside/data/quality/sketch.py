"""How often each value occurs, in bounded memory: exact for few values, coarse for many.

Values that are too many for a group are cut to fewer binary digits, the same for every shard. A
coarser grid is a subset of a finer one, and no union has fewer values than its parts, so counts of
shards add up to the counts of the whole, in whatever order they come.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl
import polars.selectors as cs
from numpy.typing import NDArray

__all__ = ["EXACT", "Sketch", "added", "quantile", "sketch_of"]

EXACT = 52
"""Binary digits after the leading one of a float: with all of them a value is what it was."""

_STEPS = (EXACT, 20, 14, 10, 7, 5)


@dataclass(frozen=True, slots=True)
class Sketch:
    """Columns: the keys, `value`, `n` (rows), `s` (subjects with it), `bits` (digits kept).

    A group that has more than `most` values keeps fewer digits; with 10 a value is cut by less
    than a thousandth of itself, towards zero.
    """

    rows: pl.DataFrame
    keys: tuple[str, ...]
    most: int


def sketch_of(values: pl.DataFrame, keys: Sequence[str], *, most: int) -> Sketch:
    """Count the `value`s of each group and their subjects. All of a subject must be in one shard.

    Args:
        values: With `subject_id`, `value` (finite) and the keys.
        keys: What makes a group.
        most: Distinct values of a group before it becomes coarse.
    """
    rows = (
        values.with_columns(pl.col("value") + 0.0)  # one zero
        .group_by(*keys, "value")
        .agg(
            pl.len().cast(pl.Int64).alias("n"),
            pl.col("subject_id").n_unique().cast(pl.Int64).alias("s"),
        )
        .with_columns(cs.categorical().cast(pl.String), pl.lit(EXACT, dtype=pl.Int8).alias("bits"))
    )
    return _coarse(Sketch(rows, tuple(keys), most))


def added(sketches: Sequence[Sketch]) -> Sketch:
    """The sketch of all shards together."""
    first = sketches[0]
    rows = pl.concat([sketch.rows for sketch in sketches])
    least = pl.col("bits").min().over(first.keys)
    return _coarse(_cut(Sketch(rows.with_columns(least), first.keys, first.most)))


def _coarse(sketch: Sketch) -> Sketch:
    for finer, coarser in pairwise(_STEPS):
        rows = sketch.rows
        many = (pl.len().over(sketch.keys) > sketch.most) & (pl.col("bits") == finer)
        if not rows.select(many.any()).item():
            continue
        bits = pl.when(many).then(pl.lit(coarser, dtype=pl.Int8)).otherwise("bits").alias("bits")
        sketch = _cut(Sketch(rows.with_columns(bits), sketch.keys, sketch.most))
    return sketch


def _cut(sketch: Sketch) -> Sketch:
    """Cut each value to its group's digits, and add up what became equal."""
    rows = sketch.rows
    value = rows["value"].to_numpy().astype(np.float64)
    dropped = (EXACT - rows["bits"].to_numpy().astype(np.int64)).astype(np.uint64)
    mask = ~((np.uint64(1) << dropped) - np.uint64(1))
    cut = (value.view(np.uint64) & mask).view(np.float64)
    summed = (
        rows.with_columns(pl.Series("value", cut) + 0.0)
        .group_by(*sketch.keys, "value", "bits")
        .agg(pl.col("n", "s").sum())
        .select(rows.columns)
    )
    return Sketch(summed, sketch.keys, sketch.most)


def quantile(value: NDArray[np.float64], n: NDArray[np.int64], share: float) -> float:
    """The smallest value that at least this share of all does not exceed; `value` ascends.

    >>> quantile(np.array([1.0, 2.0, 9.0]), np.array([1, 1, 2]), 0.5)
    2.0
    """
    reached = np.cumsum(n)
    at = int(np.searchsorted(reached, share * reached[-1] - 1e-9))
    return float(value[min(at, len(value) - 1)])

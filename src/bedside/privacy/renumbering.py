"""New numbers for what is a subject's: from their pseudonym and a count, from nothing they had."""

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

__all__ = ["new_numbers", "new_row_digests", "ordinals"]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_WIDTH = 16  # bytes in the digest of a raw record


def new_numbers(pseudonym: pl.Series, ordinal: pl.Series, *, purpose: int) -> pl.Series:
    """A number below 2**63 for each pseudonym and count; the same whenever it is made again."""
    return pl.Series((_mixed(pseudonym, ordinal, purpose) >> np.uint64(1)).astype(np.int64))


def new_row_digests(pseudonym: pl.Series, ordinal: pl.Series) -> pl.Series:
    """Sixteen bytes in place of the digest of a raw record, which would tell who knows the record.

    They follow from the pseudonym and from which of the subject's records it is.
    """
    halves = [_mixed(pseudonym, ordinal, purpose) for purpose in (2, 3)]
    content = np.ascontiguousarray(np.stack(halves, axis=1)).tobytes()
    column = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(_WIDTH), len(pseudonym), [None, pa.py_buffer(content)]
    )
    return pl.Series(pl.from_arrow(column.cast(pa.binary())))


def ordinals(things: pl.DataFrame, what: str) -> pl.DataFrame:
    """Which of the subject's things each is, counted from 0 in the order of becoming known.

    Args:
        things: subject_id, `what`, time, known_at; one may stand there several times.
        what: The column that names the thing.

    Returns:
        subject_id, `what`, ordinal; each once.
    """
    first = things.group_by("subject_id", what).agg(pl.col("time").min(), pl.col("known_at").min())
    return (
        first.sort("subject_id", "known_at", "time", what, nulls_last=True)
        .with_columns(pl.int_range(pl.len()).over("subject_id").alias("ordinal"))
        .select("subject_id", what, "ordinal")
    )


def _mixed(pseudonym: pl.Series, ordinal: pl.Series, purpose: int) -> npt.NDArray[np.uint64]:
    """SplitMix64 over both. Source: Steele, Lea & Flood, OOPSLA 2014, doi 10.1145/2660193.2660195.

    It hides nothing: both stand in the open. It spreads.
    """
    counts = ordinal.to_numpy().astype(np.uint64) * np.uint64(4) + np.uint64(purpose)
    return _spread(_spread(counts) ^ pseudonym.to_numpy().astype(np.int64).view(np.uint64))


def _spread(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    mixed = numbers + _GOLDEN
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))

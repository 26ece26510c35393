"""New numbers for what is a subject's: from their pseudonym and a count, from nothing they had."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

__all__ = ["Ordinals", "new_numbers", "new_row_digests"]

Ints = npt.NDArray[np.int64]
BEYOND = 1 << 40  # more things than a subject has

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_WIDTH = 16  # bytes in the digest of a raw record


def new_numbers(pseudonym: pl.Series, ordinal: Ints, *, purpose: int) -> pl.Series:
    """A number below 2**63 for each pseudonym and count; the same whenever it is made again."""
    return pl.Series((_mixed(pseudonym, ordinal, purpose) >> np.uint64(1)).astype(np.int64))


def new_row_digests(pseudonym: pl.Series, ordinal: Ints) -> pl.Series:
    """Sixteen bytes in place of the digest of a raw record, which would tell who knows the record.

    They follow from the pseudonym and from which of the subject's records it is.
    """
    content = np.empty((len(pseudonym), 2), dtype=np.uint64)
    for half, purpose in enumerate((2, 3)):
        content[:, half] = _mixed(pseudonym, ordinal, purpose)
    column = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(_WIDTH), len(pseudonym), [None, pa.py_buffer(content)]
    )
    return pl.Series(pl.from_arrow(column.cast(pa.binary())))


@dataclass(frozen=True, slots=True)
class Ordinals:
    """Which of its subject's things each row tells of, counted from 0 in their order.

    `rows` has shape (n,). `of` tells it of other rows: what none of the first ones tells of gets a
    number far beyond theirs.
    """

    rows: Ints
    _known: npt.NDArray[np.uint64]
    _ordinals: Ints

    @classmethod
    def counted(cls, subject: pl.Series, thing: pl.Series) -> "Ordinals":
        """Count the things of each subject in the order in which they come.

        Args:
            subject: Whose, each in one run, shape (n,).
            thing: What, shape (n,); a missing one counts as a thing.
        """
        named = _named(subject, thing)
        is_first = pl.Series(named).is_first_distinct().to_numpy()
        first = np.flatnonzero(is_first)
        order = np.argsort(named[first])
        known = named[first][order]
        places = np.cumsum(is_first) - 1
        again = np.flatnonzero(~is_first)
        places[again] = order[np.searchsorted(known, named[again])]
        numbers = subject.to_numpy()
        begins = np.flatnonzero(np.r_[True, numbers[1:] != numbers[:-1]])
        rows = places - np.repeat(places[begins], np.diff(np.r_[begins, numbers.size]))
        return cls(rows, known, rows[first][order])

    def of(self, subject: pl.Series, thing: pl.Series) -> Ints:
        """The number of each thing, shape (m,)."""
        asked = _named(subject, thing)
        at = np.minimum(np.searchsorted(self._known, asked), self._known.size - 1)
        there = self._known[at] == asked
        _, late = np.unique(asked, return_inverse=True)
        return np.where(there, self._ordinals[at], BEYOND + late)


def _named(subject: pl.Series, thing: pl.Series) -> npt.NDArray[np.uint64]:
    """64 bits for each subject and thing; they are told nobody, and hold for this process."""
    hashed: npt.NDArray[np.uint64] = thing.hash(1).to_numpy()
    return _spread(subject.to_numpy().view(np.uint64)) ^ hashed


def _mixed(pseudonym: pl.Series, ordinal: Ints, purpose: int) -> npt.NDArray[np.uint64]:
    """SplitMix64 over both. Source: Steele, Lea & Flood, OOPSLA 2014, doi 10.1145/2660193.2660195.

    It hides nothing: both stand in the open. It spreads.
    """
    counts = ordinal.astype(np.uint64) * np.uint64(4) + np.uint64(purpose)
    return _spread(_spread(counts) ^ pseudonym.to_numpy().astype(np.int64).view(np.uint64))


def _spread(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    mixed = numbers + _GOLDEN
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))

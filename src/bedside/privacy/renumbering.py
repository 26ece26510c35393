"""New numbers for what is a subject's: from their pseudonym and a count, from nothing they had."""

from dataclasses import dataclass
from typing import Any

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
    content[:, 0] = _mixed(pseudonym, ordinal, 2)
    content[:, 1] = _spread(content[:, 0] ^ _GOLDEN)
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
    _begins: Ints
    _names: npt.NDArray[np.uint64]
    _is_first: npt.NDArray[np.bool_]

    @classmethod
    def counted(cls, subject: pl.Series, thing: pl.Series) -> "Ordinals":
        """Count the things of each subject in the order in which they come.

        Args:
            subject: Whose, each in one run, shape (n,).
            thing: What, shape (n,); a missing one counts as a thing.
        """
        by_row = _named(subject, thing)
        runs = _begins(by_row)  # what is told of one thing mostly stands together
        names = by_row[runs]
        is_first = pl.Series(names).is_first_distinct().to_numpy()
        places = np.cumsum(is_first) - 1
        again = np.flatnonzero(~is_first)
        if again.size:
            known, at = _places(names, is_first, names[again])
            places[again] = places[known][at]
        numbers = subject.to_numpy()
        whose = _begins(numbers[runs])
        within = places - np.repeat(places[whose], np.diff(np.r_[whose, runs.size]))
        rows = np.repeat(within, np.diff(np.r_[runs, numbers.size]))
        return cls(rows, runs, names, is_first)

    def of(self, subject: pl.Series, thing: pl.Series) -> Ints:
        """The number of each thing, shape (m,)."""
        asked = _named(subject, thing)
        known, at = _places(self._names, self._is_first, asked)
        _, late = np.unique(asked, return_inverse=True)
        if not known.size:
            return BEYOND + late
        there = self._names[known][at] == asked
        return np.where(there, self.rows[self._begins[known]][at], BEYOND + late)


def _begins(values: npt.NDArray[Any]) -> Ints:
    """Where each run of equal values begins."""
    return np.flatnonzero(np.r_[True, values[1:] != values[:-1]][: values.size])


def _places(
    names: npt.NDArray[np.uint64], is_first: npt.NDArray[np.bool_], asked: npt.NDArray[np.uint64]
) -> tuple[Ints, Ints]:
    """The first rows of the things asked for, by name, and at which of them each asked one is."""
    wanted = pl.Series(names).is_in(pl.Series(asked).unique().implode()).to_numpy()
    known = np.flatnonzero(wanted & is_first)
    known = known[np.argsort(names[known])]
    at = np.searchsorted(names[known], asked)
    return known, np.minimum(at, max(known.size - 1, 0))


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
    mixed ^= mixed >> np.uint64(30)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed

"""New numbers for what is a subject's: from their pseudonym and a count, from nothing they had."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

__all__ = ["Ordinals", "at_rows", "new_numbers", "new_row_digests"]

Ints = npt.NDArray[np.int64]
BEYOND = 1 << 40  # more things than a subject has

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_AT_ONCE = 1 << 14  # numbers, which stay in the processor's cache while they are mixed
_WIDTH = 16  # bytes in the digest of a raw record


def new_numbers(pseudonym: pl.Series, ordinal: Ints, *, purpose: int) -> pl.Series:
    """A number below 2**63 for each pseudonym and count; the same whenever it is made again."""
    return pl.Series((_mixed(pseudonym, ordinal, purpose) >> np.uint64(1)).astype(np.int64))


def new_row_digests(pseudonym: pl.Series, ordinal: Ints) -> pl.Series:
    """Sixteen bytes in place of the digest of a raw record, which would tell who knows the record.

    They follow from the pseudonym and from which of the subject's records it is.
    """
    content = np.empty((len(pseudonym), 2), dtype=np.uint64)
    for first in range(0, len(pseudonym), _AT_ONCE):
        some = slice(first, first + _AT_ONCE)
        content[some, 0] = mixed = _mixed(pseudonym[some], ordinal[some], 2)
        content[some, 1] = _spread(mixed ^ _GOLDEN)
    column = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(_WIDTH), len(pseudonym), [None, pa.py_buffer(content)]
    )
    return pl.Series(pl.from_arrow(column.cast(pa.binary())))


@dataclass(frozen=True, slots=True)
class Ordinals:
    """Which of its subject's things each row tells of, counted from 0 in their order.

    What is told of one thing mostly stands together: `begins` is where each run of rows about one
    thing begins, `ordinals` which thing it is, both of shape (k,), and `runs` the run of each row,
    of shape (n,). `of` tells it of other rows: what none of the first ones tells of gets a number
    far beyond theirs.
    """

    begins: Ints
    ordinals: Ints
    runs: pl.Series
    _names: npt.NDArray[np.uint64]
    _is_first: npt.NDArray[np.bool_]

    @classmethod
    def counted(cls, subject: pl.Series, thing: pl.Series) -> "Ordinals":
        """Count the things of each subject in the order in which they come.

        Args:
            subject: Whose, each in one run, shape (n,).
            thing: What, shape (n,); a missing one counts as a thing.
        """
        hashed, numbers = thing.hash(1).to_numpy(), subject.to_numpy()
        begins = _begins(hashed, numbers)
        names = _named(numbers[begins], hashed[begins])
        is_first = _first_of_each(names)
        places = np.cumsum(is_first) - 1
        again = np.flatnonzero(~is_first)
        if again.size:
            known, at = _places(names, is_first, names[again])
            places[again] = places[known][at]
        whose = _begins(numbers[begins])
        within = places - np.repeat(places[whose], np.diff(np.r_[whose, begins.size]))
        lengths = np.diff(np.r_[begins, numbers.size])
        runs = pl.Series(np.repeat(np.arange(begins.size, dtype=np.uint32), lengths))
        return cls(begins, within, runs, names, is_first)

    def of(self, subject: pl.Series, thing: pl.Series) -> Ints:
        """The number of each thing, shape (m,)."""
        asked = _named(subject.to_numpy(), thing.hash(1).to_numpy())
        known, at = _places(self._names, self._is_first, asked)
        _, late = np.unique(asked, return_inverse=True)
        if not known.size:
            return BEYOND + late
        there = self._names[known][at] == asked
        return np.where(there, self.ordinals[known][at], BEYOND + late)


def at_rows(values: pl.Series, rows: pl.Series) -> pl.Series:
    """The values, in order, at the rows that are true; elsewhere none. `rows` has shape (n,)."""
    none = pl.repeat(None, len(rows), dtype=values.dtype, eager=True)
    return none.scatter(rows.arg_true(), values)


def _begins(*columns: npt.NDArray[Any]) -> Ints:
    """Where each run of rows begins that are equal in every column."""
    new = np.ones(columns[0].size, dtype=np.bool_)
    new[1:] = columns[0][1:] != columns[0][:-1]
    for column in columns[1:]:
        new[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(new)


def _first_of_each(names: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """Whether each name has not come before: most come once, and sorting tells which do not."""
    ordered = np.sort(names)
    twice = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    is_first = np.ones(names.size, dtype=np.bool_)
    if twice.size:
        at = np.flatnonzero(pl.Series(names).is_in(pl.Series(twice).implode()).to_numpy())
        is_first[at] = False
        is_first[at[np.unique(names[at], return_index=True)[1]]] = True
    return is_first


def _places(
    names: npt.NDArray[np.uint64], is_first: npt.NDArray[np.bool_], asked: npt.NDArray[np.uint64]
) -> tuple[Ints, Ints]:
    """The first rows of the things asked for, by name, and at which of them each asked one is."""
    wanted = pl.Series(names).is_in(pl.Series(asked).unique().implode()).to_numpy()
    known = np.flatnonzero(wanted & is_first)
    known = known[np.argsort(names[known])]
    at = np.searchsorted(names[known], asked)
    return known, np.minimum(at, max(known.size - 1, 0))


def _named(subject: Ints, hashed: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """64 bits for each subject and thing; they are told nobody, and hold for this process."""
    return _spread(subject.view(np.uint64)) ^ hashed


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

"""A collection for every row of a batch at once: flat values, and the row that each belongs to."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bedside.core.errors import Invalid

__all__ = [
    "Collection",
    "Rows",
    "Twins",
    "broadcast",
    "concat",
    "counts_of",
    "empty",
    "one_each",
    "optional",
    "positions",
    "ragged",
    "singles",
]

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Twins:
    """Where the ids and extensions of primitive values are: in `_birthDate` beside `birthDate`.

    They are looked up only when they are asked for.

    Attributes:
        look_up: Gives the twin of every value that was read, None for those without.
        pick: Which of these the values of a collection are; None for all.
    """

    look_up: Callable[[], list[Any]]
    pick: Rows | None = None

    def taken(self, index: Rows) -> "Twins":
        """Those of the values at `index`."""
        return replace(self, pick=index if self.pick is None else self.pick[index])

    def values(self) -> list[Any]:
        """The twin of each value: an object, or None."""
        found = self.look_up()
        return found if self.pick is None else [found[i] for i in self.pick.tolist()]


@dataclass(frozen=True, slots=True)
class Collection:
    """What one expression gives for each row of a batch.

    Attributes:
        values: JSON values, or values of the System types. None stands for a primitive element
            that has an id or an extension, and no value.
        rows: Shape (n,), ascending. The row that each value belongs to.
        types: The type of each value, or one name where all have the same; "" is unknown.
        twins: Ids and extensions of the values, where they were read from JSON as primitives.
        holed: Some values may be None.
    """

    values: list[Any]
    rows: Rows
    types: str | list[str] = ""
    twins: Twins | None = None
    holed: bool = False

    def __len__(self) -> int:
        return len(self.values)

    def take(self, index: Rows) -> "Collection":
        """The values at `index`, which ascends."""
        return self if len(index) == len(self.values) else self.reordered(index)

    def reordered(self, index: Rows) -> "Collection":
        """The values at `index`, in whatever order, as long as their rows ascend."""
        picked = index.tolist()
        values, types = self.values, self.types
        return Collection(
            values=[values[i] for i in picked],
            rows=self.rows[index],
            types=types if isinstance(types, str) else [types[i] for i in picked],
            twins=self.twins.taken(index) if self.twins else None,
            holed=self.holed,
        )

    def keep(self, wanted: Iterable[bool]) -> "Collection":
        """The values where `wanted` is true."""
        return self.take(np.flatnonzero(np.fromiter(wanted, bool, len(self.values))))

    def with_rows(self, rows: Rows) -> "Collection":
        """The same values, in other rows."""
        return replace(self, rows=rows)

    def type_list(self) -> list[str]:
        """The type of each value."""
        return [self.types] * len(self.values) if isinstance(self.types, str) else self.types

    def valued(self) -> "Collection":
        """Without the elements that have no value."""
        if not self.holed:
            return self
        return replace(self.keep([v is not None for v in self.values]), holed=False)


def empty() -> Collection:
    """Nothing in any row."""
    return Collection([], np.empty(0, np.int64))


def one_each(values: list[Any], types: str | list[str]) -> Collection:
    """One value in every row, in order."""
    return Collection(values, np.arange(len(values)), types)


def optional(values: list[Any], types: str | list[str]) -> Collection:
    """At most one value in every row; None where there is none."""
    holed = type(None) in set(map(type, values))
    return replace(one_each(values, types), holed=holed).valued()


def ragged(lists: Sequence[Sequence[Any]], rows: Rows, types: str) -> Collection:
    """Any number of values for each of `rows`."""
    counts = np.fromiter(map(len, lists), np.int64, len(lists))
    return Collection(list(chain.from_iterable(lists)), np.repeat(rows, counts), types)


def counts_of(collection: Collection, size: int) -> Rows:
    """Shape (size,): how many values each row has."""
    return np.bincount(collection.rows, minlength=size)


def positions(rows: Rows) -> Rows:
    """The place of each value within its row, from 0.

    >>> positions(np.array([0, 0, 2, 2, 2])).tolist()
    [0, 1, 0, 1, 2]
    """
    if not len(rows):
        return rows
    starts = np.flatnonzero(np.concatenate(([True], rows[1:] != rows[:-1])))
    return np.arange(len(rows)) - np.repeat(starts, np.diff(np.append(starts, len(rows))))


def singles(collection: Collection, size: int, what: str) -> list[Any]:
    """The one value of each row, None where it has none.

    Raises:
        Invalid: a row has more than one; `what` says where.
    """
    rows, values = collection.rows, collection.values
    if len(rows) == size and (size == 0 or bool((rows == np.arange(size)).all())):
        return values
    if len(rows) > 1 and bool((rows[1:] == rows[:-1]).any()):
        raise Invalid(
            f"{what} takes one value, and a record has more.",
            fix="choose one first, with first(), where(...) or an index such as [0].",
            code="more_than_one",
        )
    found: list[Any] = [None] * size
    for row, value in zip(rows.tolist(), values, strict=True):
        found[row] = value
    return found


def concat(parts: Sequence[Collection]) -> Collection:
    """The values of every part, row by row; within a row in the order of the parts."""
    parts = [part for part in parts if len(part)]
    if len(parts) < 2:
        return parts[0] if parts else empty()
    rows = np.concatenate([part.rows for part in parts])
    order = np.argsort(rows, kind="stable")
    same = {part.types if isinstance(part.types, str) else None for part in parts}
    types: str | list[str]
    first = parts[0].types
    if len(same) == 1 and isinstance(first, str):
        types = first
    else:
        listed = list(chain.from_iterable(part.type_list() for part in parts))
        types = [listed[i] for i in order.tolist()]
    values = list(chain.from_iterable(part.values for part in parts))
    return Collection(
        values=[values[i] for i in order.tolist()],
        rows=rows[order],
        types=types,
        twins=_twins_of(parts, order),
        holed=any(part.holed for part in parts),
    )


def _twins_of(parts: Sequence[Collection], order: Rows) -> Twins | None:
    if not any(part.twins for part in parts):
        return None

    def look_up() -> list[Any]:
        lists = (part.twins.values() if part.twins else [None] * len(part) for part in parts)
        return list(chain.from_iterable(lists))

    return Twins(look_up, order)


def broadcast(collection: Collection, lift: Rows) -> Collection:
    """The collection as inner rows see it, where inner row i lies within the outer row lift[i]."""
    size = int(lift.max()) + 1 if len(lift) else 0
    counts = np.bincount(collection.rows, minlength=size)
    starts = np.concatenate(([0], np.cumsum(counts)))[:-1]
    inner_counts = counts[lift]
    rows = np.repeat(np.arange(len(lift)), inner_counts)
    index = np.repeat(starts[lift], inner_counts) + positions(rows)
    picked = index.tolist()
    types = collection.types
    return Collection(
        values=[collection.values[i] for i in picked],
        rows=rows,
        types=types if isinstance(types, str) else [types[i] for i in picked],
        twins=collection.twins.taken(index) if collection.twins else None,
        holed=collection.holed,
    )

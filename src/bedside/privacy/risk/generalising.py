"""How coarse the quasi-identifiers must be told for everybody to look like k others.

Each column has levels, from as it is to not at all; a choice of a level for each is a node of a
lattice. The search goes from fine to coarse and, above a node that is coarse enough, no further:
what is coarser is coarse enough as well. Source: LeFevre, DeWitt & Ramakrishnan (Incognito),
SIGMOD 2005:49-60.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import polars as pl

from bedside.core.errors import Invalid
from bedside.privacy.risk.measures import class_sizes

__all__ = ["Level", "Suggestion", "levels_of", "suggestions"]

MOST_COLUMNS = 6
MOST_NODES = 4_000
WIDTHS = (5, 10, 20, 40)  # each holds the one before it
FEW = 12  # numbers; a column with fewer has no ranges
_SIZE = "_size"


@dataclass(frozen=True, slots=True)
class Level:
    """How a column is told: the words, and the expression."""

    words: str
    made: pl.Expr


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """One way to tell the columns: in words, what k it reaches, who is left out, what is lost.

    `loss` is the mean over the columns of how far up its levels each is, in [0, 1].
    """

    columns: dict[str, str]
    k: int
    left_out: float
    loss: float


def levels_of(column: pl.Series) -> list[Level]:
    """The levels of a column, from as it is to not at all."""
    here = pl.col(column.name)
    levels = [Level("as it is", here)]
    kind = column.dtype
    if kind in (pl.Date, pl.Datetime):
        levels += [
            Level("the month", here.dt.truncate("1mo")),
            Level("the year", here.dt.truncate("1y")),
            Level("ten years", here.dt.truncate("10y")),
        ]
    elif kind.is_numeric() and column.n_unique() > FEW:
        spread = float(column.max() or 0) - float(column.min() or 0)  # type: ignore[arg-type]
        scale = 1.0
        while spread / scale > 200:
            scale *= 10
        widths = [width * scale for width in WIDTHS if width * scale < spread]
        levels += [Level(f"ranges of {w:g}", (here / w).floor() * w) for w in widths]
    elif kind == pl.String and _are_postcodes(column):
        levels += [Level(f"{n} digits", here.str.slice(0, n)) for n in (3, 2, 1)]
    return [*levels, Level("not at all", pl.lit("*"))]


def suggestions(
    table: pl.DataFrame,
    quasi: Sequence[str],
    *,
    k: int = 11,
    may_leave_out: float = 0.05,
    most: int = 5,
) -> list[Suggestion]:
    """The least coarse ways to tell the columns such that everybody looks like k - 1 others.

    Args:
        table: One row for each person.
        quasi: At most six columns.
        k: The least size of a class.
        may_leave_out: The share of people, in [0, 1], who may be left out for it.
        most: Suggestions, at most.

    Returns:
        Least loss first; none where not even leaving all columns out is enough.

    Raises:
        Invalid: there are too many columns, or a column is not there.
    """
    if len(quasi) > MOST_COLUMNS:
        raise Invalid(
            f"More than {MOST_COLUMNS} columns make too many choices.",
            fix="name those that somebody outside could know.",
        )
    base = class_sizes(table, quasi)
    levels = [levels_of(base[name]) for name in quasi]
    told = base.select(
        *(
            level.made.cast(pl.String).alias(f"{place}/{height}")
            for place, column in enumerate(levels)
            for height, level in enumerate(column)
        ),
        _SIZE,
    )
    heights = [len(column) - 1 for column in levels]
    nodes = sorted(product(*(range(height + 1) for height in heights)), key=_loss(heights))
    found: list[tuple[int, ...]] = []
    result: list[Suggestion] = []
    for node in nodes[:MOST_NODES]:
        if any(all(a >= b for a, b in zip(node, good, strict=True)) for good in found):
            continue
        sizes = told.group_by([f"{p}/{h}" for p, h in enumerate(node)]).agg(pl.col(_SIZE).sum())
        small = sizes.filter(pl.col(_SIZE) < k)[_SIZE].sum()
        left_out = float(small) / table.height
        if left_out > may_leave_out or left_out == 1.0:
            continue
        found.append(node)
        words = {name: levels[p][node[p]].words for p, name in enumerate(quasi)}
        least = int(sizes.filter(pl.col(_SIZE) >= k)[_SIZE].min())  # type: ignore[arg-type]
        loss = _loss(heights)(node)
        result.append(Suggestion(columns=words, k=least, left_out=left_out, loss=loss))
        if len(result) == most:
            break
    return result


class _loss:  # noqa: N801 - a function that remembers the heights
    def __init__(self, heights: Sequence[int]) -> None:
        self._heights = heights

    def __call__(self, node: Sequence[int]) -> float:
        shares = (at / top for at, top in zip(node, self._heights, strict=True))
        return sum(shares) / len(self._heights)


def _are_postcodes(column: pl.Series) -> bool:
    told = column.drop_nulls()
    return told.len() > 0 and bool(told.str.contains(r"^\d{3}(\d{2}(-?\d{4})?)?$").all())

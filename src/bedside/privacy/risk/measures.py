"""Measures of a table with one row for each person: classes of those who look alike.

A class is everybody with the same values of the quasi-identifiers; a missing value is a value.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import polars as pl

from bedside.core.errors import Invalid

__all__ = [
    "SIZES",
    "Attack",
    "attack",
    "class_sizes",
    "delta_presence",
    "distinct_l",
    "entropy_l",
    "histogram",
    "t_closeness",
    "uniqueness",
]

SIZES = (1, 2, 3, 5, 11, 21, 51, 101)
"""The least size of a class in each bar of the histogram."""

_SIZE = "_size"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """What three attackers can hope for, each as a share in [0, 1].

    `prosecutor`: who knows that somebody is in the data: the highest chance of finding the right
    row. `journalist`: who does not know it, and may pick whom they like. `marketer`: who tries
    everybody: the share that they get right. `above` is the share of people whose chance is above
    the threshold.

    Source: El Emam & Dankar, J Am Med Inform Assoc 2008;15:627-637; Dankar & El Emam, A method for
    evaluating marketer re-identification risk, PAIS 2010.
    """

    prosecutor: float
    journalist: float
    marketer: float
    above: float
    threshold: float


def class_sizes(table: pl.DataFrame, quasi: Sequence[str]) -> pl.DataFrame:
    """The classes: their quasi-identifiers, and `_size`; k is the least of these.

    Raises:
        Invalid: a column is not there, none is named, or the table is empty.

    Source of k-anonymity: Sweeney, Int J Uncertain Fuzziness Knowl Syst 2002;10:557-570.

    >>> class_sizes(pl.DataFrame({"sex": ["f", "f", "m"]}), ["sex"])["_size"].sort().to_list()
    [1, 2]
    """
    _check(table, quasi)
    return table.group_by(quasi).agg(pl.len().cast(pl.Int64).alias(_SIZE))


def uniqueness(classes: pl.DataFrame) -> float:
    """The share of people who look like nobody else."""
    sizes = classes[_SIZE]
    return float((sizes == 1).sum()) / float(sizes.sum())


def histogram(classes: pl.DataFrame) -> list[int]:
    """How many people are in classes of each size, by the edges of `SIZES`."""
    sizes, bars = classes[_SIZE], []
    for low, high in pairwise([*SIZES, None]):
        here = sizes >= low if high is None else (sizes >= low) & (sizes < high)
        bars.append(int(sizes.filter(here).sum()))
    return bars


def distinct_l(table: pl.DataFrame, quasi: Sequence[str], sensitive: str) -> int:
    """Distinct l-diversity: so many values of the sensitive column has the poorest class.

    Source: Machanavajjhala et al., ACM Trans Knowl Discov Data 2007;1:3.
    """
    _check(table, [*quasi, sensitive])
    found = table.group_by(quasi).agg(pl.col(sensitive).n_unique().alias("l"))
    return int(found["l"].min())  # type: ignore[arg-type]


def entropy_l(table: pl.DataFrame, quasi: Sequence[str], sensitive: str) -> float:
    """Entropy l-diversity: e to the least entropy (in nats) of the sensitive column in a class.

    Source: Machanavajjhala et al., ACM Trans Knowl Discov Data 2007;1:3, definition 4.1.
    """
    _check(table, [*quasi, sensitive])
    counts = table.group_by([*quasi, sensitive]).agg(pl.len().alias("n"))
    share = pl.col("n") / pl.col("n").sum()
    entropy = counts.group_by(quasi).agg((-(share * share.log())).sum().alias("h"))
    return float(entropy.select(pl.col("h").min().exp()).item())


def t_closeness(table: pl.DataFrame, quasi: Sequence[str], sensitive: str) -> float:
    """The farthest that the sensitive column of a class lies from that of everybody.

    The distance is the earth mover's: for numbers over their ranks, for words between any two 1.

    Returns:
        In [0, 1]; 0 if every class is like the whole.

    Source: Li, Li & Venkatasubramanian, ICDE 2007:106-115, section 4.
    """
    _check(table, [*quasi, sensitive])
    whole = table.group_by(sensitive).agg((pl.len() / table.height).alias("q"))
    whole = whole.sort(sensitive, nulls_last=False).with_row_index("_rank")
    if whole.height == 1:
        return 0.0
    classes = class_sizes(table, quasi).with_row_index("_class")
    rows = table.join(classes, on=list(quasi), nulls_equal=True).select("_class", _SIZE, sensitive)
    shares = rows.group_by("_class", sensitive).agg((pl.len() / pl.col(_SIZE).first()).alias("p"))
    ranked = shares.join(whole, on=sensitive, nulls_equal=True)
    if not table.schema[sensitive].is_numeric():
        # half the sum of |p - q|; what a class does not have counts with its q
        per = ranked.group_by("_class").agg(
            ((pl.col("p") - pl.col("q")).abs() - pl.col("q")).sum().alias("d")
        )
        return float(per.select((pl.col("d").max() + 1) / 2).item())
    # The sum over ranks of |P - Q|, from one rank that a class has to its next: between them P
    # stands still, so that it is a difference of two sums of Q about P.
    return _farthest_in_order(ranked, whole)


def _farthest_in_order(ranked: pl.DataFrame, whole: pl.DataFrame) -> float:
    """Over classes, in blocks so that the table of classes and ranks fits into memory."""
    ranks = whole.height
    cumulative = whole["q"].cum_sum()
    farthest, block = 0.0, max(1, 4_000_000 // ranks)
    numbers = ranked["_class"].unique().sort()
    for start in range(0, numbers.len(), block):
        part = numbers.slice(start, block).to_frame()
        grid = part.join(pl.DataFrame({"_rank": whole["_rank"], "Q": cumulative}), how="cross")
        filled = grid.join(
            ranked.select("_class", "_rank", "p"), on=["_class", "_rank"], how="left"
        ).sort("_class", "_rank")
        moved = (pl.col("p").fill_null(0.0).cum_sum().over("_class") - pl.col("Q")).abs()
        sums = filled.with_columns(moved.alias("d")).group_by("_class").agg(pl.col("d").sum())
        farthest = max(farthest, float(sums["d"].max()))  # type: ignore[arg-type]
    return farthest / (ranks - 1)


def delta_presence(
    released: pl.DataFrame, population: pl.DataFrame, quasi: Sequence[str]
) -> tuple[float, float]:
    """Between which chances one can tell that somebody of the population is in the release.

    Raises:
        Invalid: a class has more people in the release than in the population.

    Source: Nergiz, Atzori & Clifton, SIGMOD 2007:665-676.
    """
    everybody = class_sizes(population, quasi).rename({_SIZE: "_all"})
    here = class_sizes(released, quasi)
    both = everybody.join(here, on=list(quasi), how="full", coalesce=True, nulls_equal=True)
    if both["_all"].null_count() or both.filter(pl.col(_SIZE) > pl.col("_all")).height:
        raise Invalid(
            "The release holds people whom the population does not.",
            fix="give a population of which the release is a part, with the same columns.",
        )
    shares = both.select((pl.col(_SIZE).fill_null(0) / pl.col("_all")).alias("d"))["d"]
    return float(shares.min()), float(shares.max())  # type: ignore[arg-type]


def attack(
    classes: pl.DataFrame, *, threshold: float = 0.09, population: pl.DataFrame | None = None
) -> Attack:
    """What three attackers can hope for.

    Args:
        classes: From `class_sizes` of the release.
        threshold: A chance above it counts; 0.09 lets classes of 12 and more pass.
        population: From `class_sizes` of the people of whom the release is a part. Without it, the
            release is taken for all of them, which no risk is above.

    Raises:
        Invalid: a class is not in the population, or is larger there than here.
    """
    sizes = classes[_SIZE].cast(pl.Float64)
    others = sizes
    if population is not None:
        quasi = [name for name in classes.columns if name != _SIZE]
        known = classes.join(
            population.rename({_SIZE: "_all"}), on=quasi, how="left", nulls_equal=True
        )
        if known["_all"].null_count() or (known["_all"] < known[_SIZE]).any():
            raise Invalid(
                "The release holds people whom the population does not.",
                fix="give a population of which the release is a part, with the same columns.",
            )
        sizes, others = known[_SIZE].cast(pl.Float64), known["_all"].cast(pl.Float64)
    people = float(sizes.sum())
    return Attack(
        prosecutor=1.0 / float(sizes.min()),  # type: ignore[arg-type]
        journalist=1.0 / float(others.min()),  # type: ignore[arg-type]
        marketer=float((sizes / others).sum()) / people,
        above=float(sizes.filter(1.0 / others > threshold).sum()) / people,
        threshold=threshold,
    )


def _check(table: pl.DataFrame, columns: Sequence[str]) -> None:
    absent = [name for name in columns if name not in table.columns]
    if absent or not columns:
        raise Invalid(
            f"There is no column '{absent[0]}'." if absent else "No quasi-identifier is named.",
            fix="use the names in its first line, or the words of a data set.",
        )
    if table.is_empty():
        raise Invalid("The table has no row.", fix="give a table with one row for each person.")

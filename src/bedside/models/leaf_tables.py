"""Exact contributions of boosted trees, looked up: what leaves give for each pattern of conditions.

What a leaf gives each feature depends only on which of its conditions a patient fulfils. For d
conditions there are 2^d patterns, and all are computed when a model is loaded (the idea of Yang,
Fast TreeSHAP, arXiv 2109.09847, algorithm "v2"). A leaf whose conditions are among those of
another is added into that one's table, whatever tree it is from: the two leaves below a split, the
shallow leaves of a chain of splits, and the same leaf of many trees that were learnt slowly are
all one table. What would take too much memory is computed when it is asked.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bedside.models.leaf_conditions import Condition, Leaf, cuts_of, leaves_of
from bedside.models.leaf_kernel import fill, look_up
from bedside.models.tree_text import Tree

__all__ = ["BUDGET", "LeafTables", "leaf_tables"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Small = npt.NDArray[np.uint32]
Counts = npt.NDArray[np.uint64]
Facts = tuple[Floats, Ints, npt.NDArray[np.uint8]]
Laid = tuple[Counts, Counts, Small, Small]
Computed = tuple[Counts, Small, Small, npt.NDArray[np.uint8], Floats, Floats]
POINTS = 4  # of an integral: a multiple of what a processor multiplies at once
BUDGET = 64 * 1024**2
"""Bytes that the tables of one model may take."""
MOST_LEAVES = 100_000  # reading more would take seconds
MOST_CONDITIONS = 20
MORE_STATES = 3  # than thresholds: the last interval, missing, and 0
_LOOK_UP, _INTEGRATE, _FOLLOW = 4.0, 0.7, 3.0  # nanoseconds a number: see `_is_worth_it`


@dataclass(frozen=True, slots=True)
class _Placed:
    """Which leaves are in which table.

    Args:
        tables: Of each table, its output and conditions.
        inside: Of each leaf, its table; -1: none.
    """

    tables: list[tuple[int, tuple[int, ...]]]
    inside: list[int]

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(8 * len(told) << len(told) for _, told in self.tables)


def leaf_tables(
    trees: Sequence[Tree], outputs: int, width: int, budget: int = BUDGET
) -> "LeafTables | None":
    """The tables of a model; None where following its splits takes less time.

    Args:
        trees: Tree i adds to output i modulo `outputs`.
        outputs: How many there are.
        width: How many features there are.
        budget: Bytes that the tables may take.
    """
    if sum(len(tree.value) for tree in trees) > MOST_LEAVES:
        return None
    cuts = cuts_of(trees)
    leaves, conditions = leaves_of(trees, outputs, cuts)
    facts = _facts_size(cuts, conditions)
    if not leaves or facts > budget // 2:
        return None
    placed = _placed(leaves, budget - facts)
    edges = sum(2 * len(tree.feature) for tree in trees)
    if not _is_worth_it(leaves, placed, edges):
        return None
    return LeafTables(leaves, conditions, cuts, placed, width)


def _facts_size(cuts: dict[int, list[float]], conditions: list[Condition]) -> int:
    """Bytes to tell every condition of every state."""
    return sum(len(cuts[one.feature]) + MORE_STATES for one in conditions)


def _is_worth_it(leaves: list[Leaf], placed: _Placed, edges: int) -> bool:
    """Whether one row is explained sooner than by following the splits (measured on one core)."""
    points = POINTS * _rules(leaves)
    looked_up = sum(len(told) for _, told in placed.tables)
    computed = sum(
        len(leaf.conditions) for leaf, at in zip(leaves, placed.inside, strict=True) if at < 0
    )
    return _LOOK_UP * looked_up + _INTEGRATE * points * computed < _FOLLOW * points * edges


def _rules(leaves: Sequence[Leaf]) -> int:
    """How many rules it takes, each of `POINTS` more, to integrate what any leaf asks."""
    return -(-max(len(leaf.conditions) for leaf in leaves) // (2 * POINTS))


def _placed(leaves: list[Leaf], budget: int) -> _Placed:
    """Tables for the leaves with the fewest conditions, as many as the memory has room for."""
    for most in range(_most_conditions(leaves, budget), -1, -1):
        placed = _absorbed(leaves, most)
        if placed.size <= budget:
            return placed
    raise AssertionError  # no table takes no memory


def _most_conditions(leaves: list[Leaf], budget: int) -> int:
    """With more conditions it does not fit, unless more than two of three tables are saved."""
    deepest = min(MOST_CONDITIONS, max(len(leaf.conditions) for leaf in leaves))
    sizes = np.zeros(deepest + 1)
    for _, told in {(leaf.output, leaf.conditions) for leaf in leaves}:
        if len(told) <= deepest:
            sizes[len(told)] += 8 * len(told) << len(told)
    return int(np.searchsorted(np.cumsum(sizes), 3 * budget, side="right")) - 1


def _absorbed(leaves: list[Leaf], most: int) -> _Placed:
    """Each leaf of at most `most` conditions goes to a table that has all of them."""
    tables: list[tuple[int, tuple[int, ...]]] = []
    having: dict[int, dict[int, set[int]]] = {leaf.output: defaultdict(set) for leaf in leaves}
    known: dict[tuple[int, tuple[int, ...]], int] = {}
    inside = [-1] * len(leaves)
    sizes = [len(leaf.conditions) for leaf in leaves]
    for number in sorted(range(len(leaves)), key=sizes.__getitem__, reverse=True):
        told = leaves[number].output, leaves[number].conditions
        if sizes[number] > most:
            continue
        if told not in known:
            own = having[told[0]]
            every = sorted((own[one] for one in told[1]), key=len)
            fitting = every[0].intersection(*every[1:]) if every[0] else every[0]
            known[told] = min(fitting, default=len(tables))
            if not fitting:
                for one in told[1]:
                    own[one].add(len(tables))
                tables.append(told)
        inside[number] = known[told]
    return _sorted(tables, inside)


def _sorted(tables: list[tuple[int, tuple[int, ...]]], inside: list[int]) -> _Placed:
    """The smallest tables first: a processor guesses the ends of loops that are alike."""
    order = sorted(range(len(tables)), key=lambda at: len(tables[at][1]))
    place = {old: new for new, old in enumerate(order)} | {-1: -1}
    return _Placed([tables[at] for at in order], [place[at] for at in inside])


class LeafTables:
    """Explains rows; safe to call from several threads.

    Args:
        leaves: Of all trees.
        conditions: Of the leaves.
        cuts: The thresholds of each feature.
        placed: Which leaves are in which table.
        width: How many features there are.
    """

    def __init__(
        self,
        leaves: list[Leaf],
        conditions: list[Condition],
        cuts: dict[int, list[float]],
        placed: _Placed,
        width: int,
    ) -> None:
        self._width = width
        order = sorted(range(len(conditions)), key=lambda at: conditions[at].feature)
        place = {old: new for new, old in enumerate(order)}  # those of one feature side by side
        told = [conditions[at] for at in order]
        self._facts = _facts(width, cuts, told)
        self._conditions = [(place[at], one.feature) for at, one in enumerate(conditions)]
        rules = [_rule(number + 1, _rules(leaves)) for number in range(_rules(leaves))]
        self._values = np.zeros(placed.size // 8)
        self._tables = self._laid(placed.tables)
        _fill(
            [leaf for leaf in zip(leaves, placed.inside, strict=True) if leaf[1] >= 0],
            placed.tables,
            self._tables,
            np.stack(rules),
            self._values,
        )
        self._rule = rules[-1]
        deep = [leaf for leaf, at in zip(leaves, placed.inside, strict=True) if at < 0]
        self._deep = self._computed(deep)
        self.computed_leaves = len(deep)
        most = max((len(leaf.conditions) for leaf in deep), default=0)
        self._powers = self._rule[1] ** np.arange(most + 1)[:, None]

    def __call__(self, rows: Floats, made: Floats) -> None:
        """Add the contributions of `rows`, shape (n, k), to `made`, shape (n, outputs, k + 1)."""
        flat = made.reshape(len(made), -1)
        look_up(
            rows, self._facts, self._tables, self._values, self._deep, self._rule, self._powers,
            flat,
        )  # fmt: skip

    def _laid(self, tables: list[tuple[int, tuple[int, ...]]]) -> Laid:
        """Starts, sizes, conditions and places of tables."""
        size = np.array([len(told) for _, told in tables], dtype=np.uint64)
        starts = np.cumsum([0, *(len(told) << len(told) for _, told in tables)], dtype=np.uint64)
        asked, slot = self._asked(tables)
        return starts, size, asked, slot

    def _asked(self, told: Sequence[tuple[int, tuple[int, ...]]]) -> tuple[Small, Small]:
        """All conditions, and where what they give belongs in a row of contributions."""
        width = self._width + 1
        asked = [self._conditions[one][0] for _, some in told for one in some]
        slot = [output * width + self._conditions[one][1] for output, some in told for one in some]
        return np.array(asked, dtype=np.uint32), np.array(slot, dtype=np.uint32)

    def _computed(self, leaves: list[Leaf]) -> Computed:
        """Starts, conditions, places, opposites, shares and values of leaves in no table."""
        asked, slot = self._asked([(leaf.output, leaf.conditions) for leaf in leaves])
        starts = np.cumsum([0, *(len(leaf.conditions) for leaf in leaves)], dtype=np.uint64)
        opposite = np.array([one for leaf in leaves for one in leaf.opposite], dtype=np.uint8)
        share = np.array([one for leaf in leaves for one in leaf.share], dtype=np.float64)
        value = np.array([leaf.value for leaf in leaves], dtype=np.float64)
        return starts, asked, slot, opposite, share, value


def _rule(number: int, most: int) -> Floats:
    """Gauss and Legendre's rule of `number` times `POINTS` points, filled up with zeros.

    Shape (3, points): t, 1 - t and the weight, over [0, 1].
    """
    node, weight = np.polynomial.legendre.leggauss(POINTS * number)
    told = np.stack([(1 + node) / 2, (1 - node) / 2, weight / 2])
    return np.pad(told, ((0, 0), (0, POINTS * (most - number))))


def _fill(
    leaves: list[tuple[Leaf, int]],
    tables: list[tuple[int, tuple[int, ...]]],
    laid: Laid,
    rules: Floats,
    values: Floats,
) -> None:
    """Put what the leaves give into their tables."""
    bits = [tables[table][1].index(one) for leaf, table in leaves for one in leaf.conditions]
    fill(
        np.cumsum([0, *(len(leaf.conditions) for leaf, _ in leaves)]),
        np.array([one for leaf, _ in leaves for one in leaf.opposite], dtype=np.bool_),
        np.array([one for leaf, _ in leaves for one in leaf.share], dtype=np.float64),
        np.array([leaf.value for leaf, _ in leaves], dtype=np.float64),
        np.array(bits, dtype=np.int64),
        np.array([table for _, table in leaves], dtype=np.int64),
        laid[0],
        laid[1],
        rules,
        values,
    )


def _facts(width: int, cuts: dict[int, list[float]], conditions: list[Condition]) -> Facts:
    """Every condition of every state: thresholds, where each feature starts, and 1 or 0.

    The starts have shape (k + 1, 3): in the thresholds, the conditions and the ones and zeros.
    """
    starts = np.zeros((width + 1, 3), dtype=np.int64)
    parts, at = [np.empty(0, np.uint8)], 0
    for feature in range(width):
        own = []
        while at < len(conditions) and conditions[at].feature == feature:
            own.append(conditions[at].states)
            at += 1
        states = len(cuts[feature]) + MORE_STATES if own else 0
        size = -(-states // 8)
        raw = b"".join(one.to_bytes(size, "little") for one in own)
        bits = np.unpackbits(
            np.frombuffer(raw, np.uint8).reshape(len(own), size), axis=1, bitorder="little"
        )
        parts.append(np.ascontiguousarray(bits[:, :states].T).ravel())
        told = len(cuts.get(feature, ()))
        starts[feature + 1] = starts[feature] + (told, len(own), len(own) * states)
    thresholds = np.array([cut for told in cuts.values() for cut in told], dtype=np.float64)
    return thresholds, starts, np.concatenate(parts)

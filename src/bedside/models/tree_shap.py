"""Exact contributions of boosted trees, read once from LightGBM's text and computed by one kernel.

A contribution is the Shapley value of a feature in the game whose players are the features and
where a split on an absent feature goes both ways, in proportion to the training rows that went
each way (path-dependent TreeSHAP; Lundberg et al., Nat Mach Intell 2020;2:56-67, algorithm 2).

For one leaf of value v below the distinct features k, let z_k be the share of rows that the splits
on k let through, and o_k be 1 where the patient passes all of them, else 0. Since
s! (d - 1 - s)! / d! is the integral of t^s (1 - t)^(d-1-s) over [0, 1], the leaf gives feature j

    v (o_j - z_j) * integral of the product over k != j of (t o_k + (1 - t) z_k) dt,

a polynomial of degree d - 1, which Gauss and Legendre's rule with d / 2 points integrates without
error. All terms have one sign, so nothing cancels. The product is carried down the tree at every
point, its sums come up, and each edge gives its feature what lies below it: time grows with the
splits, not with the leaves times their depths.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from bedside.models.compiling import compiled, entry
from bedside.models.leaf_tables import BUDGET, leaf_tables
from bedside.models.tree_text import (
    LEFT,
    MISSING_IS_NAN,
    MISSING_IS_ZERO,
    ZERO,
    Tree,
    read_trees,
)

__all__ = ["TreeShap", "tree_shap"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
LANES = 4  # points are a multiple of what a processor multiplies at once


def tree_shap(text: str, *, outputs: int, width: int, budget: int = BUDGET) -> "TreeShap | None":
    """The trees, ready to explain; None where the text has a form that is not known here.

    Not known are categorical splits, linear leaves, averaged trees and empty branches.

    Args:
        text: A booster in LightGBM's text form.
        outputs: Tree i adds to output i modulo them.
        width: How many features there are.
        budget: Bytes that tables may take, by which it is faster; see `models.leaf_tables`.
    """
    trees = read_trees(text, width)
    return None if trees is None else TreeShap(trees, outputs, width, budget)


class _Way(Protocol):
    """One of two ways to compute the same: by tables, or by following the splits."""

    def __call__(self, rows: Floats, made: Floats) -> None:
        """Add the contributions of `rows`, shape (n, k), to `made`, shape (n, outputs, k + 1)."""
        ...


class TreeShap:
    """Explains rows; safe to call from several threads. A row's numbers hang on no other row.

    Args:
        trees: Tree i adds to output i modulo `outputs`.
        outputs: How many there are.
        width: How many features there are.
        budget: As in `tree_shap`.
    """

    def __init__(
        self, trees: Sequence[Tree], outputs: int, width: int, budget: int = BUDGET
    ) -> None:
        self._outputs, self._width = outputs, width
        self._expected = np.zeros(outputs)
        for number, tree in enumerate(trees):
            self._expected[number % outputs] += tree.expected
        found = leaf_tables(trees, outputs, width, budget)
        self.way: _Way = _Splits(trees, outputs) if found is None else found

    def __call__(self, matrix: Floats) -> Floats:
        """Shape (n, outputs, k + 1), of rows of shape (n, k); the last column is what is expected.

        It is LightGBM's `pred_contrib`, to the last digits.
        """
        rows = np.ascontiguousarray(matrix, dtype=np.float64)
        made = np.zeros((len(rows), self._outputs, self._width + 1))
        self.way(rows, made)
        made[:, :, -1] = self._expected
        return made


class _Splits:
    """Follows every split of every tree."""

    def __init__(self, trees: Sequence[Tree], outputs: int) -> None:
        split = [
            (number % outputs, *_nodes(tree))
            for number, tree in enumerate(trees)
            if len(tree.feature)
        ]
        self._start = np.cumsum([0, *(len(nodes) for _, nodes, _, _ in split)])
        self._output = np.array([output for output, *_ in split], dtype=np.int64)
        self._nodes = np.concatenate(
            [np.empty((0, WHOLE), np.int64), *(nodes for _, nodes, _, _ in split)]
        )
        self._numbers = np.concatenate([np.empty((0, REAL)), *(real for _, _, real, _ in split)])
        deepest = max((depth for *_, depth in split), default=1)
        points = -(-deepest // (2 * LANES)) * LANES
        place, self._weight = np.polynomial.legendre.leggauss(points)
        self._weight = self._weight / 2
        self._place = np.stack([(1 + place) / 2, (1 - place) / 2, 2 / (1 - place)])

    def __call__(self, rows: Floats, made: Floats) -> None:
        """As in `_Way`."""
        _explain(
            rows, self._start, self._output, self._nodes, self._numbers,
            self._place, self._weight, made,
        )  # fmt: skip


# Columns of a node's whole numbers, then of its real ones. An edge is 2 * node + side.
FEATURE, DECISION, ENTRY, BEFORE, LEFT_INNER, RIGHT_INNER, WHOLE = range(7)
THRESHOLD, LEFT_SHARE, RIGHT_SHARE, LEFT_VALUE, RIGHT_VALUE, REAL = range(6)


def _nodes(tree: Tree) -> tuple[Ints, Floats, int]:
    """Nodes' whole and real numbers, and the most features on a way down."""
    inner = tree.child >= 0
    share, entry_of, before, depth = _ways(tree.child, tree.feature, tree.share)
    gain = np.where(inner, 0.0, tree.value[np.where(inner, 0, ~tree.child)])
    whole = np.column_stack([tree.feature, tree.decision, entry_of, before, inner])
    return whole.astype(np.int64), np.column_stack([tree.threshold, share, gain]), depth


def _ways(child: Ints, feature: Ints, share: Floats) -> tuple[Floats, Ints, Ints, int]:
    """Of each node: shares that all splits on its feature let through, edges, distinct features.

    Returns:
        Shares of both edges, shape (nodes, 2); the edge that leads to each node (-1: none); the
        nearest edge above it of the same feature (-1: none); the most distinct features on a way.
    """
    nodes = len(child)
    entry, before = np.full(nodes, -1), np.full(nodes, -1)
    above: list[dict[int, int]] = [{} for _ in range(nodes)]  # by feature, its nearest edge
    passed, depth = share.copy(), 1
    for node in range(nodes):
        mine = above[node]
        before[node] = mine.get(int(feature[node]), -1)
        if before[node] >= 0:
            passed[node] *= passed[before[node] // 2, before[node] % 2]
        depth = max(depth, len(mine) + (before[node] < 0))
        for side in (0, 1):
            if (below := int(child[node, side])) >= 0:
                entry[below] = 2 * node + side
                above[below] = {**mine, int(feature[node]): 2 * node + side}
    return passed, entry, before, depth


@compiled
def _way(value: float, decision: int, threshold: float) -> int:
    """0 for left and 1 for right, as LightGBM sends a value on."""
    missing = decision >> 2
    if -ZERO <= value <= ZERO or (np.isnan(value) and missing != MISSING_IS_NAN):
        value = 0.0
    if (missing == MISSING_IS_ZERO and value == 0.0) or (
        missing == MISSING_IS_NAN and np.isnan(value)
    ):
        return 0 if decision & LEFT else 1
    return 0 if value <= threshold else 1


@compiled
def _factor(share: float, passed: bool, place: Floats, factor: Floats, over: Floats) -> None:
    """The factor of one feature at each point, and one over it where the patient passes."""
    for point in range(len(factor)):
        if passed:
            factor[point] = place[0, point] + place[1, point] * share
            over[point] = 1.0 / factor[point]
        else:
            factor[point] = place[1, point] * share


@compiled
def _down(
    values: Floats,
    nodes: Ints,
    numbers: Floats,
    place: Floats,
    passes: npt.NDArray[np.bool_],
    below: Floats,
    over: Floats,
) -> None:
    """The product at each edge goes to `below`, times the leaf's value where it ends in one.

    `over` is one over the factor of the edge's feature, where the patient passes.
    """
    points = place.shape[1]
    for node in range(len(nodes)):
        entry, before = nodes[node, ENTRY], nodes[node, BEFORE]
        way = _way(values[nodes[node, FEATURE]], nodes[node, DECISION], numbers[node, THRESHOLD])
        for side in range(2):
            edge, share = 2 * node + side, numbers[node, LEFT_SHARE + side]
            passes[edge] = side == way and (before < 0 or passes[before])
            product = below[edge]
            if before >= 0 and not passes[before]:
                product[:] = share / numbers[before // 2, LEFT_SHARE + before % 2]
            else:
                _factor(share, passes[edge], place, product, over[edge])
            if before >= 0 and passes[before]:
                for point in range(points):
                    product[point] *= over[before, point]
            if entry >= 0:
                for point in range(points):
                    product[point] *= below[entry, point]
            if not nodes[node, LEFT_INNER + side]:
                for point in range(points):
                    product[point] *= numbers[node, LEFT_VALUE + side]


@compiled
def _up(
    nodes: Ints,
    numbers: Floats,
    place: Floats,
    passes: npt.NDArray[np.bool_],
    below: Floats,
    over: Floats,
    sums: Floats,
) -> None:
    """What lies below an edge goes to its feature, in place of what an edge before would give.

    Where the patient does not pass the edge before, both are the same.
    """
    points = place.shape[1]
    for node in range(len(nodes) - 1, -1, -1):
        entry, before = nodes[node, ENTRY], nodes[node, BEFORE]
        given = sums[nodes[node, FEATURE]]
        if before < 0 or passes[before]:
            for edge in range(2 * node, 2 * node + 2):
                away = 1.0 - numbers[node, LEFT_SHARE + edge % 2]
                if passes[edge]:
                    for point in range(points):
                        given[point] += away * over[edge, point] * below[edge, point]
                else:
                    for point in range(points):
                        given[point] -= place[2, point] * below[edge, point]
        if entry >= 0:
            for point in range(points):
                below[entry, point] = below[2 * node, point] + below[2 * node + 1, point]
            if before >= 0 and passes[before]:
                away = 1.0 - numbers[before // 2, LEFT_SHARE + before % 2]
                for point in range(points):
                    given[point] -= away * over[before, point] * below[entry, point]


@entry
def _explain(
    rows: Floats,
    start: Ints,
    output: Ints,
    nodes: Ints,
    numbers: Floats,
    place: Floats,
    weight: Floats,
    made: Floats,
) -> None:
    """Add what every tree gives to `made`, shape (n, outputs, k + 1).

    Args:
        rows: Shape (n, k).
        start: The first node of each tree, and the end of the last.
        output: Of each tree.
        nodes: Whole numbers of each node.
        numbers: Real numbers of each node.
        place: t, 1 - t and 1 / (1 - t) at each point.
        weight: Of each point.
        made: Is changed.
    """
    points, most = len(weight), 1
    for tree in range(len(output)):
        most = max(most, start[tree + 1] - start[tree])
    sums = np.empty((made.shape[1], made.shape[2], points))
    passes = np.empty(2 * most, np.bool_)
    below, over = np.empty((2 * most, points)), np.empty((2 * most, points))
    for row in range(len(rows)):
        sums[:] = 0.0
        for tree in range(len(output)):
            first, last = start[tree], start[tree + 1]
            some, told = nodes[first:last], numbers[first:last]
            _down(rows[row], some, told, place, passes, below, over)
            _up(some, told, place, passes, below, over, sums[output[tree]])
        for at in range(sums.shape[0]):
            for feature in range(sums.shape[1] - 1):
                total = 0.0
                for point in range(points):
                    total += weight[point] * sums[at, feature, point]
                made[row, at, feature] += total

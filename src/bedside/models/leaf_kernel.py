"""The kernels of `models.leaf_tables`: patterns of conditions into contributions.

A leaf of value v with shares z gives feature j, of whom the patient fulfils the conditions o,

    v (o_j - z_j) * integral over t of the product over k != j of (t o_k + (1 - t) z_k),

see `models.tree_shap`. The product over all k, times v and the rule's weight, is divided by the
factor of j, so that one product at each point serves all features.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.models.compiling import compiled, entry
from bedside.models.tree_text import ZERO

__all__ = ["fill", "look_up"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Counts = npt.NDArray[np.uint64]
NEAR, AWAY, WEIGHT = range(3)  # rows of a rule: t, 1 - t and the weight at each point


@entry
def fill(
    starts: Ints, opposite: Any, share: Floats, value: Floats, bits: Ints, inside: Ints,
    tables: Counts, size: Counts, rules: Floats, values: Floats,
) -> None:  # fmt: skip
    """Add what each leaf gives for each pattern to the table that it is in.

    Args:
        starts: Of each leaf in its conditions, and the end of the last.
        opposite: Of each condition, whether who comes to the leaf does not fulfil it.
        share: Of each condition.
        value: Of each leaf.
        bits: The place in the table of each condition.
        inside: The table of each leaf.
        tables: Where each table starts in `values`: by pattern, then by condition.
        size: How many conditions each table has.
        rules: Rule r has 4 (r + 1) points, enough for 8 (r + 1) conditions.
        values: Is added to.
    """
    most = 0
    for leaf in range(len(inside)):
        most = max(most, starts[leaf + 1] - starts[leaf])
    product, own = np.empty((rules.shape[2], 1 << most)), np.empty((most, 1 << most))
    for leaf in range(len(inside)):
        first, last = starts[leaf], starts[leaf + 1]
        count = last - first
        rule = (count - 1) // 8
        points = 4 * (rule + 1)
        given = share[first:last]
        _products(value[leaf], given, opposite[first:last], rules[rule], points, product)
        own[:count, : 1 << count] = 0.0
        for at in range(count):
            _divided(at, count, given[at], opposite[first + at], rules[rule], product, own[at])
        table = inside[leaf]
        wide, to = np.int64(size[table]), np.int64(tables[table])
        for pattern in range(1 << wide):
            mine = 0
            for at in range(count):
                mine |= ((pattern >> bits[first + at]) & 1) << at
            for at in range(count):
                values[to + pattern * wide + bits[first + at]] += own[at, mine]


@compiled
def _products(
    value: float, share: Floats, opposite: Any, rule: Floats, points: int, product: Floats
) -> None:
    """The product at each point for each pattern; one more condition doubles the patterns."""
    for point in range(points):
        every = product[point]
        every[0] = value * rule[WEIGHT, point]
        for at in range(len(share)):
            missed = rule[AWAY, point] * share[at]
            passed = rule[NEAR, point] + missed
            clear, told = (passed, missed) if opposite[at] else (missed, passed)
            for pattern in range(1 << at):
                every[pattern + (1 << at)] = every[pattern] * told
                every[pattern] *= clear


@compiled
def _divided(
    at: int, count: int, share: float, opposite: bool, rule: Floats, product: Floats, own: Floats
) -> None:
    """What the feature of one condition is given for each pattern."""
    half = 1 << at
    for point in range(4 * ((count - 1) // 8 + 1)):
        missed = rule[AWAY, point] * share
        lost, won = -share / missed, (1.0 - share) / (rule[NEAR, point] + missed)
        clear, told = (won, lost) if opposite else (lost, won)
        every = product[point]
        for first in range(0, 1 << count, 2 * half):
            for pattern in range(first, first + half):
                own[pattern] += every[pattern] * clear
            for pattern in range(first + half, first + 2 * half):
                own[pattern] += every[pattern] * told


@compiled
def _tell(row: Floats, thresholds: Floats, starts: Ints, known: Any, facts: Any) -> None:
    """Which conditions a row fulfils, 1 or 0."""
    for feature in range(len(row)):
        to = starts[feature, 1]
        size = starts[feature + 1, 1] - to
        if size == 0:
            continue
        low, high = starts[feature, 0], starts[feature + 1, 0]
        value, first, most = row[feature], low, high - low
        if np.isnan(value):
            state = most + 1
        elif -ZERO <= value <= ZERO:
            state = most + 2
        else:
            while low < high:
                middle = (low + high) // 2
                if thresholds[middle] < value:
                    low = middle + 1
                else:
                    high = middle
            state = low - first
        at = starts[feature, 2] + state * size
        for one in range(size):
            facts[to + one] = known[at + one]


@compiled
def _add_tables(
    facts: Any, starts: Counts, size: Counts, asked: Any, slot: Any, values: Floats,
    cells: Counts, given: Floats,
) -> None:  # fmt: skip
    """Find the row of every table, then add them all: so that the memory is read side by side.

    Unsigned numbers spare a test of each whether it counts from the end.
    """
    first = np.uint64(0)
    for table in range(len(size)):
        count, pattern = size[table], np.uint64(0)
        for at in range(count):
            one = np.uint64(at)
            pattern |= np.uint64(facts[asked[first + one]]) << one
        cells[table] = starts[table] + pattern * count
        first += count
    first = np.uint64(0)
    for table in range(len(size)):
        count, cell = size[table], cells[table]
        for at in range(count):
            given[slot[first + np.uint64(at)]] += values[cell + np.uint64(at)]
        first += count


@compiled
def _add_leaves(
    facts: Any, leaves: Any, rule: Floats, powers: Floats, passed: Counts, work: Floats,
    sums: Floats, given: Floats,
) -> None:  # fmt: skip
    """Add what each leaf gives: of who passes to the sums at each point, of who fails to `given`.

    All conditions that fail have the same factor but for z, which their own share divides out: so
    their features are given the same number.
    """
    starts, asked, slot, opposite, share, value = leaves
    points = np.uint64(rule.shape[1])
    one = np.uint64(1)
    for leaf in range(len(value)):
        first, last = starts[leaf], starts[np.uint64(leaf) + one]
        whole, passing = value[leaf], np.uint64(0)
        for at in range(first, last):
            told = np.uint64(facts[asked[at]] ^ opposite[at])
            passed[passing] = at
            passing += told
            whole *= share[at] if told == 0 else 1.0
        failing = last - first - passing
        for point in range(points):
            work[point] = rule[WEIGHT, point] * whole
        for place in range(passing):
            part = share[passed[place]]
            for point in range(points):
                work[point] *= rule[NEAR, point] + rule[AWAY, point] * part
        if failing > 0:
            common = 0.0
            for point in range(points):
                common += work[point] * powers[failing - one, point]
            for at in range(first, last):
                told = facts[asked[at]] ^ opposite[at]
                given[slot[at]] -= common if told == 0 else 0.0
        for point in range(points):
            work[point] *= powers[failing, point]
        for place in range(passing):
            at = passed[place]
            part, to = share[at], sums[slot[at]]
            for point in range(points):
                factor = rule[NEAR, point] + rule[AWAY, point] * part
                to[point] += work[point] * (1.0 - part) / factor


@entry
def look_up(
    rows: Floats, told: Any, tables: Any, values: Floats, leaves: Any, rule: Floats,
    powers: Floats, made: Floats,
) -> None:  # fmt: skip
    """Add what all leaves give to `made`, shape (n, outputs * (k + 1)).

    Args:
        rows: Shape (n, k).
        told: As `leaf_tables._facts` gives it.
        tables: Where they start in `values`, their sizes, conditions and places in `made`.
        values: Of the tables.
        leaves: That are in no table: where they start in their conditions, these, their places in
            `made`, whether they are opposite, their shares, and the leaves' values.
        rule: That integrates what these leaves ask.
        powers: Of 1 - t at each point, from 0 to the most conditions of such a leaf.
        made: Is added to.
    """
    thresholds, starts, known = told
    start, size, asked, slot = tables
    facts, cells = np.empty(starts[-1, 1], np.uint8), np.empty(len(size), np.uint64)
    points, count = rule.shape[1], len(leaves[5])
    passed, work = np.empty(len(powers), np.uint64), np.empty(points)
    sums = np.zeros((made.shape[1], points))
    for row in range(len(rows)):
        _tell(rows[row], thresholds, starts, known, facts)
        _add_tables(facts, start, size, asked, slot, values, cells, made[row])
        if count > 0:
            sums[:] = 0.0
            _add_leaves(facts, leaves, rule, powers, passed, work, sums, made[row])
            for at in range(made.shape[1]):
                total = 0.0
                for point in range(points):
                    total += sums[at, point]
                made[row, at] += total

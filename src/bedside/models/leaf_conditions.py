"""The leaves of trees as sets of conditions, each on one feature, that are shared between leaves.

A feature's value matters only by the interval between two thresholds of the model that it is in:
its state. Two more states are that it is missing, and that LightGBM holds it to be 0. All splits
on one feature on the way to a leaf let a set of states pass, which is one condition. A condition
and its opposite are one, looked at from two sides, so that the two leaves below a split have the
same conditions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bedside.models.tree_text import LEFT, MISSING_IS_NAN, MISSING_IS_ZERO, Tree

__all__ = ["Condition", "Leaf", "cuts_of", "leaves_of"]


@dataclass(frozen=True, slots=True, order=True)
class Condition:
    """That `feature` is in one of the states whose bits are in `states`."""

    feature: int
    states: int


@dataclass(frozen=True, slots=True)
class Leaf:
    """What several leaves give together that have the same conditions and shares.

    Args:
        output: To which it adds.
        conditions: By their place in a list; at most one of a feature; ascending.
        opposite: Of each, whether who comes here does not fulfil it.
        share: Of each, what part of the training rows the splits on it let through.
        value: Of the leaf.
    """

    output: int
    conditions: tuple[int, ...]
    opposite: tuple[bool, ...]
    share: tuple[float, ...]
    value: float


def cuts_of(trees: Sequence[Tree]) -> dict[int, list[float]]:
    """By feature, its thresholds, ascending; state i is above i of them, up to the next."""
    cuts: dict[int, set[float]] = {}
    for tree in trees:
        for feature, threshold in zip(tree.feature.tolist(), tree.threshold.tolist(), strict=True):
            cuts.setdefault(feature, set()).add(threshold)
    return {feature: sorted(told) for feature, told in sorted(cuts.items())}


def leaves_of(
    trees: Sequence[Tree], outputs: int, cuts: dict[int, list[float]]
) -> tuple[list[Leaf], list[Condition]]:
    """All leaves below a split, those of the same conditions and shares as one; the conditions.

    Args:
        trees: Tree i adds to output i modulo `outputs`.
        outputs: How many there are.
        cuts: As `cuts_of` gives them.
    """
    every = {feature: (1 << (len(told) + 3)) - 1 for feature, told in cuts.items()}
    place = {feature: {cut: at for at, cut in enumerate(told)} for feature, told in cuts.items()}
    known: dict[Condition, int] = {}
    found: dict[tuple[int, tuple[tuple[int, bool, float], ...]], float] = {}
    for number, tree in enumerate(trees):
        passing = [
            _passing(place[feature][threshold], threshold, decision, len(cuts[feature]))
            for feature, threshold, decision in zip(
                tree.feature.tolist(), tree.threshold.tolist(), tree.decision.tolist(), strict=True
            )
        ]
        for way, value in _ways(tree, passing, every):
            told = []
            for feature, (states, share) in way.items():
                other = every[feature] ^ states
                one = Condition(feature, min(states, other))
                told.append((known.setdefault(one, len(known)), other < states, share))
            key = number % outputs, tuple(sorted(told))
            found[key] = found.get(key, 0.0) + value
    leaves = []
    for (output, told_of), value in found.items():
        leaves.append(
            Leaf(
                output,
                tuple(one[0] for one in told_of),
                tuple(one[1] for one in told_of),
                tuple(one[2] for one in told_of),
                value,
            )
        )
    return leaves, list(known)


def _passing(place: int, threshold: float, decision: int, cuts: int) -> int:
    """The states that a split sends to the left, as LightGBM does."""
    missing, by_default = decision >> 2, bool(decision & LEFT)
    zero = by_default if missing == MISSING_IS_ZERO else threshold >= 0.0
    absent = by_default if missing == MISSING_IS_NAN else zero
    return ((1 << (place + 1)) - 1) | (absent << (cuts + 1)) | (zero << (cuts + 2))


Way = dict[int, tuple[int, float]]


def _ways(tree: Tree, passing: list[int], every: dict[int, int]) -> Iterator[tuple[Way, float]]:
    """Each leaf's value with, by feature, the states that come to it and their share."""
    child, share = tree.child.tolist(), tree.share.tolist()
    feature, value = tree.feature.tolist(), tree.value.tolist()
    stack: list[tuple[int, Way]] = [(0, {})] if child else []
    while stack:
        node, way = stack.pop()
        if node < 0:
            yield way, value[~node]
            continue
        split = feature[node]
        states, passed = way.get(split, (every[split], 1.0))
        left = passing[node]
        for side, some in ((0, left), (1, every[split] ^ left)):
            told = (states & some, passed * share[node][side])
            stack.append((child[node][side], {**way, split: told}))

"""Boosted trees as arrays, read from LightGBM's text."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["LEFT", "MISSING_IS_NAN", "MISSING_IS_ZERO", "ZERO", "Tree", "read_trees"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
CATEGORY, LEFT = 1, 2  # bits of LightGBM's decision_type; above them, what is missing
MISSING_IS_ZERO, MISSING_IS_NAN = 1, 2
ZERO = float(np.float32(1e-35))  # what LightGBM holds to be 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """One tree of n splits and n + 1 leaves.

    Args:
        child: Shape (n, 2): left and right. Children come after their parents; leaf i is ~i.
        feature: Shape (n,).
        decision: Shape (n,), as in LightGBM.
        threshold: Shape (n,).
        share: Shape (n, 2). Of the training rows at the split, those that went left and right.
        value: Shape (n + 1,), of the leaves.
        expected: The mean value over the training rows.
    """

    child: Ints
    feature: Ints
    decision: Ints
    threshold: Floats
    share: Floats
    value: Floats
    expected: float


def read_trees(text: str, width: int) -> list[Tree] | None:
    """Every tree; None where the text has a form that is not known here.

    Not known are categorical splits, linear leaves, averaged trees and empty branches.

    Args:
        text: A booster in LightGBM's text form.
        width: How many features there are.
    """
    head, *blocks = text.split("\nTree=")
    if "average_output" in head.split("\n"):
        return None
    try:
        return [_tree(_told(block), width) for block in blocks]
    except (IndexError, KeyError, ValueError):
        return None


def _told(block: str) -> dict[str, str]:
    """The named lines of a tree."""
    lines = block.partition("\n\n")[0].split("\n")[1:]
    return dict(line.split("=", 1) for line in lines if line)


def _tree(told: dict[str, str], width: int) -> Tree:
    """One tree.

    Raises:
        IndexError, KeyError, ValueError: it is not of a form that is known.
    """
    if told.get("is_linear", "0") != "0" or told["num_cat"] != "0":
        raise ValueError("not known")

    def column(name: str) -> Floats:
        return np.array(told[name].split(), dtype=np.float64)

    value, nodes = column("leaf_value"), int(told["num_leaves"]) - 1
    if nodes == 0:
        none = np.empty(0, np.int64)
        return Tree(
            child=none.reshape(0, 2),
            feature=none,
            decision=none,
            threshold=np.empty(0),
            share=np.empty((0, 2)),
            value=value,
            expected=float(value[0]),
        )
    count, leaf_count = column("internal_count"), column("leaf_count")
    child = np.stack([column("left_child"), column("right_child")], axis=1).astype(np.int64)
    feature, decision = (
        column(name).astype(np.int64) for name in ("split_feature", "decision_type")
    )
    _check(child, feature, decision, np.concatenate([count, leaf_count]), nodes, width)
    inner = child >= 0
    below = np.where(
        inner, count[np.where(inner, child, 0)], leaf_count[np.where(inner, 0, ~child)]
    )
    return Tree(
        child=child,
        feature=feature,
        decision=decision,
        threshold=column("threshold"),
        share=below / count[:, None],
        value=value,
        expected=float((leaf_count / count[0] * value).sum()),
    )


def _check(
    child: Ints, feature: Ints, decision: Ints, count: Floats, nodes: int, width: int
) -> None:
    """Children come after their parents and each once; features are there; no branch is empty."""
    known = sorted(child.ravel().tolist()) == [*range(-nodes - 1, 0), *range(1, nodes)]
    later = (child[child >= 0] > np.nonzero(child >= 0)[0]).all()
    if not known or not later or (decision & CATEGORY).any() or (count <= 0).any():
        raise ValueError("not known")
    if feature.min() < 0 or feature.max() >= width or len(count) != 2 * nodes + 1:
        raise ValueError("not known")

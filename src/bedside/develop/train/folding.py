"""Frozen fills as part of the trees: each split is told which way a missing value goes.

A feature whose gaps take the value f goes left in a split at t when f <= t. That is all that an
imputation is to a tree, and a split can say it: so the same trees, given the features with their
gaps, give the same leaf to the bit, in LightGBM and in the graph made from them. A split on an
indicator becomes a split on the feature itself, between missing and measured; contributions then
speak of the declared features only (docs/decisions/0011).
"""

import math
from collections.abc import Callable

from bedside.core.errors import Refused
from bedside.develop.train.imputation import Fills

__all__ = ["folded"]

MISSING_IS_NAN, LEFT, CATEGORY = 8, 2, 1  # bits of LightGBM's decision_type
LARGEST = 1e300  # LightGBM writes nothing greater


def folded(trees: str, fills: Fills) -> str:
    """Trees for features with gaps, equal to the given trees on the filled matrix.

    Args:
        trees: LightGBM's text form, fitted on the columns of `fills.filled`.
        fills: Of k features.

    Raises:
        Refused: the text is not of a form that is known (code `trees_unknown`).
    """
    import lightgbm  # noqa: PLC0415  (slow to import)

    width = len(fills.names)
    head, *blocks = trees.split("\nTree=")
    if not blocks or "\nversion=v4\n" not in head:
        raise Refused(
            "LightGBM wrote the trees in a form that is not known here.",
            fix="install the LightGBM that Bedside names.",
            code="trees_unknown",
        )
    told = "\n".join(
        _with(line, width)
        for line in head.split("\n")
        if not line.startswith("tree_sizes=")  # LightGBM reads tree by tree without it
    )
    changed = "\nTree=".join([told, *(_tree(block, fills, width) for block in blocks)])
    return str(lightgbm.Booster(model_str=changed).model_to_string())


def _with(line: str, width: int) -> str:
    """A line of the head, for `width` features."""
    name, _, value = line.partition("=")
    if name == "max_feature_idx":
        return f"{name}={width - 1}"
    if name in ("feature_names", "feature_infos"):
        return f"{name}={' '.join(value.split(' ')[:width])}"
    return line


def _tree(block: str, fills: Fills, width: int) -> str:
    """One tree; what follows the last tree stays as it is."""
    lines = block.split("\n")
    at = {line.partition("=")[0]: number for number, line in enumerate(lines) if "=" in line}
    if "split_feature" not in at or lines[at["split_feature"]] == "split_feature=":
        return block  # a single leaf

    def column(name: str) -> list[str]:
        return lines[at[name]].partition("=")[2].split(" ")

    splits = [
        _split(int(feature), threshold, int(decision), fills, width)
        for feature, threshold, decision in zip(
            column("split_feature"), column("threshold"), column("decision_type"), strict=True
        )
    ]
    parts: dict[str, Callable[[tuple[int, str, int]], str]] = {
        "split_feature": lambda split: str(split[0]),
        "threshold": lambda split: split[1],
        "decision_type": lambda split: str(split[2]),
    }
    for name, text in parts.items():
        lines[at[name]] = f"{name}={' '.join(text(split) for split in splits)}"
    return "\n".join(lines)


def _split(
    feature: int, threshold: str, decision: int, fills: Fills, width: int
) -> tuple[int, str, int]:
    """The feature, threshold and decision of one split on features with gaps."""
    if decision & CATEGORY:
        raise Refused(
            "The trees hold a categorical split.",
            fix="use numeric features only.",
            code="trees_unknown",
        )
    at = float(threshold)
    if feature >= width:  # an indicator: 1 is missing, 0 is measured
        measured_left, missing_left = at >= 0, at >= 1
        edge = LARGEST if measured_left else -LARGEST
        return int(fills.told[feature - width]), repr(edge), _decision(missing_left)
    fill = float(fills.value[feature])
    if math.isnan(fill):
        return feature, threshold, decision
    return feature, threshold, _decision(fill <= at)


def _decision(missing_left: bool) -> int:
    return MISSING_IS_NAN | (LEFT if missing_left else 0)

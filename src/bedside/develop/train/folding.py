"""Frozen fills as part of trees and of terms, which then take rows with gaps.

Each split of a tree is told which way a missing value goes.

A feature whose gaps take the value f goes left in a split at t when f <= t. That is all that an
imputation is to a tree, and a split can say it: so the same trees, given the features with their
gaps, give the same leaf to the bit, in LightGBM and in the graph made from them. A split on an
indicator becomes a split on the feature itself, between missing and measured; contributions then
speak of the declared features only (docs/decisions/0011).

A term has a score for what is missing: that of the fill. A term of an indicator becomes one of the
feature itself, with one bin beside what is missing.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from bedside.core.errors import Refused
from bedside.develop.train.imputation import Fills
from bedside.models.additive import term_scores
from bedside.models.form import Additive, Term, Trees

__all__ = ["folded", "folded_part"]

MISSING_IS_NAN, LEFT, CATEGORY = 8, 2, 1  # bits of LightGBM's decision_type
LARGEST = 1e300  # LightGBM writes nothing greater


def folded_part(part: Trees | Additive, fills: Fills) -> Trees | Additive:
    """A part for features with gaps, equal to the given one on the filled matrix.

    Args:
        part: Fitted on the columns of `fills.filled`.
        fills: Of k features.

    Raises:
        Refused: trees are not of a form that is known (code `trees_unknown`).
    """
    if isinstance(part, Trees):
        return replace(part, text=folded(part.text, fills))
    return replace(part, terms=tuple(_term(term, fills) for term in part.terms))


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


def _term(term: Term, fills: Fills) -> Term:
    if term.kind != "steps":
        return _of_one(term, fills)
    scores = np.asarray(term.scores).reshape(-1, *(len(edges) + 2 for edges in term.edges))
    features, cuts = [], []
    for axis, (feature, edges) in enumerate(zip(term.features, term.edges, strict=True)):
        raw, cut, bins = _axis(feature, edges, fills)
        features.append(raw)
        cuts.append(cut)
        scores = np.take(scores, bins, axis=axis + 1)
    flat = scores.reshape(len(term.scores), -1)
    return replace(
        term,
        features=tuple(features),
        edges=tuple(cuts),
        scores=tuple(tuple(one) for one in flat.tolist()),
    )


def _axis(
    feature: int, edges: tuple[float, ...], fills: Fills
) -> tuple[int, tuple[float, ...], npt.NDArray[np.int64]]:
    """The feature with gaps, its edges, and which old bin each of its bins is."""
    width = len(fills.names)

    def bin_of(value: float) -> int:
        return int(np.searchsorted(np.asarray(edges), value, side="right")) + 1

    if feature >= width:  # an indicator: 1 is missing, 0 is measured
        return int(fills.told[feature - width]), (), np.array([bin_of(1.0), bin_of(0.0)])
    fill, bins = float(fills.value[feature]), np.arange(len(edges) + 2)
    if not math.isnan(fill):
        bins[0] = bin_of(fill)
    return feature, edges, bins


def _of_one(term: Term, fills: Fills) -> Term:
    """A straight line, or several, of one feature or indicator."""
    (feature,), width = term.features, len(fills.names)

    def scores_of(value: float) -> list[float]:
        alone = replace(term, features=(0,))
        made: list[float] = term_scores(alone, np.array([[value]]))[0].tolist()
        return made

    if feature >= width:
        missing, measured = scores_of(1.0), scores_of(0.0)
        return Term(
            kind="steps",
            features=(int(fills.told[feature - width]),),
            scores=tuple(zip(missing, measured, strict=True)),
            edges=((),),
        )
    fill = float(fills.value[feature])
    if math.isnan(fill):
        return term
    told = zip(term.scores, scores_of(fill), strict=True)
    if term.kind == "linear":  # slope, missing
        return replace(term, scores=tuple((scores[0], one) for scores, one in told))
    return replace(term, scores=tuple((one, *scores[1:]) for scores, one in told))

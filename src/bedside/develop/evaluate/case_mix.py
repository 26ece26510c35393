"""How alike two groups of patients are: moments of the one in its bundle, set beside the other.

Nothing here needs the patients of the first group again: means, spreads and shares over more than
ten subjects are kept when the model is built.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.core.records.outcome import OutcomeKind
from bedside.metrics.calibration import log_odds

__all__ = ["Group", "compare_groups", "describe_group", "linear_predictor"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
MOST_JOINT = 24
"""Columns of the joint description, those of the most important features first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The rows of a group of patients, by subject.

    Args:
        matrix: Shape (n, k); NaN where missing.
        subject: Shape (n,), counts from 0 without gaps.
        came: Shape (n,), 1 where the outcome came true; None: it is none that comes or does not.
        predictor: Shape (m,), the linear predictor of rows that the model did not learn from.
    """

    matrix: Floats
    subject: npt.NDArray[np.int64]
    came: Floats | None
    predictor: Floats

    def subjects(self, some: Bools) -> int:
        """How many subjects have such a row."""
        return len(np.unique(self.subject[some]))

    def shown(self, some: Bools) -> bool:
        """Whether so many have such a row, and so many have another, that nobody is picked out."""
        return all(self.subjects(one) > SUPPRESS_AT_OR_BELOW for one in (some, ~some))


def linear_predictor(outcome: OutcomeKind, risk: Floats) -> Floats:
    """The prediction on the scale on which a model adds up; shape (n,).

    Log-odds of a risk; of survival, ln(-ln(1 - risk)), which is the log-hazard up to a constant;
    of a number, itself.

    >>> linear_predictor("binary", np.array([0.5])).tolist()
    [0.0]
    """
    if outcome == "regression":
        return risk
    if outcome == "survival":
        kept = np.clip(risk, 1e-12, 1 - 1e-12)
        return np.asarray(np.log(-np.log1p(-kept)))
    return log_odds(risk)


def describe_group(
    group: Group,
    names: Sequence[str],
    categories: Sequence[int],
    order: Sequence[str],
) -> dict[str, Any]:
    """What a bundle keeps of the patients whom its model learnt from.

    Args:
        group: The training rows; its predictor is of held-out rows, because on the rows that it
            learnt from a model is surer than it is right to be.
        names: Of the k features.
        categories: For each feature, how many categories it has; 0: it is a number.
        order: Names of features, the most important first.
    """
    features = {
        name: _described(group, group.matrix[:, at], categories[at])
        for at, name in enumerate(names)
    }
    columns = _columns(group, features, names, order)
    drawn = _drawn(group, columns, names)
    return {
        "subjects": int(group.subject[-1]) + 1,
        "rows": len(group.matrix),
        "outcome_rate": _rate(group),
        "linear_predictor": _moments(group.predictor),
        "features": features,
        "joint": {
            "columns": columns,
            "mean": drawn.mean(axis=0).tolist(),
            "covariance": np.cov(drawn, rowvar=False).reshape(len(columns), -1).tolist(),
        }
        if columns
        else None,
    }


def compare_groups(
    told: Mapping[str, Any],
    other: Group,
    names: Sequence[str],
    categories: Sequence[int],
    texts: Mapping[str, str],
) -> dict[str, Any]:
    """The described group beside another.

    Each feature has the standardised difference of its values and that of its being missing
    (positive: greater in the other group); of categories, the multivariate one, without a sign.
    `membership` is how well a linear score of the features and the outcome tells which of the two
    groups a patient belongs to: 0.5 is not at all.

    Source: Austin, Stat Med 2009;28:3083-3107; Yang & Dalton, SAS Global Forum 2012:335 (of
        categories); Debray et al., J Clin Epidemiol 2015;68:279-289 (linear predictor, membership).
    """
    rows = []
    for at, name in enumerate(names):
        here = _described(other, other.matrix[:, at], categories[at])
        rows.append(
            {
                "feature": name,
                "text": texts.get(name, name),
                **_set_beside(told["features"][name], here),
            }
        )
    return {
        "features": sorted(rows, key=lambda row: -_greatest(row)),
        "outcome_rate": {"build": told["outcome_rate"], "here": _rate(other)},
        "linear_predictor": {
            "build": told["linear_predictor"],
            "here": _moments(other.predictor),
        },
        "membership": _membership(told, other, names),
    }


def _described(group: Group, values: Floats, categories: int) -> dict[str, Any]:
    missing = np.isnan(values)
    whole = len(values)
    told: dict[str, Any] = {"missing": None, "mean": None, "sd": None}
    if not missing.any() or missing.all() or group.shown(missing):
        told["missing"] = float(missing.sum() / whole)
    if group.subjects(~missing) <= SUPPRESS_AT_OR_BELOW:
        return {**told, "shares": None} if categories else told
    given = values[~missing]
    if not categories:
        return {**told, "mean": float(given.mean()), "sd": float(given.std(ddof=1))}
    return {**told, "shares": _shares(group, values, categories)}


def _shares(group: Group, values: Floats, categories: int) -> list[float | None]:
    """The share of each category among the measured; None where ten subjects or fewer have it.

    A single hidden one could be found by subtraction, so the rarest of the others is then hidden
    as well.
    """
    measured = int((~np.isnan(values)).sum())
    each = [values == level for level in range(categories)]
    held = [group.subjects(one) for one in each]
    hidden = {at for at, count in enumerate(held) if 0 < count <= SUPPRESS_AT_OR_BELOW}
    if len(hidden) == 1:
        others = [at for at in range(categories) if at not in hidden and held[at]]
        hidden |= {min(others, key=lambda at: held[at])} if others else set()
    return [None if at in hidden else float(one.sum() / measured) for at, one in enumerate(each)]


def _rate(group: Group) -> float | None:
    if group.came is None or not group.shown(group.came == 1):
        return None
    return float(group.came.mean())


def _moments(values: Floats) -> dict[str, float | None]:
    if len(values) <= SUPPRESS_AT_OR_BELOW:
        return {"mean": None, "sd": None}
    return {"mean": float(values.mean()), "sd": float(values.std(ddof=1))}


def _set_beside(told: Mapping[str, Any], here: Mapping[str, Any]) -> dict[str, Any]:
    shares = told.get("shares"), here.get("shares")
    return {
        "build": {name: told[name] for name in ("mean", "sd", "missing")},
        "here": {name: here[name] for name in ("mean", "sd", "missing")},
        "difference": _between_shares(*shares)
        if "shares" in told
        else _standardised(told["mean"], told["sd"], here["mean"], here["sd"]),
        "difference_of_missing": _standardised(
            told["missing"], _spread(told["missing"]), here["missing"], _spread(here["missing"])
        ),
    }


def _spread(share: float | None) -> float | None:
    return None if share is None else float(np.sqrt(share * (1 - share)))


def _standardised(
    mean: float | None, sd: float | None, other: float | None, other_sd: float | None
) -> float | None:
    """The difference of two means over the root of the mean of their variances."""
    if mean is None or sd is None or other is None or other_sd is None:
        return None
    spread = np.sqrt((sd * sd + other_sd * other_sd) / 2)
    if spread == 0:
        return 0.0 if mean == other else None
    return float((other - mean) / spread)


def _between_shares(
    told: Sequence[float | None] | None, here: Sequence[float | None] | None
) -> float | None:
    """The distance between two multinomial samples; the last shown category is left out."""
    if told is None or here is None:
        return None
    both = [(a, b) for a, b in zip(told, here, strict=True) if a is not None and b is not None]
    both = [pair for pair in both if sum(pair) > 0]
    hidden = len(both) < len(told)
    if len(both) < 2 and not hidden:
        return 0.0
    kept = np.array(both if hidden and sum(a for a, _ in both) < 1 - 1e-9 else both[1:])
    if not len(kept):
        return None
    first, second = kept.T
    spread = (_multinomial(first) + _multinomial(second)) / 2
    apart = second - first
    return float(np.sqrt(max(apart @ np.linalg.pinv(spread) @ apart, 0.0)))


def _multinomial(share: Floats) -> Floats:
    return np.asarray(np.diag(share) - np.outer(share, share))


def _greatest(row: Mapping[str, Any]) -> float:
    return max(abs(float(row[name] or 0)) for name in ("difference", "difference_of_missing"))


def _columns(
    group: Group, features: Mapping[str, Any], names: Sequence[str], order: Sequence[str]
) -> list[dict[str, Any]]:
    """What the joint description is of: outcome, values (gaps at the mean), categories, gaps."""
    made: list[dict[str, Any]] = []
    if _rate(group) is not None:
        made.append({"kind": "outcome"})
    for name in [*order, *(name for name in names if name not in set(order))]:
        if len(made) >= MOST_JOINT:
            break
        told, values = features[name], group.matrix[:, names.index(name)]
        if told["mean"] is not None and told["sd"] > 0:
            made.append({"kind": "value", "feature": name, "fill": told["mean"]})
        shown = [at for at, share in enumerate(told.get("shares") or []) if share]
        made += [
            {"kind": "category", "feature": name, "category": at}
            for at in shown[1:]
            if group.shown(values == at)
        ]
        if group.shown(np.isnan(values)):
            made.append({"kind": "missing", "feature": name})
    return made[:MOST_JOINT]


def _drawn(group: Group, columns: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Floats:
    made = []
    for one in columns:
        if one["kind"] == "outcome":
            made.append(np.zeros(len(group.matrix)) if group.came is None else group.came)
            continue
        values = group.matrix[:, list(names).index(one["feature"])]
        if one["kind"] == "missing":
            made.append(np.isnan(values).astype(np.float64))
        elif one["kind"] == "category":
            made.append((values == one["category"]).astype(np.float64))
        else:
            made.append(np.where(np.isnan(values), one["fill"], values))
    return np.stack(made, axis=1) if made else np.empty((len(group.matrix), 0))


def _membership(told: Mapping[str, Any], other: Group, names: Sequence[str]) -> dict[str, Any]:
    """The area under the ROC curve of the best linear score between the two groups.

    It is that of two normal groups, from their means and covariances; the squared distance is less
    what chance alone adds to it.

    Source: Su & Liu, J Am Stat Assoc 1993;88:1350-1355; Lachenbruch & Mickey, Technometrics
        1968;10:1-11 (the correction).
    """
    joint = told["joint"]
    if joint is None:
        return {"c_statistic": None, "why": "no feature varies among more than ten subjects"}
    here = _drawn(other, joint["columns"], names)
    subjects = told["subjects"], int(other.subject[-1]) + 1
    width, whole = here.shape[1], sum(subjects)
    if whole <= width + 3 or len(here) < 2:
        return {"c_statistic": None, "why": "there are too few subjects for so many features"}
    apart = here.mean(axis=0) - np.array(joint["mean"])
    spread = np.array(joint["covariance"]) + np.cov(here, rowvar=False).reshape(width, width)
    scale = np.sqrt(np.diag(spread))
    some = scale > 0
    if not some.any():
        return {"c_statistic": None, "why": "no feature varies"}
    correlation = spread[np.ix_(some, some)] / np.outer(scale[some], scale[some])
    unit = apart[some] / scale[some]
    distance = 2 * float(unit @ np.linalg.pinv(correlation, hermitian=True) @ unit)
    size = int(some.sum())
    chance = size * whole / (subjects[0] * subjects[1])
    fair = max(0.0, distance * (whole - size - 3) / (whole - 2) - chance)
    return {"c_statistic": float(ndtr(np.sqrt(fair / 2))), "columns": size}

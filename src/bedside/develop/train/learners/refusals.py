"""What no learner can learn from, and parameters that make no sense."""

import numpy as np

from bedside.core.errors import Invalid
from bedside.develop.train.learners.contract import Plan
from bedside.develop.train.matrix import Matrix

__all__ = ["number_of", "refuse_nothing_to_learn", "whole_of"]


def refuse_nothing_to_learn(train: Matrix, outcome: str, levels: int = 0) -> None:
    """Refuse rows with an empty class, an unknown or constant target, or no measured feature.

    Args:
        train: The rows.
        outcome: Its kind.
        levels: How many there are, of a multi-class or ordinal outcome.

    Raises:
        Invalid: so it is (codes `empty_class`, `no_target`, `never_measured`).
    """
    for label, what in _needed(outcome, levels).items():
        if not (train.label == label).any():
            raise Invalid(
                f"The training rows have no {what}.",
                fix="bring more subjects or widen the question.",
                code="empty_class",
            )
    if outcome == "regression":
        _refuse_target(train)
    if np.isnan(train.features).all():
        raise Invalid(
            "No feature is ever measured.",
            fix="check the codes of the signals.",
            code="never_measured",
        )


def number_of(plan: Plan, name: str, default: float, *, low: float, high: float) -> float:
    """A number of `learner.parameters`, or the default.

    Raises:
        Invalid: it is no number from `low` to `high` (code `parameter`).
    """
    told = plan.options.parameters.get(name, default)
    if isinstance(told, bool | str) or not low <= told <= high:
        raise Invalid(
            f"The learner's `{name}` is no number from {low:g} to {high:g}.",
            fix=f"correct it, or leave it out: it is {default:g} by itself.",
            code="parameter",
        )
    return float(told)


def whole_of(plan: Plan, name: str, default: int, *, low: int, high: int) -> int:
    """A whole number of `learner.parameters`, or the default.

    Raises:
        Invalid: it is no whole number from `low` to `high` (code `parameter`).
    """
    told = number_of(plan, name, default, low=low, high=high)
    if told != int(told):
        raise Invalid(
            f"The learner's `{name}` is no whole number.", fix="round it.", code="parameter"
        )
    return int(told)


def _needed(outcome: str, levels: int) -> dict[int, str]:
    """Labels without any of which there is nothing to tell apart."""
    if outcome == "binary":
        return {1: "positive case", 0: "negative case"}
    if outcome == "survival":
        return {1: "event"}
    if outcome in ("multiclass", "ordinal"):
        return {level: f"case of level {level + 1} of {levels}" for level in range(levels)}
    return {}


def _refuse_target(train: Matrix) -> None:
    if train.target is None or not np.isfinite(train.target).all():
        raise Invalid(
            "A training row has no value to predict.",
            fix="leave out the rows whose value is not known.",
            code="no_target",
        )
    if (train.target == train.target[0]).all():
        raise Invalid(
            "Every training row has the same value to predict.",
            fix="bring more subjects or widen the question.",
            code="empty_class",
        )

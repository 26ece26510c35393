"""What every learner that grows trees tells LightGBM, so that the same rows give the same bytes."""

from collections.abc import Mapping
from typing import Any

from bedside.develop.train.learners.contract import Plan

__all__ = ["booster_options"]


def booster_options(
    plan: Plan, told: Mapping[str, Any], defaults: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """LightGBM's parameters: the defaults, as declared, then what the learner itself says.

    Args:
        plan: Its options and columns.
        told: The learner's own, such as the objective.
        defaults: What holds where nothing is declared.
    """
    learner = plan.options
    options: dict[str, Any] = {
        **(defaults or {}),
        **learner.parameters,
        **told,
        "verbosity": -1,
        "seed": learner.seed,
        "num_threads": learner.threads,
        "deterministic": True,
        "force_col_wise": True,
    }
    if "bagging_fraction" in options:
        options.setdefault("bagging_freq", 1)  # without it, LightGBM ignores the fraction
    if any(column.monotone for column in plan.columns):
        options["monotone_constraints"] = [column.monotone for column in plan.columns]
    return options

"""A built version on other patients: figures, case mix, and what recalibration would give."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.errors import Invalid, Refused
from bedside.core.records.declaration import Evaluation
from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.core.records.flow_words import count_text
from bedside.develop.evaluate.calibration_groups import calibration_groups
from bedside.develop.evaluate.case_mix import Group, compare_groups, linear_predictor
from bedside.develop.evaluate.comparison import independent_difference
from bedside.develop.evaluate.evidence import HeldOut, evaluate, rounded
from bedside.develop.evaluate.fairness import fairness_of
from bedside.develop.evaluate.intervals import estimates
from bedside.develop.evaluate.recalibration import (
    FOLDS,
    Method,
    events_of,
    method_for,
    recalibrated_out_of_fold,
)
from bedside.develop.evaluate.statistics import Rows
from bedside.develop.train.matrix import Matrix
from bedside.models.form import ModelForm

__all__ = [
    "OF_CALIBRATION",
    "PARTS",
    "Elsewhere",
    "came_true",
    "counts_told",
    "judge_elsewhere",
    "refuse_too_few",
]

Floats = npt.NDArray[np.float64]

PARTS = ("figures", "case_mix", "recalibration")
"""What an evaluation on other patients consists of."""

OF_CALIBRATION = (
    "brier", "log_loss", "calibration_slope", "calibration_intercept", "expected_observed_ratio",
    "ici", "net_benefit", "integrated_brier", "multiclass_log_loss", "multiclass_brier",
    "ranked_probability_score", "rmse", "mae", "r2", "mean_error", "regression_slope",
    "regression_intercept",
)  # fmt: skip
METHODS: tuple[Method, ...] = ("intercept", "slope_and_intercept")


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """Other patients, as a version sees them.

    Args:
        form: The model.
        rows: What it predicts of them, beside what came true.
        matrix: The same rows, with its features.
        threshold: Where it alerts; None: nowhere.
        own_thresholds: Shape (n,), where it alerts each row; None: that is the same for all.
        groups: For each subgroup, the level of each row.
        categories: How many categories each feature has; 0: it is a number.
        texts: Each feature in words.
    """

    form: ModelForm
    rows: Rows
    matrix: Matrix
    threshold: float | None
    groups: Mapping[str, npt.NDArray[np.str_]]
    categories: Sequence[int]
    texts: Mapping[str, str] = field(default_factory=dict)
    own_thresholds: Floats | None = None

    @property
    def thresholds(self) -> float | Floats | None:
        """Where it alerts: for all rows, or shape (n,)."""
        return self.threshold if self.own_thresholds is None else self.own_thresholds


def judge_elsewhere(
    new: Elsewhere,
    built: Mapping[str, Any],
    *,
    options: Evaluation,
    seed: int,
    parts: Sequence[str] = PARTS,
    advance: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:
    """The evidence about a version on other patients, beside that of its build.

    Args:
        new: The patients.
        built: The evidence in its bundle.
        options: What is measured, and with how many resamples.
        seed: Of the resampling.
        parts: Which of `PARTS` are wanted.
        advance: Is told of each part as it is done.

    Raises:
        Invalid: there are ten subjects or fewer, or the outcome came true in none, or in all.
    """
    refuse_too_few(new.rows)
    made: dict[str, Any] = {"outcome": new.rows.outcome, "counts": counts_told(new.rows)}
    if "figures" in parts:
        made |= _figures(new, built, options, seed)
        advance(1)
    if "case_mix" in parts:
        made["case_mix"] = _case_mix(new, built)
        advance(1)
    if "recalibration" in parts:
        made["recalibration"] = _recalibration(new, options, seed)
        advance(1)
    evidence: dict[str, Any] = rounded(made)
    return evidence


def came_true(rows: Rows) -> Floats | None:
    """Shape (n,), 1 where the outcome came; None for a number, and for one that takes its time."""
    if rows.outcome in ("regression", "survival"):
        return None
    return (rows.label > 0).astype(np.float64)


def counts_told(rows: Rows) -> dict[str, str]:
    """Subjects, rows, and subjects in whom the outcome came true, in words that name nobody."""
    told = {"subjects": count_text(rows.subjects), "rows": count_text(len(rows.risk))}
    if rows.outcome == "regression":
        return told
    ill = rows.label == 1 if rows.outcome in ("binary", "survival") else rows.label > 0
    return {**told, "with_outcome": count_text(len(np.unique(rows.subject[ill])))}


def refuse_too_few(rows: Rows) -> None:
    """Refuse rows about which nothing may, or can, be said.

    Raises:
        Invalid: there are ten subjects or fewer, or the outcome came true in none, or in all.
    """
    if rows.subjects <= SUPPRESS_AT_OR_BELOW:
        raise Invalid(
            "These are ten patients or fewer: figures about them would be figures about persons.",
            fix="bring the data of more patients.",
            code="too_few",
        )
    ill = rows.label == 1 if rows.outcome == "survival" else rows.label > 0
    if rows.outcome != "regression" and (not ill.any() or ill.all()):
        raise Invalid(
            f"The outcome came true in {'all' if ill.all() else 'none'} of these patients, so "
            "nothing can be said of how they are told apart.",
            fix="bring data in which it came true in some and not in others.",
            code="empty_class",
        )


def _figures(
    new: Elsewhere, built: Mapping[str, Any], options: Evaluation, seed: int
) -> dict[str, Any]:
    rows = new.rows
    found = evaluate(
        HeldOut(rows=rows, groups=new.groups, thresholds=new.own_thresholds),
        threshold=new.threshold,
        options=options,
        seed=seed,
    )
    found.pop("baseline")
    if rows.outcome == "binary" and new.groups and new.thresholds is not None:
        found["fairness"] = fairness_of(rows, new.groups, new.thresholds, options, seed)
    internal = built["metrics"]
    found["internal"] = {name: internal[name] for name in found["metrics"] if name in internal}
    found["difference"] = {
        name: independent_difference(figure, internal[name])
        for name, figure in found["metrics"].items()
        if name in internal
    }
    return found


def _case_mix(new: Elsewhere, built: Mapping[str, Any]) -> dict[str, Any]:
    if "case_mix" not in built:
        return {"why": "the version was built before its training patients were described"}
    rows = new.rows
    group = Group(
        matrix=new.matrix.features,
        subject=rows.subject,
        came=came_true(rows),
        predictor=linear_predictor(rows.outcome, rows.risk),
    )
    return compare_groups(built["case_mix"], group, new.matrix.names, new.categories, new.texts)


def _recalibration(new: Elsewhere, options: Evaluation, seed: int) -> dict[str, Any]:
    """Figures of calibration as it is, and as it would be, each row by a fit on other subjects."""
    made: dict[str, Any] = {
        "folds": FOLDS,
        "advised": method_for(new.matrix, new.form.outcome),
        "events": count_text(events_of(new.matrix, new.form.outcome)),
        "as_it_is": estimates(new.rows, new.thresholds, options, seed, only=OF_CALIBRATION),
        "curves": {"as_it_is": calibration_groups(new.rows)},
    }
    for method in METHODS:
        try:
            rows = recalibrated_out_of_fold(new.form, new.rows, new.matrix, method)
        except (Invalid, Refused) as error:
            made[method] = {"why": error.problem}
            continue
        made[method] = estimates(rows, new.thresholds, options, seed, only=OF_CALIBRATION)
        made["curves"][method] = calibration_groups(rows)
    return made

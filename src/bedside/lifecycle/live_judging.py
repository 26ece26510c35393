"""Judging live answers as an evaluation judges held-out patients: same figures, same hiding."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.records.declaration import Declaration, Evaluation
from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.core.records.outcome import OutcomeKind
from bedside.deploy.rollout.figures import share
from bedside.develop.evaluate.evidence import rounded
from bedside.develop.evaluate.fairness import fairness_of
from bedside.develop.evaluate.intervals import estimates
from bedside.develop.evaluate.statistics import Rows
from bedside.develop.evaluate.subgroups import subgroup_evidence
from bedside.monitor.judged.by_month import FEW
from bedside.monitor.judged.follow_up import follow_up
from bedside.monitor.judged.rows import CARE, LiveRows, by_care

__all__ = ["NO_ESTIMATES", "followed_in", "judged_by_care", "judged_in_groups"]

Floats = npt.NDArray[np.float64]

NO_ESTIMATES = "before outcomes come, they are made for risks of one event alone"
_SAME = "ten patients or fewer less than everybody"
_NO_FIGURES: dict[str, Any] = {"subjects": None, "with_outcome": None, "metrics": {}}


def judged_by_care(rows: LiveRows, declared: Declaration, bootstrap: int) -> dict[str, Any]:
    """Every metric of the evaluation over each of `CARE`.

    Where one of them is everybody, it says `same_as`; where it is nearly everybody, so that the
    few others could be told from both, it is hidden.

    Args:
        rows: n answers with what is known of them.
        declared: What is measured.
        bootstrap: Resamples of patients.
    """
    kind = declared.question.outcome.kind
    found: dict[str, Any] = {}
    whole = rows.take(rows.known)
    for name, mask in by_care(rows).items():
        some = rows.take(mask)
        told: dict[str, Any] = {"says": CARE[name]}
        if name != "all" and len(some) == len(whole):
            found[name] = told | _NO_FIGURES | {"same_as": "all"}
        elif name != "all" and _is_near(some, whole, kind):
            found[name] = told | _NO_FIGURES | {"why": _SAME}
        else:
            found[name] = told | _figures(some, declared, bootstrap)
    return found


def judged_in_groups(rows: LiveRows, declared: Declaration, bootstrap: int) -> dict[str, Any]:
    """`subgroups` and `fairness` of everybody judged, as an evaluation tells them.

    Args:
        rows: n answers with what is known of them.
        declared: Which subgroups, and how large a level must be.
        bootstrap: Resamples of patients.
    """
    kind = declared.question.outcome.kind
    known = rows.take(rows.known)
    groups = {
        name: np.where(levels == "", "unknown", levels).astype(np.str_)
        for name, levels in known.groups.items()
        if (levels != "").any()
    }
    if not groups or _too_few(known, kind):
        return {"subgroups": {}, "fairness": {}}
    options, seed = _options(declared, bootstrap, groups), declared.learner.seed
    bars = _bars(known)
    made = _as_rows(known, declared)
    fairness = {} if bars is None else fairness_of(made, groups, bars, options, seed)
    subgroups = subgroup_evidence(made, groups, bars, options, seed)
    for name, levels in groups.items():
        for level, one in subgroups[name].items():
            if "why" not in one:
                one["metrics"] |= _shares(known.take(levels == level), one["metrics"])
    told: dict[str, Any] = rounded({"subgroups": subgroups, "fairness": fairness})
    return told


def _figures(rows: LiveRows, declared: Declaration, bootstrap: int) -> dict[str, Any]:
    kind = declared.question.outcome.kind
    why = _too_few(rows, kind)
    if why:
        return _NO_FIGURES | {"why": why}
    options = _options(declared, bootstrap, {})
    metrics = estimates(_as_rows(rows, declared), _bars(rows), options, declared.learner.seed)
    subjects, ill, _ = _counts(rows, kind)
    return {
        "subjects": subjects,
        "with_outcome": ill,
        "metrics": rounded(metrics | _shares(rows, metrics)),
    }


def _shares(rows: LiveRows, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the metrics that are shares, with an interval that few patients do not mislead.

    Where every alert was right, resamples of patients know nothing else. Of a time until an event
    they are no shares: whoever was followed stands for others.
    """
    if rows.followed_days is not None:
        return {}
    ill, alert = rows.label > 0, rows.alert
    parts = {
        "sensitivity": (alert, ill),
        "specificity": (~alert, ~ill),
        "ppv": (ill, alert),
        "npv": (~ill, ~alert),
    }
    made = {}
    for name, (hit, among) in parts.items():
        if name in metrics and among.any():
            told = share(hit[among], rows.take(among).place)
            made[name] = {**told.as_json(), "n": metrics[name]["n"]}
    return made


def _options(declared: Declaration, bootstrap: int, groups: dict[str, Any]) -> Evaluation:
    """As declared, but for what live answers do not tell: the utility needs every hour."""
    options = declared.evaluation
    return replace(
        options,
        bootstrap=bootstrap,
        interval="percentile",
        utility=None,
        intersections=tuple(p for p in options.intersections if set(p) <= groups.keys()),
    )


def followed_in(rows: LiveRows, declared: Declaration) -> list[dict[str, Any]]:
    """What is known at each horizon of those who can be judged; [] where it is no time."""
    known = rows.take(rows.known)
    if known.followed_days is None:
        return []
    return follow_up(known.label, known.followed_days, declared.question.outcome.horizon_days)


def _as_rows(rows: LiveRows, declared: Declaration) -> Rows:
    """As the evaluation takes them; a row stands for its part of a day of its patient.

    The curve between the horizons is not in an answer, so that there is no integrated Brier score.
    """
    kind = declared.question.outcome.kind
    place = rows.place
    days = np.unique(np.column_stack([place, rows.day]), axis=0, return_inverse=True)[1].reshape(-1)
    number = kind == "regression"
    return Rows(
        risk=rows.risk,
        label=np.zeros(len(rows), dtype=np.int64) if number else rows.label.astype(np.int64),
        subject=place,
        days=1.0 / np.bincount(days)[days] if len(rows) else np.zeros(0),
        outcome=kind,
        outputs=rows.outputs,
        target=rows.label if number else rows.followed_days,
        horizons=declared.question.outcome.horizon_days,
    )


def _bars(rows: LiveRows) -> float | Floats | None:
    """Where the answers alerted; None: some never do."""
    if not len(rows) or not np.isfinite(rows.threshold).all():
        return None
    first = float(rows.threshold[0])
    return first if (rows.threshold == first).all() else rows.threshold


def _counts(rows: LiveRows, kind: OutcomeKind) -> tuple[int, int | None, int | None]:
    """Patients, those with the outcome, and those without it."""
    every = len(np.unique(rows.subject))
    if kind == "regression":
        return every, None, None
    ill = rows.event
    return every, len(np.unique(rows.subject[ill])), len(np.unique(rows.subject[~ill]))


def _too_few(rows: LiveRows, kind: OutcomeKind) -> str:
    """Why nothing is told, or ''."""
    if not len(rows):
        return "no outcome is known"
    counts = [one for one in _counts(rows, kind) if one is not None]
    if min(counts) > SUPPRESS_AT_OR_BELOW:
        return ""
    return FEW if kind != "regression" else "ten patients or fewer"


def _is_near(some: LiveRows, whole: LiveRows, kind: OutcomeKind) -> bool:
    """Whether what is missing could be told from both: few patients of any kind."""
    rest = whole.take(~np.isin(whole.subject, some.subject))
    counts = [one for one in _counts(rest, kind) if one is not None]
    return any(0 < one <= SUPPRESS_AT_OR_BELOW for one in counts)

"""New patients against the reference in the bundle: what moved, and what cannot be known yet."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from bedside.core.errors import Invalid
from bedside.core.records.declaration import Monitoring
from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.monitor.checks import MINIMUM_EFFECTS, Check, judge
from bedside.monitor.cohort import Cohort, one_row_cohort
from bedside.monitor.inputs import compare_inputs
from bedside.monitor.outcomes import compare_outcomes, compare_performance, compare_predictions
from bedside.monitor.reference import FORM
from bedside.monitor.subgroups import compare_subgroups
from bedside.monitor.wording import count_of

__all__ = ["compare"]

Report = dict[str, Any]


def compare(
    reference: Mapping[str, Any],
    matrix: ArrayLike,
    feature_names: Sequence[str],
    *,
    risk: ArrayLike,
    label: ArrayLike | None,
    subject_index: ArrayLike,
    groups: Mapping[str, ArrayLike],
    threshold: float | None,
    options: Monitoring,
) -> Report:
    """Compare new patients with the reference of a bundle.

    Everything is counted on one row per patient, drawn as in the reference, because the rows of
    one patient depend on each other. All p-values of a run are adjusted together by Holm's
    step-down, so that the chance of any false finding in an undisturbed run is at most
    `options.alpha`; a finding needs besides an effect that is large enough to matter, so that
    thousands of patients do not raise an alarm about nothing. Nothing is decided here.

    Args:
        reference: From `make_reference`.
        matrix: Shape (n, k); NaN where missing. Columns in any order.
        feature_names: The k names.
        risk: Shape (n,), the model's risks.
        label: Shape (n,), 0, 1, or NaN where the outcome is not known yet; None if none is.
        subject_index: Shape (n,), integers that tell subjects apart.
        groups: For each subgroup dimension of the reference, shape (n,), the group of each row.
        threshold: The alert threshold (None: there is none); it must be the reference's.
        options: The run's error rate and the fewest subjects that are judged (never below 11).

    Returns:
        The monitoring report, which canonical JSON can say. `status` is `moved`, `quiet` or
        `cannot_know`; a metric is `{"estimate", "low", "high", "n"}`.

    Raises:
        Invalid: a feature or subgroup of the reference is not given, or another one is; the
            threshold differs; or the arrays are not as described.
    """
    if reference.get("form") != FORM:
        raise Invalid("This is not a monitoring reference.", fix="give what make_reference made.")
    if threshold != reference["threshold"]:
        raise Invalid(
            f"The alert threshold is {_bar(threshold)}, but the reference's is "
            f"{_bar(reference['threshold'])}.",
            fix="give the threshold that the model was released with.",
        )
    cohort = one_row_cohort(
        matrix,
        feature_names=feature_names,
        risk=risk,
        label=label,
        subject_index=subject_index,
        groups=groups,
        seed=reference["seed"],
        is_risk=reference.get("predicts", "risk") == "risk",
    )
    columns = _columns(reference, cohort)
    minimum = max(options.minimum_subjects, SUPPRESS_AT_OR_BELOW + 1)
    report = _opening(reference, cohort, alpha=options.alpha, minimum=minimum)
    if cohort.subjects < minimum:
        report["cannot_know_yet"].append(
            f"Anything: there are {_few(cohort.subjects)} patients, and fewer than "
            f"{minimum} are not judged."
        )
        return report
    checks = _compared(report, dict(reference), cohort, columns, minimum)
    findings, lines = judge(checks, alpha=options.alpha)
    report["findings"] = findings
    report["tests"]["made"], report["tests"]["each"] = len(lines), lines
    report["status"] = "moved" if findings else "quiet"
    report["quiet"] = None if findings else _quiet(report)
    return report


def _compared(
    report: Report, reference: Report, cohort: Cohort, columns: list[int], minimum: int
) -> list[Check]:
    """Fill the sections of the report; return the tests made."""
    report["inputs"], checks, unknown = compare_inputs(reference, cohort.matrix[:, columns])
    report["predictions"], made = compare_predictions(reference, cohort.risk)
    checks += made
    labelled = ~np.isnan(cohort.label)
    known = int(labelled.sum())
    if reference["outcomes"] is None:
        report["cannot_know_yet"].append(
            "Outcomes, performance and calibration: what this model predicts is no yes or no. "
            "Judge it on patients whose outcome is known with: bedside evaluate."
        )
    elif known < minimum:
        report["cannot_know_yet"].append(
            f"Outcomes, performance and calibration: labels have come for "
            f"{count_of(known, cohort.subjects) if known else f'none of {cohort.subjects:,}'} "
            f"patients, and fewer than {minimum} are not judged."
        )
    else:
        if known < cohort.subjects:
            report["cannot_know_yet"].append(
                f"How the model did for the patients whose labels have not come: they have for "
                f"{count_of(known, cohort.subjects)}, and those that come early may differ."
            )
        label, risk = cohort.label[labelled], cohort.risk[labelled]
        report["outcomes"], made = compare_outcomes(reference, label)
        report["performance"], more, why = compare_performance(reference, label, risk)
        checks += made + more
        report["cannot_know_yet"] += [why] if why else []
    report["subgroups"], made, silent = compare_subgroups(reference, cohort, minimum=minimum)
    report["cannot_know_yet"] += unknown + silent
    return checks + made


def _opening(reference: Mapping[str, Any], cohort: Cohort, *, alpha: float, minimum: int) -> Report:
    few = cohort.subjects <= SUPPRESS_AT_OR_BELOW
    return {
        "form": "bedside.monitoring-report/1",
        "status": "cannot_know",
        "n_subjects": None if few else cohort.subjects,
        "n_subjects_then": reference["n_subjects"],
        "one_row_per_subject": True,
        "threshold": reference["threshold"],
        "alpha": alpha,
        "minimum_subjects": minimum,
        "minimum_effects": MINIMUM_EFFECTS,
        "tests": {"correction": "Holm 1979", "made": 0, "each": []},
        "findings": [],
        "quiet": None,
        "cannot_know_yet": [],
        "inputs": [],
        "predictions": None,
        "outcomes": None,
        "performance": None,
        "subgroups": {},
    }


def _columns(reference: Mapping[str, Any], cohort: Cohort) -> list[int]:
    """Where each feature of the reference stands among the given columns."""
    wanted = [feature["name"] for feature in reference["features"]]
    _same_names("feature", wanted, cohort.feature_names)
    _same_names("subgroup", list(reference["subgroups"]), tuple(cohort.groups))
    place = {name: column for column, name in enumerate(cohort.feature_names)}
    return [place[name] for name in wanted]


def _same_names(what: str, wanted: Sequence[str], given: Sequence[str]) -> None:
    absent = [name for name in wanted if name not in set(given)]
    if absent:
        raise Invalid(
            f"The {what} '{absent[0]}' of the reference is not among what was given.",
            fix="build the new data with the feature definition of the bundle.",
        )
    strange = [name for name in given if name not in set(wanted)]
    if strange:
        raise Invalid(
            f"The {what} '{strange[0]}' is not in the reference.",
            fix="build the new data with the feature definition of the bundle.",
        )


def _bar(threshold: float | None) -> str:
    return "none" if threshold is None else f"{threshold:g}"


def _few(subjects: int) -> str:
    return f"{SUPPRESS_AT_OR_BELOW} or fewer" if subjects <= SUPPRESS_AT_OR_BELOW else str(subjects)


def _quiet(report: Report) -> str:
    words = (
        f"Nothing moved by more than chance: {report['tests']['made']} comparisons of "
        f"{report['n_subjects']:,} patients with the {report['n_subjects_then']:,} that the model "
        "was released on."
    )
    if report["performance"] is None:
        return words + " This says nothing about performance, which cannot be judged yet."
    return words + (
        f" A change of the AUROC by less than about {_visible_auroc(report):.2f} could have gone "
        "unseen."
    )


def _visible_auroc(report: Report) -> float:
    """The change of the AUROC that a run with these tests would see four times in five."""
    interval = report["performance"]["auroc"]["difference"]
    error = (interval["high"] - interval["low"]) / (2 * ndtri(0.975))
    surest = ndtri(1 - report["alpha"] / (2 * report["tests"]["made"]))
    return float(max((surest + ndtri(0.8)) * error, 0.02))

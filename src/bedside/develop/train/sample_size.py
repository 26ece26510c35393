"""How many patients it takes to learn from so many features, before anything is learnt.

Source: Riley et al., BMJ 2020;368:m441; Stat Med 2019;38:1262-1275 (part I, numbers) and
1276-1296 (part II, yes or no and survival).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.records.outcome import OutcomeKind
from bedside.develop.train.learners.contract import Plan
from bedside.develop.train.matrix import Matrix

__all__ = [
    "ANTICIPATED",
    "WORDS",
    "candidate_parameters",
    "needed_for_a_number",
    "needed_for_risk",
    "needed_for_survival",
    "sample_size",
]

ANTICIPATED = 0.15
"""What a model is expected to explain, as a share of what can be explained, where no earlier model
says it (Riley et al. 2020)."""

WORDS = {
    "patients": "training patients",
    "events": "training patients with the outcome",
    "parameters": "candidate parameters",
    "events per parameter": "events per parameter",
    "patients per parameter": "patients per parameter",
    "anticipated r2": "R² (Cox and Snell's, or of a number) that a model is expected to have",
    "criteria – shrinkage": "patients needed so that effects are overstated by a tenth at most",
    "criteria – optimism": "patients needed so that R² is flattered by 0.05 at most",
    "criteria – overall risk": "patients needed to know the overall risk within 0.05",
    "criteria – overall mean": "patients needed to know the overall mean within 10 %",
    "criteria – residual spread": "patients needed to know the spread within 10 %",
    "needed": "patients needed for all of these",
}
"""How, and in which order, the report names what `sample_size` tells."""

SHRINKAGE, OPTIMISM, MARGIN = 0.9, 0.05, 0.05
Z = 1.96


def needed_for_risk(
    parameters: int, prevalence: float, r2: float | None = None
) -> dict[str, int | float]:
    """The fewest patients for a yes-or-no outcome, by criterion, and what the r2 is that they use.

    Args:
        parameters: How many may be learnt.
        prevalence: The share with the outcome, in (0, 1).
        r2: Cox and Snell's R² that the model is expected to have; None: 15 % of the greatest.

    >>> needed_for_risk(24, 0.174, 0.288)["optimism"]  # the example of Riley et al., 662
    662
    """
    likelihood = prevalence * math.log(prevalence) + (1 - prevalence) * math.log(1 - prevalence)
    greatest = 1 - math.exp(2 * likelihood)
    r2 = ANTICIPATED * greatest if r2 is None else r2
    return {
        **_overfitting(parameters, r2, greatest),
        "overall_risk": math.ceil((Z / MARGIN) ** 2 * prevalence * (1 - prevalence)),
        "r2": r2,
    }


def needed_for_survival(
    parameters: int, rate: float, horizon: float, follow_up: float, r2: float | None = None
) -> dict[str, int | float]:
    """The same for an event in its time; `overall_risk` is that by the horizon.

    Args:
        parameters: How many may be learnt.
        rate: Events by unit of time that a patient is followed.
        horizon: In the same unit.
        follow_up: The mean, in the same unit.
        r2: As in `needed_for_risk`.

    >>> needed_for_survival(30, 0.065, 2.0, 2.07, 0.051)["shrinkage"]  # Riley et al., 5143
    5143
    """
    events = rate * follow_up  # by patient
    greatest = 1 - math.exp(2 * (events * math.log(events) - events))
    r2 = ANTICIPATED * greatest if r2 is None else r2
    # The wider end of the interval of 1 - exp(-rate * horizon) is within the margin.
    apart = math.log(1 + MARGIN * math.exp(rate * horizon)) / horizon
    return {
        **_overfitting(parameters, r2, greatest),
        "overall_risk": math.ceil(Z**2 * rate / (apart**2 * follow_up)),
        "r2": r2,
    }


def needed_for_a_number(
    parameters: int, mean: float, sd: float, r2: float = ANTICIPATED
) -> dict[str, int | float]:
    """The same for a number; also so many that its spread and its mean are known to 10 %.

    Args:
        parameters: How many may be learnt.
        mean: Of the outcome; where it is 0, to know it to 10 % asks nothing.
        sd: Its standard deviation.
        r2: The adjusted R² that the model is expected to have.

    >>> needed_for_a_number(25, 1.9, 0.6, 0.2)["shrinkage"]  # Riley et al., part I: 918
    918
    """
    from scipy.stats import t  # noqa: PLC0415  (slow to import)

    def shrinkage(n: int) -> float:
        apparent = (r2 * (n - parameters - 1) + parameters) / (n - 1)
        return 1 + (parameters - 2) / (n * math.log(1 - apparent))

    def surplus(n: int) -> float:
        half: float = t.ppf(0.975, n - parameters - 1) * sd * math.sqrt((1 - r2) / n)
        return half - 0.1 * abs(mean)

    fewest = parameters + 2
    return {
        "shrinkage": _first(fewest, lambda n: shrinkage(n) >= SHRINKAGE),
        "optimism": math.ceil(1 + parameters * (1 - r2) / OPTIMISM),
        "residual_spread": 234 + parameters,
        "overall_mean": fewest if mean == 0 else _first(fewest, lambda n: surplus(n) <= 0),
        "r2": r2,
    }


def _overfitting(parameters: int, r2: float, greatest: float) -> dict[str, int | float]:
    """So many that effects shrink by a tenth at most, and R² flatters by 0.05 at most."""

    def least(shrinkage: float) -> int:
        return math.ceil(parameters / ((shrinkage - 1) * math.log(1 - r2 / shrinkage)))

    return {"shrinkage": least(SHRINKAGE), "optimism": least(r2 / (r2 + OPTIMISM * greatest))}


def _first(fewest: int, enough: Any) -> int:
    """The first n from `fewest` up for which it is enough, for what turns true once."""
    high = fewest
    while not enough(high):
        high *= 2
    low = max(fewest, high // 2)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return low


def candidate_parameters(features: npt.NDArray[np.float64], plan: Plan, indicators: int) -> int:
    """How many parameters could be learnt of these features, shape (n, k).

    One for each number and for each indicator of a gap, and for categories one less than occur. A
    feature that is the same in every row counts for none.
    """
    count = indicators
    for at, column in enumerate(plan.columns[: features.shape[1]]):
        missing = np.isnan(features[:, at])
        known = features[~missing, at]
        if not known.size:
            continue
        if column.categories:
            levels = len(np.unique(known))
            count += levels - (not missing.any())
        else:  # to sort a long column would take long
            count += bool(missing.any() or known.min() < known.max())
    return count


@dataclass(frozen=True, slots=True, kw_only=True)
class _Patients:
    count: int
    events: int
    days: float = 0.0
    mean: float = 0.0
    sd: float = 0.0


def sample_size(
    train: Matrix, plan: Plan, indicators: int = 0, *, learner: str = ""
) -> dict[str, Any]:
    """Whether there are enough patients to learn from, for the evidence.

    `patients`, `events`, `parameters`, `events_per_parameter`, `needed` patients (by Riley's
    criteria, `criteria`), whether there are `enough`, and what that means in words, `text`. Levels
    are judged by whether any but the first comes true; what they need is more.

    Args:
        train: The real training rows; patients count, not rows.
        plan: Its outcome, columns and horizons.
        indicators: How many columns tell that a value was missing.
        learner: Its name.
    """
    kind = plan.outcome.kind
    patients = _patients(train, kind)
    parameters = candidate_parameters(train.features, plan, indicators)
    told: dict[str, Any] = {
        "patients": patients.count,
        **({} if kind == "regression" else {"events": patients.events}),
        "parameters": parameters,
    }
    base = patients.count if kind == "regression" else patients.events
    per = "patients_per_parameter" if kind == "regression" else "events_per_parameter"
    told[per] = float(f"{base / max(parameters, 1):.4g}")
    criteria = _criteria(patients, parameters, plan)
    if criteria is None:
        return {**told, "text": "Nothing says how many patients are needed: there is too little."}
    r2 = criteria.pop("r2")
    needed = int(max(criteria.values()))
    told |= {
        "needed": needed,
        "enough": patients.count >= needed,
        "criteria": criteria,
        "anticipated_r2": float(f"{r2:.4g}"),
    }
    return {**told, "text": _text(told, patients, kind, learner)}


def _patients(train: Matrix, kind: OutcomeKind) -> _Patients:
    one = np.arange(len(train.label))
    if train.subject is not None:
        one = np.unique(train.subject, return_inverse=True)[1]
    came = train.label == 1 if kind in ("binary", "survival") else train.label > 0
    ever = np.bincount(one, weights=came) > 0
    if train.target is None:
        return _Patients(count=len(ever), events=int(ever.sum()))
    longest = np.full(len(ever), -np.inf)
    np.maximum.at(longest, one, train.target)
    return _Patients(
        count=len(ever),
        events=int(ever.sum()),
        days=float(longest.mean()),
        mean=float(train.target.mean()),
        sd=float(train.target.std()),
    )


def _criteria(patients: _Patients, parameters: int, plan: Plan) -> dict[str, int | float] | None:
    """None where a class is empty or there is nothing to learn, so that no criterion is defined."""
    kind, share = plan.outcome.kind, patients.events / max(patients.count, 1)
    if not parameters:
        return None
    if kind == "regression":
        return needed_for_a_number(parameters, patients.mean, patients.sd) if patients.sd else None
    if not 0 < share < 1 or (kind == "survival" and not patients.days > 0):
        return None
    if kind == "survival":
        rate = share / patients.days
        return needed_for_survival(parameters, rate, plan.horizons[-1], patients.days)
    return needed_for_risk(parameters, share)


def _text(told: Mapping[str, Any], patients: _Patients, kind: OutcomeKind, learner: str) -> str:
    per = told.get("events_per_parameter", told.get("patients_per_parameter"))
    events = "" if kind == "regression" else f", {patients.events:,} with the outcome,"
    unit = "patients" if kind == "regression" else "events"
    parts = [
        f"There are {patients.count:,} training patients{events} and {told['parameters']:,} "
        f"candidate parameters: {per:.1f} {unit} to each. Where a model explains "
        f"{ANTICIPATED * 100:g} % of what can be explained, at least {told['needed']:,} patients "
        "are needed to learn it without much overfitting (Riley et al. 2020)."
    ]
    if told["enough"]:
        parts.append("There are enough.")
    else:
        parts.append(
            "WARNING: there are fewer. Expect risks that are too extreme and figures that other "
            "patients do not bear out; bring more patients, or fewer features."
        )
    if kind in ("multiclass", "ordinal"):
        parts.append("That is for any level but the first; to tell levels apart takes more.")
    if learner not in _ONE_EACH:
        parts.append(
            "The criteria are of a regression with one parameter for each feature; what this "
            "learner can make of each is more, so that it needs more patients than that."
        )
    return " ".join(parts)


_ONE_EACH = ("logistic", "linear", "cox", "competing_risks")

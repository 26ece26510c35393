"""Every metric of a survival outcome as a function of how often each subject counts."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bedside.core.records.outcome import at_horizon
from bedside.metrics.arrays import Floats, Ints, ratio
from bedside.metrics.family import Family, family_of_totals, summed
from bedside.metrics.resampled.binary import alerting_family
from bedside.metrics.resampled.ranking import Ranked
from bedside.metrics.resampled.smoothing import ici_family
from bedside.metrics.survival.brier import brier_family
from bedside.metrics.survival.concordance import Concordance
from bedside.metrics.survival.followed import Followed
from bedside.metrics.survival.horizon import Known
from bedside.metrics.survival.slope import log_hazard, slopes

__all__ = ["Predicted", "survival_alerting", "survival_families"]

_ALERTING = ("sensitivity", "specificity", "ppv", "npv", "nne")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Predicted:
    """What was predicted of n rows of `subjects` subjects, and what came.

    Args:
        followed: Days and causes.
        risks: Shape (n, h), by each horizon.
        horizons: Days, ascending.
        subject: Shape (n,), from 0.
        subjects: How many.
        curve: Shape (n, m), the risk by each of `curve_days`; None where there is none.
        curve_days: Shape (m,), ascending.
    """

    followed: Followed
    risks: Floats
    horizons: tuple[float, ...]
    subject: Ints
    subjects: int
    curve: Floats | None = None
    curve_days: Floats | None = None


def survival_families(told: Predicted) -> list[Family]:
    """The metrics that need no threshold; those at an earlier horizon are named by it."""
    followed, subject = told.followed, told.subject
    last = told.risks[:, -1]
    order = Concordance.of(followed, last, subject, told.horizons[-1])
    margin = log_hazard(last)
    made = [
        Family(names=("harrell_c",), of=lambda weights: order.harrell(weights)[None]),
        Family(names=("uno_c",), of=lambda weights: order.uno(weights)[None]),
    ]
    if told.curve is not None and told.curve_days is not None and len(told.curve_days) > 1:
        days = told.curve_days
        each = np.diff(days) / 2
        share = (np.append(each, 0) + np.append(0, each)) / (days[-1] - days[0])
        made.append(
            brier_family(
                "integrated_brier", followed, told.curve, days, share, subject, told.subjects
            )
        )
    made.append(
        Family(
            names=("calibration_slope",),
            of=lambda weights: slopes(followed, margin, weights, subject)[None],
        )
    )
    for place, day in enumerate(told.horizons):
        ending = "" if place == len(told.horizons) - 1 else at_horizon("", day)
        made += _at_horizon(told, told.risks[:, place], day, ending)
    return made


def _at_horizon(told: Predicted, risk: Floats, day: float, ending: str) -> list[Family]:
    """AUROC, Brier score, expected over observed, and ICI at one horizon."""
    followed, subject, subjects = told.followed, told.subject, told.subjects
    known = Known.at(followed, day)
    inside = np.flatnonzero(known.case | known.ruled_out | known.free)
    if not inside.size:
        inside = np.zeros(1, dtype=np.int64)
    each = np.arange(inside.size)
    ranked = Ranked.of(known.case[inside], risk[inside], each)
    smooth = ici_family(known.case[inside].astype(np.int64), risk[inside], each)
    expected = summed(risk, subject, subjects)
    rows = summed(np.ones_like(risk), subject, subjects)

    def weighed(weights: Floats) -> Floats:
        curves = followed.curves(weights, subject)
        return known.weights(followed, curves, weights, subject)[inside]

    def telling(weights: Floats) -> Floats:
        whole = weighed(weights)
        return np.concatenate([ranked.areas(whole)[:1], smooth.of(whole)])

    def balance(weights: Floats) -> Floats:
        observed = followed.incidence_at(followed.curves(weights, subject), day)
        mean = ratio(expected @ weights, rows @ weights)
        nobody = ~(followed.watched_at(followed.curves(weights, subject), day) > 0)
        return np.where(nobody, np.nan, ratio(mean, observed))[None]

    one = brier_family(
        f"brier{ending}", followed, risk[:, None], np.array([day]), np.ones(1), subject, subjects
    )
    return [
        Family(names=(f"auroc{ending}", f"ici{ending}"), of=telling),
        one,
        Family(names=(f"expected_observed_ratio{ending}",), of=balance),
    ]


def survival_alerting(
    told: Predicted, alert: NDArray[np.bool_], threshold: float | Floats
) -> list[Family]:
    """What happens when `alert` alerts, judged at the last horizon.

    Net benefit takes the chance of the event among the alerted from their Kaplan-Meier or
    Aalen-Johansen curve; the shares weight the rows of which it is known.

    Source: Vickers et al., BMC Med Inform Decis Mak 2008;8:53.
    """
    followed, subject, subjects = told.followed, told.subject, told.subjects
    day = told.horizons[-1]
    known = Known.at(followed, day)
    none = np.zeros(len(alert))
    shares = alerting_family(known.case, alert, none, np.arange(len(alert)), len(alert))

    def at_day(weights: Floats) -> Floats:
        curves = followed.curves(weights, subject)
        return shares.only(_ALERTING).of(known.weights(followed, curves, weights, subject))

    bars = np.broadcast_to(np.asarray(threshold, dtype=np.float64), alert.shape)
    rows = summed(np.ones(len(alert)), subject, subjects)
    parts = [
        (mask, Followed.of(followed.days[mask], followed.cause[mask]), bar)
        for bar in np.unique(bars[alert & (bars < 1)])
        for mask in (alert & (bars == bar),)
    ]

    def benefit(weights: Floats) -> Floats:
        total = np.zeros(weights.shape[1])
        for mask, part, bar in parts:
            curves = part.curves(weights, subject[mask])
            event = part.incidence_at(curves, day)
            alerted = summed(mask.astype(np.float64), subject, subjects) @ weights
            total += alerted * (event - (1 - event) * bar / (1 - bar))
        return np.asarray(ratio(total, rows @ weights))[None]

    rate = family_of_totals(
        {"alerts": summed(alert.astype(np.float64), subject, subjects), "rows": rows},
        {"alert_rate": lambda t: ratio(t["alerts"], t["rows"])},
    )
    names = tuple(name for name in shares.names if name in _ALERTING)
    return [
        Family(names=("net_benefit",), of=benefit),
        Family(names=names, of=at_day),
        rate,
    ]

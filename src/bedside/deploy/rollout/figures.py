"""Figures of live answers with their intervals: shares, latencies, and metrics of the judged."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bedside.core.records.evidence import Estimate
from bedside.core.records.outcome import OutcomeKind
from bedside.deploy.rollout.answers import Columns, LiveAnswer
from bedside.metrics.bootstrap import estimate_from, replicate_blocks
from bedside.metrics.family import Family
from bedside.metrics.intervals import clopper_pearson
from bedside.metrics.resampled.binary import alerting_family, burden_family, risk_families
from bedside.metrics.resampled.levels import level_families
from bedside.metrics.resampled.survival import Predicted, survival_alerting, survival_families
from bedside.metrics.resampled.values import values_family
from bedside.metrics.survival.followed import Followed

__all__ = ["drawn_from", "estimates_of", "gapless", "judged_families", "quantile", "share"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
ENDS = (0.025, 0.975)
WIDTH = 32  # resamples weighed at a time


def gapless(subject: Ints) -> Ints:
    """The same subjects counted from 0 without gaps; shape (n,).

    >>> gapless(np.array([7, 3, 7])).tolist()
    [1, 0, 1]
    """
    return np.unique(subject, return_inverse=True)[1].astype(np.int64)


def share(hit: Bools, subject: Ints) -> Estimate:
    """The share of answers that hit, with a 95 % interval that knows whose answers they are.

    Clopper-Pearson at the effective number of answers: answers of one patient resemble each other,
    so many from few patients say less. Where none or all hit, each patient counts once, so that
    nothing seen in few is not taken for never.

    Args:
        hit: Shape (n,).
        subject: Shape (n,), from 0 without gaps.

    Source: Korn & Graubard, Surv Methodol 1998;24(2):193-201 (without their correction by t).

    >>> figure = share(np.zeros(30, bool), np.arange(30))
    >>> figure.estimate, round(figure.high, 4)
    (0.0, 0.1157)
    """
    n = hit.size
    if not n:
        return Estimate(estimate=None, low=None, high=None, n=0, why="no answer yet")
    rate, patients = float(hit.mean()), int(subject.max()) + 1
    each = np.bincount(subject, hit.astype(np.float64) - rate, minlength=patients)
    spread = float((each**2).sum()) * patients / max(patients - 1, 1) / n**2
    effective = min(rate * (1 - rate) / spread, n) if spread > 0 and patients > 1 else patients
    effective = max(effective, 1.0)
    low, high = clopper_pearson(rate * effective, effective)
    return Estimate(estimate=rate, low=low, high=high, n=n)


def quantile(values: Floats, level: float) -> Estimate:
    """A quantile of the values with its 95 % interval between two of them, without a distribution.

    An end is None where there are too few values to bound it.

    Source: Conover, Practical Nonparametric Statistics, 3rd ed. 1999, section 3.2.
    """
    from scipy.stats import binom  # noqa: PLC0415  (slow to import)

    n = values.size
    if not n:
        return Estimate(estimate=None, low=None, high=None, n=0, why="no answer yet")
    ordered = np.sort(values)
    at = int(binom.ppf(ENDS[0], n, level)), int(binom.ppf(ENDS[1], n, level)) + 1
    return Estimate(
        estimate=float(np.quantile(ordered, level, method="inverted_cdf")),
        low=float(ordered[at[0] - 1]) if at[0] >= 1 else None,
        high=float(ordered[at[1] - 1]) if at[1] <= n else None,
        n=n,
    )


def judged_families(
    answers: Sequence[LiveAnswer],
    kind: OutcomeKind,
    subject: Ints,
    subjects: int,
    horizons: Sequence[float] = (),
) -> list[Family]:
    """Every metric that answers with a known outcome can tell, as in the evaluation.

    Args:
        answers: n scores, each judged.
        kind: What is predicted. Of a time until an event, the integrated Brier score is not told:
            an answer holds the risks at the horizons, and not the curve between.
        subject: Shape (n,), from 0 to `subjects` - 1.
        subjects: How many there are.
        horizons: Days, ascending, of a time until an event.
    """
    told = Columns.of(answers)
    label, risk, alert = told.label, told.risk, told.alert
    has_bar = bool(np.isfinite(told.threshold).all())
    if kind == "survival":
        return _of_follow_up(answers, tuple(horizons), subject, subjects)
    if kind == "regression":
        made = [values_family(label, risk, subject, subjects)]
        if has_bar:
            none = np.zeros(alert.shape)
            rate = alerting_family(alert & False, alert, none, subject, subjects)
            made.append(rate.only(("alert_rate",)))
            made.append(_burden(alert & False, alert, subject, subjects))
        return made
    ill = label == 1 if kind == "binary" else label > 0
    made = risk_families(ill.astype(np.int64), np.clip(risk, 0.0, 1.0), subject, subjects)
    if kind != "binary":
        made += _of_levels(answers, label.astype(np.int64), kind, subject, subjects)
    if has_bar:
        bar = told.threshold
        price = np.divide(bar, 1 - bar, out=np.zeros(bar.shape), where=bar < 1)
        made.append(alerting_family(ill, alert, price, subject, subjects))
        made.append(_burden(ill, alert, subject, subjects))
    return made


def _burden(ill: Bools, alert: Bools, subject: Ints, subjects: int) -> Family:
    return burden_family(ill, alert, np.zeros(alert.shape), subject, subjects, repeated=False)


def _of_follow_up(
    answers: Sequence[LiveAnswer], horizons: tuple[float, ...], subject: Ints, subjects: int
) -> list[Family]:
    """Those of a time until an event; of answers that hold one risk alone, by the last horizon."""
    told, risks = Columns.of(answers), _outputs(answers)
    if all(not one.outputs for one in answers):
        risks, horizons = told.risk[:, None], horizons[-1:]
    if risks is None or not horizons or risks.shape[1] != len(horizons):
        return []
    predicted = Predicted(
        followed=Followed.of(told.followed_days, told.label),
        risks=risks,
        horizons=horizons,
        subject=subject,
        subjects=subjects,
    )
    made = survival_families(predicted)
    if np.isfinite(told.threshold).all():
        made += survival_alerting(predicted, told.alert, told.threshold)
        made.append(_burden(told.label == 1, told.alert, subject, subjects))
    return made


def _outputs(answers: Sequence[LiveAnswer]) -> Floats | None:
    """Shape (n, m), everything that was predicted; None: not the same of each."""
    widths = {len(one.outputs) for one in answers}
    if len(widths) != 1 or 0 in widths:
        return None
    return np.array([one.outputs for one in answers], dtype=np.float64)


def _of_levels(
    answers: Sequence[LiveAnswer], level: Ints, kind: OutcomeKind, subject: Ints, subjects: int
) -> list[Family]:
    chances = _outputs(answers)
    if chances is None:
        return []
    return level_families(level, chances, subject, subjects, ordered=kind == "ordinal")


def drawn_from(
    families: Sequence[Family], subjects: int, replicates: int, seed: int
) -> dict[str, tuple[float, Floats]]:
    """Each figure as it is, and in each resample of patients; the same resamples for all of them.

    Returns:
        By name, the figure and its resamples, shape (replicates,).
    """
    names = [name for family in families for name in family.names]
    if not names:
        return {}
    point = np.concatenate([family.of(np.ones((subjects, 1))) for family in families])[:, 0]
    parts = []
    for counts in replicate_blocks(subjects, replicates, seed, WIDTH):
        weights = np.ascontiguousarray(counts.T, dtype=np.float64)
        parts.append(np.concatenate([family.of(weights) for family in families]))
    drawn = np.concatenate(parts, axis=1)
    return {name: (float(point[at]), drawn[at]) for at, name in enumerate(names)}


def estimates_of(drawn: dict[str, tuple[float, Floats]], n: int) -> dict[str, Estimate]:
    """Each drawn figure with its 95 % interval."""
    return {name: estimate_from(point, many, n) for name, (point, many) in drawn.items()}

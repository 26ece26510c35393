"""How well a model does before labels come: estimates from its risks, and how they turned out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit, ndtri, stdtrit

from bedside.core.errors import Invalid
from bedside.metrics.arrays import Floats, as_labels, as_probabilities, as_weights, ratio
from bedside.metrics.calibration import log_odds
from bedside.metrics.intervals import wilson

__all__ = [
    "Estimate",
    "Tracked",
    "effective_size",
    "estimated_performance",
    "tracked_error",
    "weighted_performance",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure with its standard error and interval; NaN where there is nothing to estimate."""

    value: float
    se: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """How past estimates turned out, where the figure came to be known.

    Args:
        n: How many estimates could be held against what came true.
        mean_error: Mean of estimate minus what came true; above 0: estimates flatter.
        error_low: Lower end of its interval (Student), NaN for fewer than two.
        error_high: Upper end.
        mean_absolute: Mean distance.
        root_mean_square: Root of the mean squared distance.
        coverage: Share of the intervals that held what came true.
        coverage_low: Lower end of its interval (Wilson).
        coverage_high: Upper end.
    """

    n: int
    mean_error: float
    error_low: float
    error_high: float
    mean_absolute: float
    root_mean_square: float
    coverage: float
    coverage_low: float
    coverage_high: float


def estimated_performance(
    risk: ArrayLike,
    *,
    threshold: float,
    chance: ArrayLike | None = None,
    subject: ArrayLike | None = None,
    calibration_covariance: ArrayLike | None = None,
    population: bool = False,
    confidence: float = 0.95,
) -> dict[str, Estimate]:
    """Performance expected of these rows from risks alone: no label is asked for.

    Each row counts by its chance as one with the event and by the rest as one without it. That
    tells what a changed mix of patients does to performance. It cannot tell a change of how the
    outcome depends on what the model sees: where that changed, the estimate is wrong, and only
    labels show it (`tracked_error`).

    Args:
        risk: Shape (n,), in [0, 1], as the model gave them: they rank, alert and are scored.
        threshold: A risk from here up alerts.
        chance: Shape (n,), the calibrated chance of the event; None: the risks are calibrated.
        subject: Shape (n,), integers that tell subjects apart. Then labels of one subject may go
            together in any way, and intervals are as wide as that can make them; None: each row
            is another subject's.
        calibration_covariance: Shape (2, 2), covariance of the intercept and slope in log-odds
            with which the chances were calibrated; None: calibration is taken to be exact.
        population: Whether intervals are of the population that these rows are drawn from, and
            not only of these rows' own labels.
        confidence: Of the intervals.

    Returns:
        `auroc`, `brier`, `sensitivity`, `ppv`, `alert_rate`, `event_rate`, and
        `observed_expected`: the chances over the risks. Intervals are from linearisation.

    Raises:
        Invalid: n = 0, lengths differ, a value is out of range, or the covariance is none.

    Source: Białek et al., arXiv 2401.08348 (2024), confidence-based performance estimation; van
        Klaveren et al., Stat Med 2016;35:4136-4152, for the model-based concordance.

    >>> made = estimated_performance([0.1, 0.3, 0.6, 0.8], threshold=0.5)
    >>> round(made["sensitivity"].value, 4), round(made["ppv"].value, 4)
    (0.7778, 0.7)
    """
    risks = _risks(risk)
    chances = risks if chance is None else as_probabilities(chance, risks.size)
    variance = chances * (1 - chances)
    groups = _groups(subject, risks.size)
    bend = _covariance(calibration_covariance)
    odds = log_odds(risks)
    figures = _figures(chances, 1 - chances, risks, _alerts(risks, threshold), variance)
    made = {}
    for name, (value, of_case, of_control) in figures.items():
        slope = of_case - of_control
        total = _summed(np.abs(slope) * np.sqrt(variance), groups)
        moved = np.array([(slope * variance).sum(), (slope * variance * odds).sum()])
        spread = float((total**2).sum() + moved @ bend @ moved)
        if population:
            mean = _summed(chances * of_case + (1 - chances) * of_control, groups)
            spread += float((mean**2).sum())
        made[name] = _estimate(name, value, spread, confidence)
    return made


def weighted_performance(
    label: ArrayLike,
    risk: ArrayLike,
    weights: ArrayLike,
    *,
    threshold: float,
    subject: ArrayLike | None = None,
    confidence: float = 0.95,
) -> dict[str, Estimate]:
    """Performance expected of new patients from labelled ones, weighted to be like them.

    Right where the outcome depends on what the model sees as it did, and the weights are the
    ratio of the densities. The intervals take the weights as known.

    Args:
        label: Shape (n,), 0 or 1, of the reference.
        risk: Shape (n,), in [0, 1].
        weights: Shape (n,), at least 0: how much commoner such a row is among the new patients.
        threshold: A risk from here up alerts.
        subject: Shape (n,), integers that tell subjects apart; None: each row is another's.
        confidence: Of the intervals.

    Returns:
        The figures of `estimated_performance`; see `effective_size` for how much they rest on.

    Raises:
        Invalid: n = 0, lengths differ, a value is out of range, or all weights are 0.

    Source: Sugiyama, Krauledat & Müller, J Mach Learn Res 2007;8:985-1005.
    """
    labels = as_labels(label)
    risks = as_probabilities(risk, labels.size)
    each = as_weights(weights, labels.size)
    effective_size(each)
    groups = _groups(subject, labels.size)
    case, control = each * labels, each * (1 - labels)
    figures = _figures(case, control, risks, _alerts(risks, threshold), np.zeros(labels.size))
    return {
        name: _estimate(
            name,
            value,
            float((_summed(case * of_case + control * of_control, groups) ** 2).sum()),
            confidence,
        )
        for name, (value, of_case, of_control) in figures.items()
    }


def effective_size(weights: ArrayLike) -> float:
    """How many rows of equal weight say as much as these.

    Raises:
        Invalid: there is none, a weight is negative or not finite, or all are 0.

    Source: Kish, Survey Sampling, Wiley 1965, 11.7.

    >>> effective_size([1.0, 1.0, 0.0])
    2.0
    """
    given = np.asarray(weights, dtype=np.float64)
    each = as_weights(given, given.size)
    if not each.sum() > 0:
        raise Invalid(
            "No row has any weight.", fix="weigh at least one row: the samples may not overlap."
        )
    scaled = each / each.max()
    return float(scaled.sum() ** 2 / (scaled**2).sum())


def tracked_error(
    estimate: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    realised: ArrayLike,
    *,
    confidence: float = 0.95,
) -> Tracked:
    """Past estimates of one figure against what came true.

    Args:
        estimate: Shape (t,), one for each period; NaN where there was none.
        low: Shape (t,), lower ends of the intervals.
        high: Shape (t,), upper ends.
        realised: Shape (t,), the figure once labels came; NaN where it is not known. The
            periods' errors are taken to be independent.
        confidence: Of the intervals of the mean error and of the coverage (Wilson's).

    Raises:
        Invalid: shapes differ, an interval is upside down, or nothing came true yet.

    >>> tracked = tracked_error([0.8, 0.7], [0.75, 0.6], [0.85, 0.8], [0.81, 0.55])
    >>> round(tracked.mean_error, 6), tracked.coverage
    (0.07, 0.5)
    """
    given = [np.asarray(one, dtype=np.float64) for one in (estimate, low, high, realised)]
    if given[0].ndim != 1 or any(one.shape != given[0].shape for one in given):
        raise Invalid("Estimates and what came true differ in number.", fix="give one a period.")
    known = np.isfinite(given).all(axis=0)
    value, least, most, came = (one[known] for one in given)
    n = int(value.size)
    if not n:
        raise Invalid(
            "No estimate has come true yet.", fix="wait until labels of an estimated period came."
        )
    if not (least <= most).all():
        raise Invalid("An interval is upside down.", fix="give low <= high.")
    error = value - came
    margin = np.nan
    if n > 1:
        spread = error.std(ddof=1) / np.sqrt(n)
        margin = float(stdtrit(n - 1, (1 + confidence) / 2) * spread)
    held = float(((least <= came) & (came <= most)).mean())
    coverage = wilson(held, n, z=float(ndtri((1 + confidence) / 2)))
    return Tracked(
        n=n,
        mean_error=float(error.mean()),
        error_low=float(error.mean() - margin),
        error_high=float(error.mean() + margin),
        mean_absolute=float(np.abs(error).mean()),
        root_mean_square=float(np.sqrt((error**2).mean())),
        coverage=held,
        coverage_low=coverage[0],
        coverage_high=coverage[1],
    )


_Figure = tuple[float, Floats, Floats]


def _figures(
    case: Floats, control: Floats, risk: Floats, alert: Floats, own: Floats
) -> dict[str, _Figure]:
    """Each figure, and by how much a little more weight of each row as either class moves it.

    `own` (n,) is how much of the product of the two weights is a row against itself, which is no
    pair for the AUROC.
    """
    nothing = np.zeros(risk.size)
    every = case + control
    share = _share(case, every)
    squares = (1 - risk) ** 2, risk**2
    brier = float(ratio((case * squares[0] + control * squares[1]).sum(), every.sum()))
    sensitivity = _share(case * alert, case)
    ppv = _share(case * alert, every * alert)
    alerts = _share(every * alert, every)
    observed = float(ratio(case.sum(), (every * risk).sum()))
    cases, rows = case.sum(), every.sum()
    called, expected = (every * alert).sum(), (every * risk).sum()
    return {
        "auroc": _auroc(case, control, risk, own),
        "brier": (brier, ratio(squares[0] - brier, rows), ratio(squares[1] - brier, rows)),
        "sensitivity": (sensitivity, ratio(alert - sensitivity, cases), nothing),
        "ppv": (ppv, ratio(alert * (1 - ppv), called), ratio(-alert * ppv, called)),
        "alert_rate": (alerts, ratio(alert - alerts, rows), ratio(alert - alerts, rows)),
        "event_rate": (share, ratio(nothing + 1 - share, rows), ratio(nothing - share, rows)),
        "observed_expected": (
            observed,
            ratio(1 - observed * risk, expected),
            ratio(-observed * risk, expected),
        ),
    }


def _auroc(case: Floats, control: Floats, risk: Floats, own: Floats) -> _Figure:
    """The chance that a case ranks above a control, pairs of one row with itself left out."""
    levels, place = np.unique(risk, return_inverse=True)
    cases = np.bincount(place, case, minlength=levels.size)
    controls = np.bincount(place, control, minlength=levels.size)
    below = (np.cumsum(controls) - controls / 2)[place]
    above = (cases.sum() - np.cumsum(cases) + cases / 2)[place]
    pairs = cases.sum() * controls.sum() - own.sum()
    if not pairs > 1e-12 * max(1.0, cases.sum() * controls.sum()):
        unknown = np.full(risk.size, np.nan)
        return np.nan, unknown, unknown
    value = float(np.clip(((case * below).sum() - own.sum() / 2) / pairs, 0.0, 1.0))
    of_case = (below - value * controls.sum()) / pairs
    of_control = (above - value * cases.sum()) / pairs
    return value, of_case, of_control


def _share(part: Floats, whole: Floats) -> float:
    return float(np.clip(ratio(part.sum(), whole.sum()), 0.0, 1.0))


def _estimate(name: str, value: float, variance: float, confidence: float) -> Estimate:
    """An interval on the scale of log-odds, of logs for a ratio, so that it keeps its range."""
    if not 0 < confidence < 1:
        raise Invalid("A confidence is outside 0 to 1.", fix="give 0.95 or the like.")
    if not np.isfinite([value, variance]).all():
        return Estimate(value=np.nan, se=np.nan, low=np.nan, high=np.nan)
    se = float(np.sqrt(max(variance, 0.0)))
    reach = float(ndtri((1 + confidence) / 2)) * se
    if reach == 0:
        return Estimate(value=value, se=se, low=value, high=value)
    if value <= 0 or (value >= 1 and name != "observed_expected"):
        low, high = max(0.0, value - reach), min(1.0, value + reach)
    elif name == "observed_expected":
        low, high = value * np.exp(-reach / value), value * np.exp(reach / value)
    else:
        ends = logit(value) + np.array([-reach, reach]) / (value * (1 - value))
        low, high = expit(ends)
    return Estimate(value=value, se=se, low=float(low), high=float(high))


def _risks(risk: ArrayLike) -> Floats:
    given = np.asarray(risk, dtype=np.float64)
    if given.ndim != 1 or not given.size:
        raise Invalid("The risks are not a list of at least one row.", fix="give shape (n,).")
    return as_probabilities(given, given.size)


def _alerts(risk: Floats, threshold: float) -> Floats:
    if not 0 <= threshold <= 1:
        raise Invalid("The threshold is outside 0 to 1.", fix="give the version's threshold.")
    return (risk >= threshold).astype(np.float64)


def _groups(subject: ArrayLike | None, rows: int) -> NDArray[np.intp] | None:
    if subject is None:
        return None
    given = np.asarray(subject)
    if given.shape != (rows,):
        raise Invalid(
            f"There are {rows} risks, but the subjects have shape {given.shape}.",
            fix="give one subject per row.",
        )
    return np.unique(given, return_inverse=True)[1]


def _summed(values: Floats, groups: NDArray[np.intp] | None) -> Floats:
    return values if groups is None else np.bincount(groups, values).astype(np.float64)


def _covariance(given: ArrayLike | None) -> Floats:
    bend = np.zeros((2, 2)) if given is None else np.asarray(given, dtype=np.float64)
    if bend.shape != (2, 2) or not np.isfinite(bend).all() or not np.allclose(bend, bend.T):
        raise Invalid(
            "The covariance of the calibration is not a symmetric table of 2 by 2.",
            fix="give that of its intercept and slope.",
        )
    if np.linalg.eigvalsh(bend)[0] < -1e-9 * max(1.0, float(np.abs(bend).max())):
        raise Invalid(
            "The covariance of the calibration has a negative variance.",
            fix="give that of its intercept and slope.",
        )
    return bend

"""How many subjects it takes to see that a model got worse, by the usual fixed-sample tests."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from scipy.special import ndtr, ndtri

from bedside.core.errors import Invalid

__all__ = [
    "AurocSize",
    "auroc_power",
    "auroc_sample_size",
    "auroc_variance",
    "mean_sample_size",
    "observed_expected_sample_size",
]

_LARGEST = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class AurocSize:
    """How many subjects a comparison of areas needs.

    Args:
        subjects: Events and non-events.
        events: Subjects with the event.
        non_events: Subjects without it.
    """

    subjects: int
    events: int
    non_events: int


def auroc_variance(auroc: float, events: float, non_events: float) -> float:
    """Variance of an area under the ROC curve, from the area and the numbers alone.

    Args:
        auroc: The area, between 0 and 1.
        events: How many subjects have the event.
        non_events: How many do not.

    Raises:
        Invalid: the area is not between 0 and 1, or a number is below 1.

    Source: Hanley & McNeil, Radiology 1982;143(1):29-36: scores of exponential shape.

    >>> round(auroc_variance(0.8, 100, 900), 6)
    0.000741
    """
    _between("The area", auroc)
    if not (events >= 1 and non_events >= 1):
        raise Invalid(
            "An area needs subjects with the event and without it.", fix="give at least 1 of each."
        )
    of_event = auroc / (2 - auroc) - auroc**2
    of_other = 2 * auroc**2 / (1 + auroc) - auroc**2
    return (auroc * (1 - auroc) + (events - 1) * of_event + (non_events - 1) * of_other) / (
        events * non_events
    )


def auroc_power(
    auroc: float,
    drop: float,
    *,
    events: float,
    non_events: float,
    error: float = 0.05,
    sides: int = 2,
    baseline: tuple[float, float] | None = None,
) -> float:
    """Probability that a drop of the area is found by one test on so many subjects.

    Args:
        auroc: The area before.
        drop: By how much it falls; below 0, it rises.
        events: Subjects with the event, after.
        non_events: Subjects without it, after.
        error: Probability of a false alarm of the one test.
        sides: 2: of a change either way; 1: of a drop alone.
        baseline: Events and non-events that the area before was measured on; None: it is known
            without error.

    Raises:
        Invalid: an area or the error is not between 0 and 1, a number is below 1, or the sides
            are neither 1 nor 2.

    >>> round(auroc_power(0.85, 0.05, events=150, non_events=1350), 2)
    0.68
    """
    _between("The area after the drop", auroc - drop)
    before = auroc_variance(auroc, *baseline) if baseline else 0.0
    if_same = before + auroc_variance(auroc, events, non_events)
    if_worse = before + auroc_variance(auroc - drop, events, non_events)
    bar = _quantile(error, sides) * math.sqrt(if_same)
    return float(ndtr((abs(drop) - bar) / math.sqrt(if_worse)))


def auroc_sample_size(
    auroc: float,
    drop: float,
    *,
    event_share: float,
    error: float = 0.05,
    power: float = 0.9,
    sides: int = 2,
    baseline: tuple[float, float] | None = None,
) -> AurocSize:
    """Subjects needed so that a drop of the area is found with this power.

    Args:
        auroc: As for `auroc_power`.
        drop: As for `auroc_power`; not 0.
        event_share: Share of subjects with the event.
        error: As for `auroc_power`.
        power: Probability that it is found.
        sides: As for `auroc_power`.
        baseline: As for `auroc_power`.

    Raises:
        Invalid: as for `auroc_power`; or no number of subjects is enough, because the area
            before is too uncertain.

    Source: Hanley & McNeil, Radiology 1982;143(1):29-36, with the variance under "as before"
        in the bar.

    >>> auroc_sample_size(0.85, 0.05, event_share=0.1)
    AurocSize(subjects=2761, events=277, non_events=2484)
    """
    _between("The share of events", event_share)
    _between("The power", power)
    _above_zero("The size of the drop", abs(drop))
    least = math.ceil(1 / min(event_share, 1 - event_share))

    def enough(subjects: int) -> bool:
        events = event_share * subjects
        found = auroc_power(
            auroc,
            drop,
            events=events,
            non_events=subjects - events,
            error=error,
            sides=sides,
            baseline=baseline,
        )
        return found >= power

    subjects = _fewest(enough, least)
    events = math.ceil(event_share * subjects)
    return AurocSize(subjects=subjects, events=events, non_events=subjects - events)


def observed_expected_sample_size(
    ratio: float,
    *,
    mean_risk: float,
    risk_variance: float = 0.0,
    error: float = 0.05,
    power: float = 0.9,
    sides: int = 2,
    baseline: int | None = None,
) -> int:
    """Subjects needed to find that observed over expected events is no longer 1.

    The expected events are the sum of the risks. Observed events vary by the sum of p (1 - p),
    where p is the risk before and risk × ratio after.

    Args:
        ratio: Observed over expected events after the change; not 1.
        mean_risk: Mean of the risks.
        risk_variance: Variance of the risks among subjects; 0 needs the most subjects.
        error: Probability of a false alarm of the one test.
        power: Probability that it is found.
        sides: 2: of a change either way; 1: of this direction alone.
        baseline: Subjects that observed over expected was measured on before; None: it is known
            to have been 1.

    Raises:
        Invalid: the ratio is not above 0, or is 1; the mean risk, before or after, is not
            between 0 and 1; the variance is more than risks of this mean can have; or no number of
            subjects is enough.

    Source: the one-sample test of a proportion, Fleiss, Levin & Paik, Statistical Methods for
        Rates and Proportions, 3rd ed., Wiley 2003, chapter 2; the variance of the observed by
        Spiegelhalter, Stat Med 1986;5(5):421-433.

    >>> observed_expected_sample_size(1.2, mean_risk=0.1)
    2523
    """
    _between("The mean risk", mean_risk)
    _above_zero("The ratio", ratio)
    _between("The mean risk times the ratio", mean_risk * ratio)
    if not 0 <= risk_variance < mean_risk * (1 - mean_risk):
        raise Invalid(
            "No risks of this mean have this variance.",
            fix="give a variance of at least 0 and below mean × (1 - mean).",
        )
    square = risk_variance + mean_risk**2
    if_same = mean_risk - square
    if_other = ratio * mean_risk - ratio**2 * square
    if if_other <= 0:
        raise Invalid(
            "Times the ratio, some of these risks are above 1.", fix="give a smaller variance."
        )
    return mean_sample_size(
        abs(ratio - 1) * mean_risk,
        sd=math.sqrt(if_same),
        sd_after=math.sqrt(if_other),
        error=error,
        power=power,
        sides=sides,
        baseline_error=0.0 if baseline is None else math.sqrt(if_same / baseline),
    )


def mean_sample_size(
    difference: float,
    *,
    sd: float,
    sd_after: float | None = None,
    error: float = 0.05,
    power: float = 0.9,
    sides: int = 2,
    baseline_error: float = 0.0,
) -> int:
    """Subjects needed to find that a mean moved by this much.

    Args:
        difference: By how much it moves, either way; not 0.
        sd: Standard deviation among subjects before.
        sd_after: And after; None: the same.
        error: Probability of a false alarm of the one test.
        power: Probability that it is found.
        sides: 2: of a change either way; 1: of one direction alone.
        baseline_error: Standard error of the mean before.

    Raises:
        Invalid: the difference is 0, a deviation is not above 0, a probability is not between
            0 and 1, or no number of subjects is enough.

    >>> mean_sample_size(0.5, sd=1.0)
    43
    """
    _between("The power", power)
    _above_zero("The difference", abs(difference))
    later = sd if sd_after is None else sd_after
    _above_zero("The standard deviation", min(sd, later))
    bar, hope = _quantile(error, sides), float(ndtri(power))

    def enough(subjects: int) -> bool:
        same = math.sqrt(baseline_error**2 + sd**2 / subjects)
        other = math.sqrt(baseline_error**2 + later**2 / subjects)
        return bar * same + hope * other <= abs(difference)

    return _fewest(enough, 1)


def _fewest(enough: Callable[[int], bool], least: int) -> int:
    """The least number that is enough, where every larger one is too."""
    high = least
    while not enough(high):
        high *= 2
        if high > _LARGEST:
            raise Invalid(
                "No number of subjects is enough: the baseline is too uncertain for it.",
                fix="measure the baseline on more subjects, or look for a larger change.",
            )
    low = max(least, high // 2)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return low


def _quantile(error: float, sides: int) -> float:
    _between("The error", error)
    if sides not in (1, 2):
        raise Invalid("A test has 1 or 2 sides.", fix="give 1 or 2.")
    return -float(ndtri(error / sides))


def _between(what: str, value: float) -> None:
    if not 0 < value < 1:
        raise Invalid(f"{what} is not between 0 and 1.", fix="give a number between 0 and 1.")


def _above_zero(what: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise Invalid(f"{what} is not a number above 0.", fix="give a number above 0.")

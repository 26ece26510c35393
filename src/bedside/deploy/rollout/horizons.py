"""What live answers can tell at each horizon of a time until an event, and what not yet."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW, Estimate
from bedside.core.records.outcome import at_horizon
from bedside.core.records.rollout import HORIZON_COUNTS, horizon_of
from bedside.deploy.rollout.answers import Columns
from bedside.metrics.survival.followed import Followed
from bedside.metrics.survival.horizon import Known

__all__ = ["counts_at", "named_at", "without_few"]

Bools = npt.NDArray[np.bool_]


def named_at(name: str, day: float, horizons: Sequence[float]) -> str:
    """What a figure is called at one of the horizons: at the last, by its plain name.

    >>> named_at("judged", 365.0, (365.0, 1096.0)), named_at("judged", 1096.0, (365.0, 1096.0))
    ('judged_at_365_days', 'judged')
    """
    return name if day == horizons[-1] else at_horizon(name, day)


def counts_at(told: Columns, horizons: Sequence[float]) -> dict[str, int]:
    """`HORIZON_COUNTS` at each horizon, in answers.

    Args:
        told: Answers of any kind.
        horizons: Days, ascending.
    """
    return {name: int(rows.sum()) for name, rows in _at_each(told, horizons).items()}


def without_few(
    figures: Mapping[str, Estimate], told: Columns, horizons: Sequence[float], minimum: int = 0
) -> dict[str, Estimate]:
    """The same figures, but for those that rest on too few patients: those say why.

    Args:
        figures: Of the judged among `told`.
        told: Answers of any kind, of a time until an event.
        horizons: Days, ascending.
        minimum: Of patients whose outcome is known by the horizon of a figure.
    """
    rows = _at_each(told, horizons)
    patients = {name: len(np.unique(told.subject[some])) for name, some in rows.items()}

    def asked(name: str, one: Estimate) -> Estimate:
        needed = horizon_of(name, horizons)
        day = horizons[-1] if needed is None else needed
        if patients[named_at("judged", day, horizons)] < minimum:
            return _hidden(
                one, f"by {day:g} days, the outcome of fewer than {minimum} patients is known"
            )
        past = patients[named_at("at_risk", day, horizons)]
        if needed is not None and past <= SUPPRESS_AT_OR_BELOW:
            return _hidden(one, f"ten patients or fewer were followed past {day:g} days so far")
        return one

    return {name: asked(name, one) for name, one in figures.items()}


def _hidden(one: Estimate, why: str) -> Estimate:
    return replace(one, estimate=None, low=None, high=None, why=why)


def _at_each(told: Columns, horizons: Sequence[float]) -> dict[str, Bools]:
    """By name of a count, which answers are counted; shape (n,) each."""
    at = np.flatnonzero(told.judged_as("survival"))
    none = np.zeros(told.subject.size, dtype=np.bool_)
    found = {named_at(name, day, horizons): none.copy() for name in HORIZON_COUNTS
             for day in horizons}  # fmt: skip
    if not at.size:
        return found
    followed = Followed.of(told.followed_days[at], told.label[at])
    for day in horizons:
        known = Known.at(followed, day)
        found[named_at("judged", day, horizons)][at] = known.case | known.ruled_out | known.free
        found[named_at("at_risk", day, horizons)][at] = known.free
    return found

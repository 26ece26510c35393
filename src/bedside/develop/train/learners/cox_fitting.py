"""The penalised partial likelihood of Cox's model, and where it is greatest."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bedside.core.errors import Refused
from bedside.develop.train.learners.risk_sets import RiskSets

__all__ = ["fit_cox", "gradient_and_curvature", "log_likelihood"]

Floats = npt.NDArray[np.float64]

STEPS, HALVINGS = 100, 30
SMALL = 1e-12  # of the gain that a step promises, by the log-likelihood


@dataclass(frozen=True, slots=True, kw_only=True)
class _Steps:
    """The risk sets under one set of margins; `relative` is weighted, in order, shape (n,)."""

    relative: Floats
    at_risk: Floats
    greatest: float


def fit_cox(sets: RiskSets, design: Floats, penalty: Floats, start: Floats | None = None) -> Floats:
    """The coefficients, shape (p,), by Newton's method with halved steps.

    They are where log partial likelihood - b' P b / 2 is greatest. With a positive definite P
    there is exactly one such place, under perfect separation as well.

    Args:
        sets: Of n rows.
        design: Shape (n, p), in the rows' own order.
        penalty: P, shape (p, p).
        start: Shape (p,), where to begin.

    Raises:
        Refused: it is not found (code `no_fit`): without a penalty it need not exist.

    Source: Cox, J R Stat Soc B 1972;34:187-220; Efron, J Am Stat Assoc 1977;72:557-565.
    """
    sorted_design = design[sets.order]
    found = np.zeros(design.shape[1]) if start is None else start
    reached = _penalised(sets, sorted_design @ found, found, penalty)
    for _ in range(STEPS):
        slope, bend = _derivatives(sets, sorted_design, sorted_design @ found)
        slope, bend = slope - penalty @ found, bend + penalty
        step = _solved(bend, slope)
        gain = float(slope @ step) / 2
        if gain <= SMALL * (1 + abs(reached)):
            return np.asarray(found + step)
        for halving in range(HALVINGS):
            tried = found + step / 2**halving
            value = _penalised(sets, sorted_design @ tried, tried, penalty)
            if value >= reached:
                break
        else:
            return found  # as near as floating point tells
        found, reached = tried, value
    raise _no_fit()


def log_likelihood(sets: RiskSets, margin: Floats) -> float:
    """The log partial likelihood of these margins, shape (n,), in the rows' own order."""
    return _likelihood(sets, margin[sets.order])


def gradient_and_curvature(sets: RiskSets, margin: Floats) -> tuple[Floats, Floats]:
    """Slope of minus the log partial likelihood along each margin, and its own second derivative.

    Both of shape (n,), in the rows' own order; what boosting asks for.
    """
    under = _under(sets, margin[sets.order])
    left = _left(sets, under)
    share = sets.mean_weight / left
    every = sets.over_days(share, share * sets.out)
    squared = share / left
    # An event leaves its own day's risk set by steps: (1 - out)^2 of its square stays.
    twice = sets.over_days(squared, squared * (1 - (1 - sets.out) ** 2))
    slope = under.relative * every
    bend = slope - under.relative**2 * twice
    slope[sets.events] -= sets.weight[sets.events]
    made = np.empty((2, len(slope)))
    made[:, sets.order] = slope, np.maximum(bend, 0.0)
    return made[0], made[1]


def _under(sets: RiskSets, margin: Floats) -> _Steps:
    greatest = float(margin.max())
    relative = sets.weight * np.exp(margin - greatest)
    return _Steps(relative=relative, at_risk=sets.at_risk(relative), greatest=greatest)


def _left(sets: RiskSets, under: _Steps) -> Floats:
    """The summed relative hazard in the risk set of each step; shape (d,)."""
    tied = sets.of_events(under.relative)
    return np.asarray((under.at_risk[sets.group]) - sets.out * tied[sets.group])


def _likelihood(sets: RiskSets, margin: Floats) -> float:
    under = _under(sets, margin)
    with np.errstate(divide="ignore"):
        spent = np.log(_left(sets, under)) + under.greatest
    return float(sets.weight[sets.events] @ margin[sets.events] - sets.mean_weight @ spent)


def _penalised(sets: RiskSets, margin: Floats, found: Floats, penalty: Floats) -> float:
    """-inf where the margins are too far apart for floating point."""
    value = _likelihood(sets, margin) - float(found @ penalty @ found) / 2
    return value if np.isfinite(value) else -np.inf


def _derivatives(sets: RiskSets, design: Floats, margin: Floats) -> tuple[Floats, Floats]:
    """Slope, shape (p,), and minus the second derivative, shape (p, p), of the log-likelihood."""
    under = _under(sets, margin)
    left = _left(sets, under)
    weighted = design * under.relative[:, None]
    tied = sets.of_events(weighted)
    means = sets.at_risk(weighted)[sets.group] - sets.out[:, None] * tied[sets.group]
    means /= left[:, None]
    share = sets.mean_weight / left
    every = sets.over_days(share, share * sets.out)
    slope = sets.weight[sets.events] @ design[sets.events] - sets.mean_weight @ means
    bend = weighted.T @ (design * every[:, None])
    bend -= means.T @ (means * sets.mean_weight[:, None])
    return slope, (bend + bend.T) / 2


def _solved(bend: Floats, slope: Floats) -> Floats:
    try:
        return np.asarray(np.linalg.solve(bend, slope))
    except np.linalg.LinAlgError:
        raise _no_fit() from None


def _no_fit() -> Refused:
    return Refused(
        "The partial likelihood has no greatest value that can be found.",
        fix="give the learner a greater `ridge`.",
        code="no_fit",
    )

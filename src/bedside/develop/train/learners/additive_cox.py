"""Cox's model with a curve for each number: straight pieces, kept smooth."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from bedside.core.records.declaration import Bounds
from bedside.develop.train.learners.contract import Plan
from bedside.develop.train.learners.hazard_form import additive_hazards, declared
from bedside.develop.train.learners.preparing import Design, linear_basis, prepare, quantiles
from bedside.develop.train.learners.refusals import refuse_nothing_to_learn, whole_of
from bedside.develop.train.matrix import Matrix
from bedside.models.form import ModelForm, Term

__all__ = ["AdditiveCox"]

Floats = npt.NDArray[np.float64]

KNOTS = 8
END = 0.01  # this share of the values lies before the first knot, and as much after the last
RIDGE = 0.002  # for one event; makes a curve that no row supports zero
SMOOTHNESS = (10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01)


class AdditiveCox:
    """A curve for each number, a coefficient for each label; a competing event is censored.

    A curve has `knots` at evenly spaced quantiles from the 1st to the 99th percentile of the
    measured values, straight lines between them, and is constant beyond. `smoothness` is the
    penalty for one event: the log partial likelihood loses, for each event, smoothness / 2 times
    the summed squared second differences of a curve's heights at its knots (a P-spline of degree
    1). Without it, the one of seven from 0.01 to 10 that cross-validation prefers.

    Source: Eilers & Marx, Stat Sci 1996;11(2):89-121; Gray, J Am Stat Assoc 1992;87:942-951.
    """

    outcomes = frozenset({"survival"})
    takes_monotone = False
    parameters: Mapping[str, Bounds | None] = {
        "smoothness": Bounds(low=0.01, high=10.0, log=True),
        "knots": Bounds(low=4, high=12, whole=True),
    }

    def fit(self, train: Matrix, tuning: Matrix, plan: Plan) -> ModelForm:
        """Fit by Newton's method; see the contract."""
        del tuning
        refuse_nothing_to_learn(train, plan.outcome.kind)
        smoothness = declared(plan, "smoothness", low=1e-6, high=1e6)
        shares = np.linspace(END, 1 - END, whole_of(plan, "knots", KNOTS, low=3, high=100))

        def numeric(at: int, known: Floats, weight: Floats) -> Term | None:
            return _curve(at, known, weight, shares)

        design = prepare(train, plan.columns, numeric)
        tried = SMOOTHNESS if smoothness is None else (smoothness,)
        return additive_hazards(train, plan, design, [_penalty(design, one) for one in tried])


def _curve(at: int, known: Floats, weight: Floats, shares: Floats) -> Term | None:
    """One column for the height at each knot; a line where there are fewer than three knots."""
    knots = np.unique(quantiles(known, weight, shares)) if len(known) else known
    if len(knots) < 3:
        return linear_basis(at, known, weight)
    middle = quantiles(known, weight, np.array([0.5]))[0]
    heights = np.eye(len(knots))
    missing = [float(np.interp(middle, knots, one)) for one in heights]
    return Term(
        kind="polyline",
        features=(at,),
        scores=tuple((told, *one.tolist()) for told, one in zip(missing, heights, strict=True)),
        edges=(tuple(knots.tolist()),),
    )


def _penalty(design: Design, smoothness: float) -> Floats:
    """Shape (p, p), for one event."""
    made = RIDGE * np.eye(design.matrix.shape[1])
    at = 0
    for block in design.blocks:
        if block.basis.kind == "polyline":
            knots = len(block.basis.edges[0])
            bends = np.diff(np.eye(knots), 2, axis=0)
            made[at : at + knots, at : at + knots] += smoothness * bends.T @ bends
        at += block.width
    return made

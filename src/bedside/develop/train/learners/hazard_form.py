"""From a design and its penalties to a model of hazards that are proportional."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bedside.core.errors import Invalid
from bedside.develop.train.learners.baseline_hazard import with_baseline
from bedside.develop.train.learners.contract import Plan
from bedside.develop.train.learners.cox_choosing import best_penalty, subject_folds
from bedside.develop.train.learners.cox_fitting import fit_cox
from bedside.develop.train.learners.preparing import Design
from bedside.develop.train.learners.risk_sets import censored_but, followed, risk_sets
from bedside.develop.train.matrix import Matrix
from bedside.models.form import Member, ModelForm

__all__ = ["additive_hazards", "declared"]

Floats = npt.NDArray[np.float64]


def additive_hazards(
    train: Matrix, plan: Plan, design: Design, penalties: Sequence[Floats], causes: int = 1
) -> ModelForm:
    """A Cox model of each cause on this design.

    Args:
        train: n rows with their days.
        plan: Its seed and horizons.
        design: Of these rows, shape (n, p).
        penalties: Each of shape (p, p), for one event, from the strongest to the weakest; of
            several, each cause takes the one that cross-validation prefers.
        causes: 1, or 2 with a competing event; each one's rows are censored for the other.

    Raises:
        Invalid: a cause has no event, or a row no days.
        Refused: no fit is found.
    """
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    with threadpool_limits(1):  # the last bits must not depend on the machine
        coefficients = [
            _fitted(train, plan, design, penalties, cause) for cause in range(1, causes + 1)
        ]
        part = design.additive(np.stack(coefficients, axis=1), np.zeros(causes))
    form = ModelForm(
        outcome="survival",
        link="proportional_hazards" if causes == 1 else "competing_hazards",
        width=len(train.names),
        members=(Member(part=part),),
        horizons=plan.horizons,
    )
    return with_baseline(form, train)


def declared(plan: Plan, name: str, *, low: float, high: float) -> float | None:
    """A number of `learner.parameters`; None where it is not there.

    Raises:
        Invalid: it is no number from `low` to `high`.
    """
    told = plan.options.parameters.get(name)
    if told is None:
        return None
    if isinstance(told, (bool, str)) or not low <= told <= high:
        raise Invalid(
            f"The learner's `{name}` is no number from {low:g} to {high:g}.",
            fix="correct it, or leave it out and it is chosen from the training rows.",
            code="parameter",
        )
    return float(told)


def _fitted(
    train: Matrix, plan: Plan, design: Design, penalties: Sequence[Floats], cause: int
) -> Floats:
    days, event = followed(train), censored_but(train, cause)
    matrix, weight = design.matrix, train.weight
    if matrix.shape[1] == 0:
        return np.zeros(0)
    events = float(event.sum() if weight is None else weight[event].sum())
    scaled = [penalty * events for penalty in penalties]
    best = 0
    if len(scaled) > 1:
        folds = subject_folds(event, train.subject, plan.options.seed)
        best = best_penalty(days, event, weight, matrix, scaled, folds)
    return fit_cox(risk_sets(days, event, weight), matrix, scaled[best])

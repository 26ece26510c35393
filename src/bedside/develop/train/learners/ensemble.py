"""The average of several learners' margins."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from bedside.core.errors import Invalid
from bedside.core.records.declaration import Bounds
from bedside.develop.train.learners.baseline_hazard import with_baseline
from bedside.develop.train.learners.contract import Plan
from bedside.develop.train.learners.loading import learner_of
from bedside.develop.train.matrix import Matrix
from bedside.models.form import Member, ModelForm

__all__ = ["Ensemble"]

FEWEST = 2


class Ensemble:
    """Each of `learner.members` is fitted by its own options; all count the same.

    Ordered levels get the average of the members' cutpoints, survival a baseline hazard of its
    own.
    """

    outcomes = frozenset({"binary", "multiclass", "ordinal", "regression", "survival"})
    takes_monotone = True
    parameters: Mapping[str, Bounds | None] = {}

    def fit(self, train: Matrix, tuning: Matrix, plan: Plan) -> ModelForm:
        """Fit every member; see the contract.

        Raises:
            Invalid: there are fewer than two members, one is an ensemble itself, or they differ
                in their links (code `ensemble`).
        """
        members = plan.options.members
        if len(members) < FEWEST or any(one.kind == "ensemble" for one in members):
            raise _unfit("An ensemble needs two members or more, none of them an ensemble")
        forms = [
            learner_of(one.kind).fit(train, tuning, replace(plan, options=one)) for one in members
        ]
        first = forms[0]
        if len({(form.link, form.members[0].part.outputs) for form in forms}) > 1:
            raise _unfit("The members of the ensemble differ in what their margins mean")
        share = 1 / len(forms)
        made = ModelForm(
            outcome=first.outcome,
            link=first.link,
            width=first.width,
            members=tuple(
                Member(part=one.part, weight=one.weight * share)
                for form in forms
                for one in form.members
            ),
            levels=first.levels,
            cutpoints=tuple(np.mean([form.cutpoints for form in forms], axis=0).tolist()),
            horizons=first.horizons,
        )
        return made if first.hazards is None else with_baseline(made, train)


def _unfit(problem: str) -> Invalid:
    return Invalid(
        f"{problem}.",
        fix="name two or more learners that predict the same kind of outcome in the same way.",
        code="ensemble",
    )

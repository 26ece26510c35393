"""A model with what was really learnt of its own uncertainty, and made-up stays of its kind."""

from dataclasses import replace

import numpy as np

from bedside.core.records.declaration import Learner, Uncertainty
from bedside.core.records.outcome import Outcome
from bedside.core.records.question import Predicate, Question, Window
from bedside.develop.train.calibrating.fitting import with_calibration
from bedside.develop.train.matrix import Matrix
from bedside.develop.train.uncertainty import learn_uncertainty
from bedside.features.definition import expand
from served import a_declaration, a_form, a_served_model

__all__ = ["declared", "served", "some_stays"]

ASKED = Question(
    ask="sepsis?",
    predicates={"sepsis": Predicate(code="OUTCOME//sepsis")},
    trigger="hour",
    windows={"target": Window(start="trigger", end="trigger + 6 h", label="sepsis")},
)


def declared(*, outcome=None, coverage=None, domain=None, calibration="platt", **changes):
    question = replace(ASKED, outcome=outcome or Outcome())
    return a_declaration(
        question=question,
        learner=Learner(calibration=calibration),
        uncertainty=Uncertainty(coverage=coverage, domain=domain),
        **changes,
    )


def some_stays(declaration, n, *, seed):
    """Made-up stays in which a high lactate means trouble; many other values are missing."""
    features = expand(declaration)
    random = np.random.default_rng(seed)
    matrix = random.normal(100.0, 15.0, (n, len(features.features)))
    lactate = random.gamma(4.0, 0.5, n)
    for at, feature in enumerate(features.features):
        if feature.signal == "lactate":
            matrix[:, at] = lactate
        elif feature.labels:
            matrix[:, at] = random.integers(0, 2, n)
        elif feature.name == "age.last":
            matrix[:, at] = random.uniform(40, 90, n)
        elif feature.signal != "heart_rate":
            matrix[random.random(n) < 0.6, at] = np.nan
    label = (random.random(n) < 1 / (1 + np.exp(3 - 1.5 * lactate))).astype(np.int64)
    return Matrix(features=matrix, label=label, names=features.names, target=lactate + 1)


def served(declaration, form=None, **more):
    """A model with what was really learnt of its uncertainty."""
    form = form or a_form(declaration)
    train, tuning = (some_stays(declaration, 500, seed=seed) for seed in (1, 2))
    form = with_calibration(form, tuning, declaration.learner.calibration)
    categories = [len(one.labels) for one in expand(declaration).features]
    told = learn_uncertainty(form, train, tuning, declaration.uncertainty, categories=categories)
    return a_served_model(declaration=declaration, form=form, uncertainty=told, **more), form

"""The declared learner again, on other training rows, for its explanations alone."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from bedside.core.records.declaration import Declaration, Uncertainty
from bedside.develop.explain.explained import spread_rows
from bedside.develop.train.learning import learn
from bedside.develop.train.matrix import Matrix
from bedside.develop.train.tuning.fitting import single_threaded
from bedside.features.definition import FeatureSet
from bedside.models.learnt import LearntModel

__all__ = ["ROWS", "drawn_rows", "plain", "refitted"]

Ints = npt.NDArray[np.int64]
ROWS = 20_000
"""A refit sees about so many training rows at most, of whole patients."""


def plain(declaration: Declaration) -> Declaration:
    """Without what changes no contribution, and without what would take more fits.

    Contributions are of the margin before calibration. Mitigation, made rows and tuning are left
    out; the parameters are those that are given. One thread is faster on so few rows.
    """
    return replace(
        declaration,
        learner=replace(single_threaded(declaration.learner), calibration="none", tuning=None),
        uncertainty=Uncertainty(),
        fairness=None,
        augmentation=(),
    )


def drawn_rows(subject: Ints, most: int, seed: int, *, again: bool) -> Ints:
    """The rows of drawn subjects, about `most` at most; ascending.

    Args:
        subject: Shape (n,), counted from 0.
        most: As above.
        seed: Of the draw.
        again: With replacement, as a bootstrap does; else each subject once.

    >>> drawn_rows(np.array([0, 0, 1, 2]), 9, 1, again=False).tolist()
    [0, 1, 2, 3]
    >>> len(drawn_rows(np.arange(100), 20, 1, again=True))
    20
    """
    subjects = int(subject.max()) + 1
    many = max(1, min(subjects, most * subjects // len(subject)))
    generator = np.random.Generator(np.random.PCG64(seed))
    drawn = (
        generator.integers(0, subjects, many) if again else generator.permutation(subjects)[:many]
    )
    return np.repeat(np.arange(len(subject)), np.bincount(drawn, minlength=subjects)[subject])


def refitted(
    declaration: Declaration, feature_set: FeatureSet, train: Matrix, tuning: Matrix
) -> LearntModel:
    """The declared learner, as `plain` leaves it, on these rows.

    Raises:
        Invalid: there is nothing to learn from.
    """
    shown = tuning.taken(spread_rows(len(tuning.label), ROWS))
    made = learn(plain(declaration), feature_set, train, shown, ())
    return LearntModel(made.form)

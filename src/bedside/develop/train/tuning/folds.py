"""Folds of the training subjects, within which tuning stays."""

import numpy as np
import numpy.typing as npt

from bedside.develop.train.matrix import Matrix

__all__ = ["subject_folds"]

Ints = npt.NDArray[np.int64]


def subject_folds(rows: Matrix, folds: int, seed: int) -> Ints:
    """The fold of each row, shape (n,): all rows of a subject in one.

    Subjects with the same greatest label are dealt out evenly. That would be wrong for folds that
    judge a model, whose draw must not hang on others' outcomes, but these only choose parameters.

    Args:
        rows: n rows.
        folds: How many.
        seed: Of the shuffle.

    >>> rows = Matrix(features=np.zeros((6, 1)), label=np.array([0, 1, 0, 0, 0, 1]), names=("a",),
    ...     subject=np.array([0, 0, 1, 2, 3, 3]))
    >>> folds = subject_folds(rows, 2, 1)
    >>> bool(folds[0] == folds[1] and folds[4] == folds[5] and folds[0] != folds[4])
    True
    """
    one = np.arange(len(rows.label))
    if rows.subject is not None:
        one = np.unique(rows.subject, return_inverse=True)[1]
    most = np.zeros(one.max() + 1, np.int64)
    np.maximum.at(most, one, rows.label)
    order = np.random.default_rng(seed).permutation(len(most))
    order = order[np.argsort(most[order], kind="stable")]
    fold = np.empty(len(most), np.int64)
    fold[order] = np.arange(len(most)) % folds
    return np.asarray(fold[one])

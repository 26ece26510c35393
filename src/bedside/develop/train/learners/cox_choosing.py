"""Which penalty a Cox model takes: the one with the greatest cross-validated partial likelihood."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bedside.develop.train.learners.cox_fitting import fit_cox, log_likelihood
from bedside.develop.train.learners.risk_sets import RiskSets, risk_sets

__all__ = ["best_penalty", "subject_folds"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

FOLDS = 5


def subject_folds(event: Bools, subject: Ints | None, seed: int) -> Ints:
    """The fold of each row, shape (n,): all rows of a subject in one, events spread evenly."""
    one = np.arange(len(event)) if subject is None else np.unique(subject, return_inverse=True)[1]
    ever = np.bincount(one, weights=event) > 0
    order = np.random.default_rng(seed).permutation(len(ever))
    order = order[np.argsort(ever[order], kind="stable")]
    fold = np.empty(len(ever), np.int64)
    fold[order] = np.arange(len(ever)) % FOLDS
    return np.asarray(fold[one])


def best_penalty(
    days: Floats,
    event: Bools,
    weight: Floats | None,
    design: Floats,
    penalties: Sequence[Floats],
    folds: Ints,
) -> int:
    """The index of the best penalty; of equals, the strongest.

    Each is fitted without one fold at a time; the log partial likelihood of all rows less that of
    the rows fitted on is what the fold adds.

    Args:
        days: Shape (n,).
        event: Shape (n,).
        weight: Shape (n,), or None.
        design: Shape (n, p).
        penalties: Each of shape (p, p), from the strongest to the weakest.
        folds: Shape (n,), the fold of each row.

    Source: Verweij & van Houwelingen, Stat Med 1993;12:2305-2314.
    """
    whole = risk_sets(days, event, weight)
    added = np.zeros(len(penalties))
    for fold in np.unique(folds):
        rest = folds != fold
        if event[rest].any():
            sets = risk_sets(days[rest], event[rest], None if weight is None else weight[rest])
            added += _added(whole, sets, design, design[rest], penalties)
    return int(added.argmax())


def _added(
    whole: RiskSets, sets: RiskSets, design: Floats, rest: Floats, penalties: Sequence[Floats]
) -> Floats:
    found, added = np.zeros(design.shape[1]), []
    for penalty in penalties:
        found = fit_cox(sets, rest, penalty, found)
        added.append(log_likelihood(whole, design @ found) - log_likelihood(sets, rest @ found))
    return np.array(added)

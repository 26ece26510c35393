"""The classifier that tells new patients from those of a reference: boosted trees."""

import numpy as np

from bedside.metrics.arrays import Floats
from bedside.metrics.joint import DomainDrift, Learner, domain_drift

__all__ = ["boosted_trees", "joint_drift_of"]

_SETTINGS = {
    "objective": "binary",
    "learning_rate": 0.1,
    "num_leaves": 15,
    "min_data_in_leaf": 20,
    "feature_fraction": 0.8,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}


def boosted_trees(*, rounds: int = 60, seed: int = 0) -> Learner:
    """A way to fit boosted trees, which take missing values and interactions as they are.

    Args:
        rounds: How many trees.
        seed: Of the rows and columns that each tree sees.
    """

    def learn(matrix: Floats, label: Floats) -> "_Trees":
        import lightgbm  # noqa: PLC0415 - heavy, and only needed here

        data = lightgbm.Dataset(np.ascontiguousarray(matrix), label, params={"verbosity": -1})
        return _Trees(lightgbm.train(_SETTINGS | {"seed": seed}, data, num_boost_round=rounds))

    return learn


class _Trees:
    def __init__(self, booster: object) -> None:
        self._booster = booster

    def __call__(self, matrix: Floats) -> Floats:
        chance = self._booster.predict(matrix, num_threads=1)  # type: ignore[attr-defined]
        return np.asarray(chance, dtype=np.float64)


def joint_drift_of(
    reference: Floats, current: Floats, *, most_rows: int = 20_000, folds: int = 5, seed: int = 0
) -> DomainDrift:
    """Whether the columns, taken together, tell new patients from those of a reference.

    Args:
        reference: Shape (n, k), NaN where missing; one row per subject.
        current: Shape (m, k), the same columns.
        most_rows: Of each sample; of more, so many are drawn by `seed`. The chances are then of
            the drawn rows alone.
        folds: How many.
        seed: Of the draws, the folds and the trees.

    Raises:
        Invalid: columns differ, or rows are too few.
    """
    rng = np.random.default_rng(seed)
    then, now = (
        one if len(one) <= most_rows else one[np.sort(rng.choice(len(one), most_rows, False))]
        for one in (np.asarray(reference), np.asarray(current))
    )
    return domain_drift(then, now, boosted_trees(seed=seed), folds=folds, seed=seed)

"""One metric of levels or of values by its name, of plain arrays."""

import numpy as np
from numpy.typing import ArrayLike

from bedside.core.errors import Invalid
from bedside.metrics.arrays import as_weights
from bedside.metrics.family import by_name
from bedside.metrics.levels import as_chances
from bedside.metrics.resampled.levels import level_families
from bedside.metrics.resampled.values import values_family

__all__ = ["level_metric", "value_metric"]


def level_metric(
    name: str,
    level: ArrayLike,
    chances: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    ordered: bool = False,
) -> float:
    """One metric of levels by its name, such as `hand_till_auroc` or `quadratic_kappa`.

    Args:
        name: As in `bedside.metrics.names`.
        level: Shape (n,), from 0 to m - 1.
        chances: Shape (n, m), each row adding up to 1.
        weights: Shape (n,), at least 0; None counts every row once.
        ordered: Whether the levels are, which adds the metrics of ordered levels.

    Returns:
        The figure; NaN where it is undefined.

    Raises:
        Invalid: there is no such metric, lengths differ, n = 0, or a value is out of range.

    >>> chances = [[0.7, 0.2, 0.1], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8]]
    >>> level_metric("accuracy", [0, 1, 1], chances)
    0.6666666666666666
    >>> round(level_metric("ranked_probability_score", [0, 1, 1], chances, ordered=True), 6)
    0.146667
    """
    levels, given = as_chances(level, chances)
    made = by_name(
        level_families(levels, given, np.arange(levels.size), levels.size, ordered=ordered)
    )
    if name not in made:
        raise Invalid(f"There is no metric {name!r} of levels.", fix=f"ask for {sorted(made)}.")
    return made[name](as_weights(weights, levels.size))


def value_metric(
    name: str, value: ArrayLike, predicted: ArrayLike, weights: ArrayLike | None = None
) -> float:
    """One metric of values by its name: `mae`, `rmse`, `r2`, `mean_error` and the line's two.

    Args:
        name: As in `bedside.metrics.names`.
        value: Shape (n,).
        predicted: Shape (n,), in the same unit.
        weights: Shape (n,), at least 0; None counts every row once.

    Returns:
        The figure; NaN where it is undefined: `r2` of equal values, a line through equal
        predictions.

    Raises:
        Invalid: there is no such metric, n = 0, lengths differ, or a value is missing.

    >>> value_metric("mean_error", [1.0, 2.0], [2.0, 4.0])
    1.5
    """
    came, said = np.asarray(value, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    if came.ndim != 1 or not came.size or said.shape != came.shape:
        raise Invalid("Values and predictions are not of the same rows.", fix="give shape (n,).")
    if not (np.isfinite(came) & np.isfinite(said)).all():
        raise Invalid("A value or a prediction is missing.", fix="give both for every row.")
    made = by_name([values_family(came, said, np.arange(came.size), came.size)])
    if name not in made:
        raise Invalid(f"There is no metric {name!r} of values.", fix=f"ask for {sorted(made)}.")
    return made[name](as_weights(weights, came.size))

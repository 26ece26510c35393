"""Every metric of a predicted value as a function of how often each subject counts."""

from collections.abc import Mapping

import numpy as np

from bedside.metrics.arrays import Floats, Ints, ratio
from bedside.metrics.family import Family, family_of_totals, summed

__all__ = ["values_family"]

Totals = Mapping[str, Floats]


def values_family(value: Floats, predicted: Floats, subject: Ints, subjects: int) -> Family:
    """Errors, R squared, and the line of value on prediction by least squares.

    Args:
        value: Shape (n,).
        predicted: Shape (n,).
        subject: Shape (n,), from 0 to `subjects` - 1.
        subjects: How many there are.
    """
    error = predicted - value
    middle, centre = float(value.mean()), float(predicted.mean())  # so that no digits are lost
    came, said = value - middle, predicted - centre
    columns = {
        "rows": np.ones_like(value),
        "error": error,
        "absolute": np.abs(error),
        "squared": error**2,
        "came": came,
        "said": said,
        "came2": came**2,
        "said2": said**2,
        "both": came * said,
    }

    def slope(t: Totals) -> Floats:
        spread = _spread(t["said2"], t["said"], t["said"], t["rows"])
        return np.asarray(ratio(_spread(t["both"], t["came"], t["said"], t["rows"]), spread))

    def intercept(t: Totals) -> Floats:
        means = ratio(t["came"], t["rows"]) + middle, ratio(t["said"], t["rows"]) + centre
        return np.asarray(means[0] - slope(t) * means[1])

    def r2(t: Totals) -> Floats:
        spread = _spread(t["came2"], t["came"], t["came"], t["rows"])
        return np.asarray(1 - ratio(t["squared"], spread))

    return family_of_totals(
        {name: summed(values, subject, subjects) for name, values in columns.items()},
        {
            "mae": lambda t: ratio(t["absolute"], t["rows"]),
            "rmse": lambda t: np.sqrt(ratio(t["squared"], t["rows"])),
            "r2": r2,
            "mean_error": lambda t: ratio(t["error"], t["rows"]),
            "regression_slope": slope,
            "regression_intercept": intercept,
        },
    )


def _spread(product: Floats, one: Floats, other: Floats, rows: Floats) -> Floats:
    """The summed product about the means; 0 where it is no more than rounding."""
    spread = np.asarray(product - one * np.asarray(ratio(other, rows)), dtype=np.float64)
    spread[np.abs(spread) <= 1e-12 * np.abs(product)] = 0.0
    return spread

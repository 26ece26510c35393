"""Coefficients that make a loss small, held back by an elastic net; and cutpoints."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from bedside.core.errors import Refused
from bedside.develop.train.learners.losses import Loss, cutpoints_from, ordered

__all__ = ["first_cutpoints", "fit_cutpoints", "fit_margins", "fit_ordered"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Objective = Callable[[Floats], tuple[float, Floats]]
Bounds = Sequence[tuple[float | None, None]]
MOST_STEPS = 5000
FLAT = 1e-4  # a gradient of the mean loss from which on no fit is believed
LEAST_STEP = 1e-3  # between first cutpoints


def fit_margins(
    matrix: Floats, weight: Floats, loss: Loss, outputs: int, *, ridge: float, lasso: float
) -> tuple[Floats, Floats]:
    """Coefficients, shape (p, outputs), and intercepts, shape (outputs,), without a penalty.

    Args:
        matrix: Shape (n, p).
        weight: Shape (n,).
        loss: Of margins.
        outputs: How many margins.
        ridge: The loss grows by ridge / 2 times the sum of the squared coefficients.
        lasso: And by lasso times the sum of their sizes.

    Raises:
        Refused: no fit is found (code `no_fit`).
    """
    size, total = matrix.shape[1] * outputs, weight.sum()

    def objective(numbers: Floats) -> tuple[float, Floats]:
        coefficients = numbers[:size].reshape(-1, outputs)
        told, gradient = loss(matrix @ coefficients + numbers[size:])
        by_margin = gradient * (weight / total)[:, None]
        by_all = np.concatenate([(matrix.T @ by_margin).ravel(), by_margin.sum(axis=0)])
        return float(told @ weight / total), by_all

    found = _minimised(objective, np.zeros(size + outputs), size, ridge / total, lasso / total)
    return found[:size].reshape(-1, outputs), found[size:]


def fit_ordered(
    matrix: Floats, weight: Floats, label: Ints, levels: int, *, ridge: float, lasso: float
) -> tuple[Floats, Floats]:
    """Coefficients, shape (p,), and ascending cutpoints; otherwise as `fit_margins`."""
    size, total = matrix.shape[1], weight.sum()

    def objective(numbers: Floats) -> tuple[float, Floats]:
        cutpoints, moved = cutpoints_from(numbers[size:])
        told, by_margin, by_cut = ordered(label, matrix @ numbers[:size], cutpoints)
        gradient = np.concatenate([matrix.T @ (by_margin * weight), moved.T @ (weight @ by_cut)])
        return float(told @ weight / total), gradient / total

    start = np.concatenate([np.zeros(size), _numbers(first_cutpoints(label, weight, levels))])
    found = _minimised(objective, start, size, ridge / total, lasso / total)
    return found[:size], cutpoints_from(found[size:])[0]


def fit_cutpoints(
    label: Ints, margin: Floats, weight: Floats, start: Floats, *, steps: int = MOST_STEPS
) -> Floats:
    """The cutpoints of greatest likelihood for given margins, from some others on."""
    total = weight.sum()

    def objective(numbers: Floats) -> tuple[float, Floats]:
        cutpoints, moved = cutpoints_from(numbers)
        told, _, by_cut = ordered(label, margin, cutpoints)
        return float(told @ weight / total), moved.T @ (weight @ by_cut) / total

    return cutpoints_from(_minimised(objective, _numbers(start), 0, 0.0, 0.0, steps=steps))[0]


def first_cutpoints(label: Ints, weight: Floats, levels: int) -> Floats:
    """Those of a margin that is 0 for everyone: the log-odds of lying below each level."""
    share = np.cumsum(np.bincount(label, weights=weight, minlength=levels))[:-1] / weight.sum()
    return np.asarray(np.log(share / (1 - share)))


def _numbers(cutpoints: Floats) -> Floats:
    """What `cutpoints_from` makes them of."""
    steps = np.maximum(np.diff(cutpoints), LEAST_STEP)
    return np.concatenate([cutpoints[:1], np.log(steps)])


def _minimised(
    objective: Objective,
    start: Floats,
    size: int,
    ridge: float,
    lasso: float,
    *,
    steps: int = MOST_STEPS,
) -> Floats:
    """The numbers at the minimum; the first `size` are penalised.

    With a lasso, each of those is the difference of two that are not negative, which makes the
    objective smooth, and leaves exact zeros.
    """
    from scipy.optimize import minimize  # noqa: PLC0415  (slow to import)
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    split = size if lasso else 0

    def joined(given: Floats) -> Floats:
        numbers = given[: len(start)].copy()
        numbers[:split] -= given[len(start) :]
        return numbers

    def whole(given: Floats) -> tuple[float, Floats]:
        numbers = joined(given)
        told, gradient = objective(numbers)
        gradient = gradient.copy()
        gradient[:size] += ridge * numbers[:size]
        told += ridge / 2 * float(numbers[:size] @ numbers[:size])
        told += lasso * float(given[:split].sum() + given[len(start) :].sum())
        minus = lasso - gradient[:split]
        gradient[:split] += lasso
        return told, np.concatenate([gradient, minus])

    bounds: Bounds = (
        [(0.0, None)] * split + [(None, None)] * (len(start) - split) + [(0.0, None)] * split
    )
    with threadpool_limits(1):  # the last bits must not depend on the machine
        found = minimize(
            whole,
            np.concatenate([start, np.zeros(split)]),
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": steps, "maxfun": 10 * steps, "ftol": 1e-13, "gtol": 1e-8},
        )
    numbers = joined(found.x)
    if steps == MOST_STEPS and not _believable(whole(found.x)[1], found.x, bounds):
        raise Refused(
            "No fit of the training rows is found.",
            fix="give a stronger penalty, e.g. a smaller `C`.",
            code="no_fit",
        )
    return np.asarray(numbers)


def _believable(gradient: Floats, given: Floats, bounds: Bounds) -> bool:
    held = np.array([low is not None for low, _ in bounds]) & (given <= 0)
    return bool(np.abs(np.where(held, np.minimum(gradient, 0), gradient)).max(initial=0.0) < FLAT)

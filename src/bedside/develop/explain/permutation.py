"""A second opinion on importance: how much worse predictions get when a signal is shuffled."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.records.declaration import Evaluation
from bedside.develop.evaluate.intervals import Drawn, drawn_by
from bedside.develop.evaluate.statistics import Rows
from bedside.metrics.names import METRICS

__all__ = ["METRIC", "permutation_losses"]

Floats = npt.NDArray[np.float64]
METRIC = {
    "binary": "auroc",
    "survival": "harrell_c",
    "multiclass": "macro_auroc",
    "ordinal": "ordinal_c",
    "regression": "mae",
}
"""What is lost, by kind of outcome."""

SHUFFLES = 3
RESAMPLES = 200


def permutation_losses(
    values: Floats,
    signals: Sequence[npt.NDArray[np.int64]],
    judged: Callable[[Floats], Rows],
    *,
    seed: int,
) -> list[dict[str, Any] | None]:
    """How much worse the metric of the outcome gets, positive: worse, with its interval.

    All columns of a signal are shuffled between rows together, three times, and the losses
    averaged. The interval resamples subjects; the model and the shuffles stay as they are.

    Args:
        values: Shape (n, k), held-out rows.
        signals: The columns of each signal that is to be judged.
        judged: From rows of features to predictions beside what came true.
        seed: Of the shuffles and the resamples.

    Returns:
        An `Estimate` with its `metric` for each signal; None where there is no such figure.

    Source: Fisher, Rudin & Dominici, J Mach Learn Res 2019;20(177):1-81 (model reliance).
    """
    options = Evaluation(bootstrap=RESAMPLES)
    whole = judged(values)
    metric = METRIC[whole.outcome]
    worse = 1.0 if METRICS[metric].better == "high" else -1.0
    generator = np.random.Generator(np.random.PCG64(seed))
    orders = [generator.permutation(len(values)) for _ in range(SHUFFLES)]

    def drawn(rows: Rows) -> Drawn | None:
        everyone = {"": np.ones(len(rows.risk), dtype=np.bool_)}
        return drawn_by(rows, everyone, None, options, seed, (metric,))[""].get(metric)

    kept = drawn(whole)
    made: list[dict[str, Any] | None] = []
    for columns in signals:
        losses = []
        for order in orders:
            shuffled = values.copy()
            shuffled[:, columns] = values[np.ix_(order, columns)]
            lost = drawn(judged(shuffled))
            if kept is not None and lost is not None:
                losses.append(kept.minus(lost))
        if losses:
            made.append({"metric": metric, **_mean(losses, worse).estimate().as_json()})
        else:
            made.append(None)
    return made


def _mean(losses: Sequence[Drawn], sign: float) -> Drawn:
    """The mean of figures that were drawn together, in the direction where more is worse."""
    return replace(
        losses[0],
        point=sign * float(np.mean([one.point for one in losses])),
        drawn=sign * reduce(np.add, [one.drawn for one in losses]) / len(losses),
        left_out=None,
    )

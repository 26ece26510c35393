"""Every metric of one set of rows with its interval, by resampling subjects."""

from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.records.declaration import Evaluation
from bedside.develop.evaluate.statistics import Rows, statistics
from bedside.metrics.bootstrap import estimate_of, replicate_counts

__all__ = ["estimates"]

Floats = npt.NDArray[np.float64]
SLOW = {"calibration_slope", "calibration_intercept"}  # each resample is a fit
SLOW_REPLICATES = 100


def estimates(
    rows: Rows,
    threshold: float | Floats,
    options: Evaluation,
    seed: int,
    only: tuple[str, ...] | None = None,
) -> dict[str, Any]:
    """Every metric, or `only` these, with its interval by subject, as `Estimate.as_json`.

    Args:
        rows: What to judge.
        threshold: Risks of at least this alert; one for all rows, or shape (n,).
        options: What is measured, and with how many resamples.
        seed: Of the resampling.
        only: Metrics by name.
    """
    counts = replicate_counts(rows.subjects, options.bootstrap, seed)
    made = statistics(
        rows,
        threshold,
        utility=options.utility is not None,
        repeated=options.burden_per == "day",
    )
    return {
        name: estimate_of(
            statistic, counts[:SLOW_REPLICATES] if name in SLOW else counts, len(rows.risk)
        ).as_json()
        for name, statistic in made.items()
        if only is None or name in only
    }

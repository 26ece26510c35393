"""Ranges of a baseline of live days, as wide as those days differed among themselves."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from bedside.metrics.sequential import between_day_chance, between_day_sd
from bedside.monitor.stream.streams import Baseline
from bedside.monitor.stream.tally import Tally

__all__ = ["FEWEST_DAYS", "as_wide_as_days"]

FEWEST_DAYS: Final = 14
"""Live days from which it can be told how much days differ."""

DAY_SDS: Final = 2.0
"""So many standard deviations between days are in the range; measured in the manual (alarms)."""

_CHANCE = 0.05
_TOLD: Final = frozenset({"input", "output"})


def as_wide_as_days(baseline: Baseline, days: Sequence[Tally]) -> Baseline:
    """The baseline with ranges of at least two standard deviations between these days.

    Only of inputs and outputs, whose patients of one day are alike; and only where days differ
    beyond chance (F test at 5 %): of the others a spread would be noise, and hide changes.

    Args:
        baseline: Made of these days.
        days: Their tallies by it; of fewer than `FEWEST_DAYS` with answers, nothing is known.
    """
    counted = [day for day in days if day.answers]
    if len(counted) < FEWEST_DAYS or not baseline.streams:
        return baseline
    n, total, squares = (
        np.stack([getattr(day, name) for day in counted]) for name in ("n", "total", "squares")
    )
    spread = np.where(
        between_day_chance(n, total, squares) < _CHANCE, between_day_sd(n, total, squares), 0.0
    )
    streams = tuple(
        replace(
            stream,
            least=round(max(0.0, min(stream.least, stream.mean - DAY_SDS * float(sd))), 4),
            most=round(min(1.0, max(stream.most, stream.mean + DAY_SDS * float(sd))), 4),
        )
        if stream.kind in _TOLD and sd > 0
        else stream
        for stream, sd in zip(baseline.streams, spread, strict=True)
    )
    return replace(baseline, streams=streams)

"""Streams and day tallies for the tests of the detectors, and a slow detector to check them by."""

import math
from itertools import pairwise

import numpy as np

from bedside.metrics.sequential import STAKES, wealth_by
from bedside.monitor.stream.streams import Baseline, Stream
from bedside.monitor.stream.tally import Tally


def a_stream(name="missing:creatinine.last", *, mean=0.1, margin=0.02, family="missing", **more):
    """A stream whose mean may be `margin` off."""
    fields = {
        "kind": "input", "feature": None, "signal": None, "group": None, "title": name,
        "sd": math.sqrt(mean * (1 - mean)), "n": 1000,
        "least": max(0.0, mean - margin), "most": min(1.0, mean + margin),
    }  # fmt: skip
    return Stream(id=name, family=family, mean=mean, **(fields | more))


def a_baseline(*streams):
    """A baseline of these streams, and of nothing else."""
    return Baseline(
        made_from="a test", streams=streams, subjects=1000, seed=1, span_hours=0.0,
        threshold=None, features=(), risk=None,
    )  # fmt: skip


def a_day(baseline, day, values):
    """The tally of a day: `values` gives by stream id what was drawn."""
    drawn = [np.asarray(values.get(one.id, ()), dtype=float) for one in baseline.streams]
    drawn = [x[~np.isnan(x)] for x in drawn]
    place = np.repeat(np.arange(len(drawn)), [x.size for x in drawn])
    least, most = ([getattr(s, end) for s in baseline.streams] for end in ("least", "most"))
    none = np.zeros(0, dtype=np.int64)
    return Tally(
        day=day, baseline="a test",
        n=np.array([float(x.size) for x in drawn]),
        total=np.array([x.sum() for x in drawn]),
        squares=np.array([(x**2).sum() for x in drawn]),
        wealth=wealth_by(np.concatenate(drawn), place, least, most),
        counts=none, answers=0, subjects=0, drawn=0, erased=0, outcomes=none, reasons={},
        alerts=0, shown=0, latency=none, logs=np.zeros((0, 3)), contributions=np.zeros(0),
        contributed=0, judged=none, acted=np.zeros((2, 2), dtype=np.int64),
    )  # fmt: skip


def slow_wealth(values, least, most):
    """The definition, value by value."""
    up, down = [0.0] * len(STAKES), [0.0] * len(STAKES)
    for x in values:
        for j, stake in enumerate(STAKES):
            up[j] += math.log(1 + stake / most * (x - most))
            down[j] += math.log(1 + stake / (1 - least) * (least - x))
    return [up, down]


def slow_evidence(days):
    """Log evidence after each day by the definition: the sum over every day of starting.

    Args:
        days: For each day with draws, the wealth of each stake.
    """
    seen = []
    for last in range(1, len(days) + 1):
        parts = [
            sum(math.exp(sum(day[j] for day in days[first:last])) for first in range(last))
            for j in range(len(STAKES))
        ]
        seen.append(math.log(sum(parts) / len(parts)))
    return seen


def ascending(values):
    """Whether they never fall."""
    return all(a <= b for a, b in pairwise(values))

"""How far a mean may be from that of the baseline and still count as before, and why so far."""

import numpy as np

from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.metrics.intervals import wilson
from bedside.monitor.stream.families import rules_of
from bedside.monitor.stream.streams import Family

__all__ = ["RARE", "matters", "mean_range", "share_range"]

RARE = 0.5
"""Of a rare share, half as many again matter, down to `_LEAST`."""

_LEAST = 0.005
_OF_NONE = 2.0  # standard errors of a share of none or all: about the rule of three
_OF_RATE = 0.01
"""A hundredth of the observed rate: 101 events where 100 were expected."""


def matters(family: Family, mean: float, event_share: float | None) -> float:
    """The least change of the mean of a stream that matters.

    Args:
        family: Of the stream.
        mean: Of the baseline.
        event_share: Of the baseline's judged subjects with the event, for calibration.

    >>> matters("missing", 0.3, None), matters("missing", 0.002, None)
    (0.02, 0.005)
    """
    told = rules_of(family).matters
    if family in ("calibration", "group calibration"):  # a residual is half a difference of rates
        share = 0.0 if event_share is None else event_share
        return max(told, _OF_RATE * share / 2)
    if family in ("missing", "beyond", "tail", "level", "codes", "alert", "answering", "unlike"):
        return min(told, max(_LEAST, RARE * min(mean, 1 - mean)))
    return told


def mean_range(
    family: Family,
    mean: float,
    sd: float,
    n: int,
    event_share: float | None,
    *,
    pooled: bool = False,
) -> tuple[float, float]:
    """The range of means of a stream that count as before, in [0, 1].

    Args:
        family: Of the stream.
        mean: Of n values of the baseline.
        sd: Their standard deviation.
        n: How many there were.
        event_share: See `matters`.
        pooled: Of placements of everybody judged, whose mean is surer: half as much matters.
    """
    least = matters(family, mean, event_share) / (2 if pooled else 1)
    margin = max(rules_of(family).errors * sd / np.sqrt(n), least)
    return max(0.0, mean - margin), min(1.0, mean + margin)


def share_range(family: Family, count: int, n: int) -> tuple[float, float, float]:
    """A share as it may be told, and the range that counts as before.

    A count of one to ten, or a rest of as many, is not told: the share of five stands for it, and
    the range is that of every such count. For a count of 0 or n the range is that by the rule of
    three and a little wider, else Wilson's interval and what matters.

    Returns:
        The share, least and most.

    >>> share, least, most = share_range("missing", 0, 100)
    >>> share, least, round(most, 3)
    (0.0, 0.0, 0.038)
    """
    low, high = count, count
    if 0 < count <= SUPPRESS_AT_OR_BELOW or 0 < n - count <= SUPPRESS_AT_OR_BELOW:
        few = count <= n - count
        low, high = (
            (1, min(n, SUPPRESS_AT_OR_BELOW)) if few else (max(0, n - SUPPRESS_AT_OR_BELOW), n - 1)
        )
        count = round(min(5, n / 2) if few else n - min(5, n / 2))
    share = count / n
    margin = matters(family, share, None)
    least = min(_score_interval(family, low, n)[0], share - margin)
    most = max(_score_interval(family, high, n)[1], share + margin)
    return share, max(0.0, least), min(1.0, most)


def _score_interval(family: Family, count: int, n: int) -> tuple[float, float]:
    return wilson(count / n, n, z=rules_of(family).errors if 0 < count < n else _OF_NONE)

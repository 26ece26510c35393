"""How far a mean may be from that of the baseline and still count as before, and why so far."""

from collections.abc import Mapping

import numpy as np

from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.monitor.stream.streams import Family

__all__ = ["MATTERS", "RARE", "STANDARD_ERRORS", "matters", "mean_range", "share_range"]

STANDARD_ERRORS = 3.0
"""So many standard errors of the baseline's mean are in the range whatever matters: there are
many inputs, and of a thousand some three have a true mean that is further away."""

OF_PERFORMANCE = 0.7
"""The same for calibration and discrimination of everybody, of which there are few streams, and
whose drops are to be seen: two errors of a baseline of 20,000 with 400 events would be half of a
change of the rate by a fifth."""

OF_GROUPS = 1.0
"""The same for performance in subgroups, of which there are more."""

_ERRORS: Mapping[Family, float] = {
    "calibration": OF_PERFORMANCE,
    "discrimination": OF_PERFORMANCE,
    "group calibration": OF_GROUPS,
    "group discrimination": OF_GROUPS,
}

MATTERS: Mapping[Family, float] = {
    # Of 100 patients, 2 more without a value: less changes no score that anyone acts on.
    "missing": 0.02,
    # The typical patient moves from the middle to the 53rd of 100; a twelfth of a standard
    # deviation of a normal value, within what two laboratories differ by.
    "rank": 0.03,
    "spread": 0.03,
    # The baseline has about 1 in 100 there: twice as many is the least that is worth a look.
    "beyond": 0.01,
    # The baseline has about 10 in 100 at either end: 3 more or fewer are as before.
    "tail": 0.03,
    "level": 0.02,
    # Of 100 patients, 2 more under another code.
    "codes": 0.02,
    "score": 0.03,
    # Of 100 patients, 2 alerts more or fewer: what a ward can still carry.
    "alert": 0.02,
    # Answers that fail or are withheld, or come late, are counted in single ones of 100.
    "answering": 0.01,
    "unlike": 0.02,
    # By shares of the observed rate: see `matters`.
    "calibration": 0.0002,
    # An AUROC of 0.80 or 0.795 is the same to a clinician.
    "discrimination": 0.005,
    # One group has fewer patients, and more of them are looked at: twice as much.
    "group calibration": 0.005,
    "group discrimination": 0.02,
    # Of 100 outcomes, 5 that come later than usual: less is a holiday.
    "delay": 0.05,
}
"""By family, the least change of the mean that matters, in the units of the stream's values."""

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
    told = MATTERS[family]
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
    errors = _ERRORS.get(family, STANDARD_ERRORS)
    least = matters(family, mean, event_share) / (2 if pooled else 1)
    margin = max(errors * sd / np.sqrt(n), least)
    return max(0.0, mean - margin), min(1.0, mean + margin)


def share_range(family: Family, count: int, n: int) -> tuple[float, float, float]:
    """A share as it may be told, and the range that counts as before.

    A count of one to ten, or a rest of as many, is not told: the share of five stands for it, and
    the range is that of every such count. For a count of 0 or n the range is that by the rule of
    three and a little wider.

    Returns:
        The share, least and most.

    Source: Wilson, J Am Stat Assoc 1927;22:209-212, for the interval.

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
    least = min(_wilson(low, n)[0], share - margin)
    most = max(_wilson(high, n)[1], share + margin)
    return share, max(0.0, least), min(1.0, most)


def _wilson(count: int, n: int) -> tuple[float, float]:
    z = STANDARD_ERRORS if 0 < count < n else _OF_NONE
    middle = (count + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * np.sqrt(count * (n - count) / n + z * z / 4)
    low, high = float(middle - half), float(middle + half)
    return (0.0 if count == 0 else low), (1.0 if count == n else high)

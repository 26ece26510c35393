"""Shares, estimates and their differences, each with its 95 % interval."""

from typing import Any

import numpy as np

from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW, Estimate
from bedside.metrics.intervals import Z, wilson
from bedside.monitor.disclosure import significant

__all__ = ["difference_of", "estimate_of", "ratio_of", "share_of", "share_of_range"]

_SMALL = f"{SUPPRESS_AT_OR_BELOW} subjects or fewer on one side: not shown"


def share_of(count: int, total: int) -> dict[str, Any]:
    """A share with its Wilson interval; not shown where it, or its rest, is ten or fewer.

    >>> share_of(50, 100)
    {'estimate': 0.5, 'low': 0.404, 'high': 0.596, 'n': 100}
    >>> share_of(3, 100)["estimate"] is None
    True
    """
    if min(count, total - count) <= SUPPRESS_AT_OR_BELOW:
        return Estimate(estimate=None, low=None, high=None, n=total, why=_SMALL).as_json()
    share = count / total
    low, high = (significant(end) for end in wilson(share, total))
    return Estimate(estimate=significant(share), low=low, high=high, n=total).as_json()


def share_of_range(count: list[int], total: int) -> dict[str, Any]:
    """The share of a reference count, which is a range where it was too small to keep."""
    return share_of(count[0] if count[0] == count[1] else 0, total)


def estimate_of(
    estimate: float, se: float, n: int, *, least: float = -np.inf, most: float = np.inf
) -> dict[str, Any]:
    """An estimate with its normal interval, kept inside what is possible.

    >>> estimate_of(0.95, 0.04, 100, least=0.0, most=1.0)
    {'estimate': 0.95, 'low': 0.8716, 'high': 1.0, 'n': 100}
    """
    return Estimate(
        estimate=significant(estimate, 4),
        low=significant(max(estimate - Z * se, least), 4),
        high=significant(min(estimate + Z * se, most), 4),
        n=n,
    ).as_json()


def difference_of(now: float, now_se: float, then: float, then_se: float, n: int) -> dict[str, Any]:
    """Now minus then, of two independent estimates; `n` is the number of subjects now."""
    return estimate_of(now - then, float(np.hypot(now_se, then_se)), n)


def ratio_of(estimate: float, se_log: float, n: int) -> dict[str, Any]:
    """A ratio with an interval that is symmetric in its logarithm.

    >>> ratio_of(1.0, 0.1, 100)
    {'estimate': 1.0, 'low': 0.822, 'high': 1.217, 'n': 100}
    """
    reach = float(np.exp(Z * se_log))
    return Estimate(
        estimate=significant(estimate, 4),
        low=significant(estimate / reach, 4),
        high=significant(estimate * reach, 4),
        n=n,
    ).as_json()

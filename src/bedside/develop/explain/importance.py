"""What a model relies on: shares of its reasons, by feature and by signal, with intervals."""

from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.develop.explain.explained import Explained
from bedside.features.grouping import signal_groups
from bedside.features.wording import title

__all__ = ["MOST_IMPORTANT", "feature_importance", "shares", "signal_importance"]

Floats = npt.NDArray[np.float64]
MOST_IMPORTANT = 15
ENDS = (2.5, 97.5)  # per cent


def shares(sizes: Floats, counts: npt.NDArray[np.int32]) -> tuple[Floats, Floats]:
    """Each column's share of the sum of all, and its 95 % interval by subject.

    Args:
        sizes: Shape (subjects, m), the sum of each subject's absolute contributions.
        counts: Shape (replicates, subjects), how often each subject is drawn.

    Returns:
        Shares, shape (m,), and the ends of the intervals, shape (2, m). All are 0 where nothing
        moves.

    Source: Efron & Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13 (percentile).

    >>> from bedside.metrics.bootstrap import replicate_counts
    >>> share, ends = shares(np.array([[3.0, 1.0]] * 5), replicate_counts(5, 200, 1))
    >>> share.tolist(), ends.tolist()
    ([0.75, 0.25], [[0.75, 0.25], [0.75, 0.25]])
    """
    share = _shared(sizes.sum(axis=0, keepdims=True))[0]
    drawn = _shared(counts @ sizes)
    ends = np.percentile(drawn, ENDS, axis=0) if len(drawn) else np.stack([share, share])
    return share, ends


def feature_importance(explained: Explained, counts: npt.NDArray[np.int32]) -> list[dict[str, Any]]:
    """Each feature's share of the mean absolute contribution, the greatest first.

    Args:
        explained: Held-out rows.
        counts: How often each of their subjects is drawn in each resample.
    """
    told = explained.feature_set
    share, ends = shares(explained.by_subject(np.abs(explained.contributions)), counts)
    return [
        {
            "feature": told.names[at],
            "text": title(told.features[at]),
            "share": _six(share[at]),
            "low": _six(ends[0, at]),
            "high": _six(ends[1, at]),
        }
        for at in np.argsort(-share, kind="stable")[:MOST_IMPORTANT]
    ]


def signal_importance(explained: Explained, counts: npt.NDArray[np.int32]) -> list[dict[str, Any]]:
    """The same by signal: the features of a signal are added up before the size is taken."""
    told = explained.feature_set
    groups = signal_groups(told)
    sizes = explained.by_subject(np.abs(groups.sums(explained.contributions)))
    share, ends = shares(sizes, counts)
    own = np.abs(explained.contributions).sum(axis=0)
    made = []
    for at in np.argsort(-share, kind="stable")[:MOST_IMPORTANT]:
        columns = groups.columns(at)
        strongest = columns[np.argsort(-own[columns], kind="stable")]
        made.append(
            {
                "signal": groups.names[at],
                "text": groups.texts[at],
                "share": _six(share[at]),
                "low": _six(ends[0, at]),
                "high": _six(ends[1, at]),
                "features": [told.names[column] for column in strongest],
            }
        )
    return made


def _shared(sizes: Floats) -> Floats:
    """Each row's shares of its sum; 0 where that is 0."""
    whole = sizes.sum(axis=1, keepdims=True)
    made: Floats = np.divide(sizes, whole, out=np.zeros(sizes.shape), where=whole > 0)
    return made


def _six(value: float) -> float:
    return float(f"{value:.6g}")

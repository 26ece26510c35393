"""The features that moved a score most, in clinical words and units."""

import numpy as np
import numpy.typing as npt

from bedside.core.records.answer import Reason
from bedside.features.definition import FeatureSet
from bedside.features.wording import describe

__all__ = ["top_reasons"]

MOST = 5


def top_reasons(
    feature_set: FeatureSet,
    row: npt.NDArray[np.float64],
    contributions: npt.NDArray[np.float64],
) -> tuple[Reason, ...]:
    """Up to five reasons, the largest first; a feature that moved nothing is none.

    Args:
        feature_set: k features.
        row: Shape (k,). Their values; NaN = missing.
        contributions: Shape (k,). Log-odds.
    """
    order = np.argsort(-np.abs(contributions), kind="stable")[:MOST]
    return tuple(
        Reason(
            feature=feature_set.features[column].name,
            text=describe(feature_set.features[column], float(row[column])),
            contribution=float(contributions[column]),
        )
        for column in order
        if contributions[column] != 0
    )

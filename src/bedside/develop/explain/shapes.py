"""How a feature's value moves the margin: mean contributions by value, no small cell told."""

from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.develop.explain.explained import Explained
from bedside.features.definition import Feature
from bedside.features.wording import title

__all__ = ["shape_of"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
TENTHS = 10
FEW_VALUES = 10  # a feature with no more distinct values is told value by value
ENDS = (2.5, 97.5)  # per cent


def shape_of(explained: Explained, column: int, counts: npt.NDArray[np.int32]) -> dict[str, Any]:
    """Mean contribution by value, with its 95 % interval by subject.

    Numbers are told by tenths of the rows, each at its mean value (three digits), or value by
    value where there are few; categories by label; missing values apart. Cells of ten subjects or
    fewer are left out, and how many rows a cell has is not told, so that nothing can be worked
    out.

    Args:
        explained: Held-out rows.
        column: Of the feature.
        counts: How often each subject is drawn in each resample.

    Returns:
        `feature`, `text`, `unit`, `cells`: each `{"value", "label", "contribution", "low",
        "high"}`; `value` is None for what is missing, and `label` None for numbers.
    """
    feature = explained.feature_set.features[column]
    cells = _cells(feature, explained.values[:, column])
    told = [
        (value, label, inside) for value, label, inside in cells if _is_shown(explained, inside)
    ]
    mean, ends = _means(explained, column, [inside for _, _, inside in told], counts)
    return {
        "feature": feature.name,
        "text": title(feature),
        "unit": feature.unit,
        "cells": [
            {
                "value": value,
                "label": label,
                "contribution": _six(mean[at]),
                "low": _six(ends[0, at]),
                "high": _six(ends[1, at]),
            }
            for at, (value, label, _) in enumerate(told)
        ],
    }


def _cells(feature: Feature, values: Floats) -> list[tuple[float | None, str | None, Bools]]:
    """The value, the label and the rows of each cell."""
    missing = np.isnan(values)
    made: list[tuple[float | None, str | None, Bools]] = []
    known = np.unique(values[~missing])
    if feature.labels:
        made = [(float(at), text, values == at) for at, text in enumerate(feature.labels)]
    elif len(known) <= FEW_VALUES:
        made = [(_three(value), None, values == value) for value in known]
    else:
        cuts = np.unique(np.quantile(values[~missing], np.arange(1, TENTHS) / TENTHS))
        tenth = np.searchsorted(cuts, values, side="right")
        for at in range(len(cuts) + 1):
            inside = (tenth == at) & ~missing
            if inside.any():
                made.append((_three(float(values[inside].mean())), None, inside))
    return [*made, (None, "missing", missing)] if missing.any() else made


def _is_shown(explained: Explained, inside: Bools) -> bool:
    return len(np.unique(explained.subject[inside])) > SUPPRESS_AT_OR_BELOW


def _means(
    explained: Explained, column: int, cells: list[Bools], counts: npt.NDArray[np.int32]
) -> tuple[Floats, Floats]:
    """The mean contribution in each cell, shape (m,), and the ends of its interval, (2, m)."""
    if not cells:
        return np.zeros(0), np.zeros((2, 0))
    inside = np.stack(cells, axis=1).astype(np.float64)
    total = explained.by_subject(inside * explained.contributions[:, [column]])
    rows = explained.by_subject(inside)
    drawn = np.divide(
        counts @ total,
        held := counts @ rows,
        out=np.full((len(counts), len(cells)), np.nan),
        where=held > 0,
    )
    mean = total.sum(axis=0) / rows.sum(axis=0)
    return mean, np.nanpercentile(np.vstack([mean, drawn]), ENDS, axis=0)


def _three(value: float) -> float:
    return float(f"{value:.3g}")


def _six(value: float) -> float:
    return float(f"{value:.6g}")

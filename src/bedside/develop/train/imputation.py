"""What each feature takes where it is missing: learnt on training rows, then frozen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.errors import Invalid
from bedside.core.records.declaration import Declaration
from bedside.core.records.training import Fill
from bedside.features.definition import Feature

__all__ = ["Fills", "fit_fills"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fills:
    """Frozen fills of k features.

    Args:
        names: Column names, in order.
        methods: How each value was chosen.
        value: Shape (k,). NaN: a missing value stays missing.
        indicator: Shape (k,). Whether a column tells that the value was missing.
        missing: Shape (k,). Share of the training rows in which the feature was missing.
    """

    names: tuple[str, ...]
    methods: tuple[str, ...]
    value: Floats
    indicator: npt.NDArray[np.bool_]
    missing: Floats

    @property
    def any(self) -> bool:
        """Whether anything is filled or told."""
        return bool((~np.isnan(self.value)).any() or self.indicator.any())

    @property
    def told(self) -> npt.NDArray[np.int64]:
        """The features with an indicator, in the order of the indicator columns."""
        return np.flatnonzero(self.indicator)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the filled matrix: the features, then one indicator for each that has one."""
        return (*self.names, *(f"{self.names[at]}.missing" for at in self.told))

    def filled(self, matrix: Floats) -> Floats:
        """Features, shape (n, k), without gaps, and the indicators (0 or 1) after them."""
        gap = np.isnan(matrix)
        whole = np.where(gap, self.value, matrix)
        return np.hstack([whole, gap[:, self.told].astype(np.float64)])

    def as_json(self) -> list[dict[str, Any]]:
        """One entry for each feature that is filled."""
        return [
            {
                "feature": self.names[at],
                "method": self.methods[at],
                "value": float(self.value[at]),
                "indicator": bool(self.indicator[at]),
                "missing": float(f"{self.missing[at]:.4g}"),
            }
            for at in np.flatnonzero(~np.isnan(self.value))
        ]


def fit_fills(declaration: Declaration, features: Sequence[Feature], train: Floats) -> Fills:
    """The declared fill of each feature; a statistic is of the training rows and of no other.

    Args:
        declaration: Its imputation and its signals' normal values.
        features: k features.
        train: Shape (n, k); NaN = missing. The order of the rows does not matter.

    Raises:
        Invalid: a statistic is asked of a feature that no training row has.
    """
    told = [
        declaration.imputation.fill_of(feature.name, feature.aggregate, feature.signal)
        for feature in features
    ]
    value = [
        _value(declaration, feature, fill, train[:, at])
        for at, (feature, fill) in enumerate(zip(features, told, strict=True))
    ]
    return Fills(
        names=tuple(feature.name for feature in features),
        methods=tuple(fill.method for fill in told),
        value=np.array(value, dtype=np.float64),
        indicator=np.array([fill.indicator for fill in told], dtype=bool),
        missing=np.isnan(train).mean(axis=0),
    )


def _value(declaration: Declaration, feature: Feature, fill: Fill, column: Floats) -> float:
    match fill.method:
        case "none":
            return np.nan
        case "constant":
            return _constant(feature, fill)
        case "normal":
            return _normal(declaration, feature)
        case method:
            # Sorted, and with one zero, so that the sum is the same in any row order.
            known = np.sort(column[~np.isnan(column)]) + 0.0
            if len(known) == 0:
                raise Invalid(
                    f"'{feature.name}' is missing in every training row, so it has no {method}.",
                    fix="give it the method constant or none, or leave the feature out.",
                    code="never_measured",
                )
            return _statistic(method, known)


def _constant(feature: Feature, fill: Fill) -> float:
    if feature.labels:
        return float(feature.labels.index(str(fill.value)))
    return float(fill.value or 0.0)


def _normal(declaration: Declaration, feature: Feature) -> float:
    if feature.aggregate in ("change", "count"):  # nothing changed; nothing was counted
        return 0.0
    normal = declaration.signals[feature.signal].normal
    return np.nan if normal is None else normal


def _statistic(method: str, known: Floats) -> float:
    if method == "most_frequent":
        levels, counts = np.unique(known, return_counts=True)
        return float(levels[counts.argmax()])
    return float(np.median(known) if method == "median" else known.mean())

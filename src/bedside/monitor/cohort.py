"""The patients that are compared: checked arrays, one row for each of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bedside.core.errors import Invalid
from bedside.metrics.arrays import Floats, as_probabilities
from bedside.monitor.sampling import one_row_each

__all__ = ["Cohort", "group_counts", "one_row_cohort"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """One row per subject: `matrix` (n, k), and n risks, labels (NaN unknown) and groups."""

    feature_names: tuple[str, ...]
    matrix: Floats
    risk: Floats
    label: Floats
    groups: dict[str, NDArray[Any]]
    rows: int

    @property
    def subjects(self) -> int:
        """How many subjects there are."""
        return int(self.risk.size)


def one_row_cohort(
    matrix: ArrayLike,
    *,
    feature_names: Sequence[str],
    risk: ArrayLike,
    label: ArrayLike | None,
    subject_index: ArrayLike,
    groups: Mapping[str, ArrayLike],
    seed: int,
    is_risk: bool = True,
) -> Cohort:
    """Check the arrays and keep one row of each subject.

    With `is_risk` false, what is predicted is a number, not a probability.

    Raises:
        Invalid: shapes differ, a name occurs twice, a value is infinite, a risk is out of
            range, or a known label is neither 0 nor 1.
    """
    values = np.asarray(matrix, dtype=np.float64)
    names = tuple(feature_names)
    if values.ndim != 2 or values.shape[1] != len(names):
        raise Invalid(
            f"The matrix has shape {values.shape}, but {len(names)} features are named.",
            fix="give one column per feature.",
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise Invalid(f"The feature '{twice[0]}' is named twice.", fix="name each column once.")
    infinite = np.flatnonzero(np.isinf(values).any(axis=0))
    if infinite.size:
        raise Invalid(
            f"The feature '{names[infinite[0]]}' holds an infinite value.",
            fix="leave the value missing.",
        )
    rows = values.shape[0]
    risks = as_probabilities(risk, rows) if is_risk else _numbers(risk, rows)
    labels = _labels(label, rows)
    subjects = np.asarray(subject_index)
    _check_length("subject index", subjects, rows)
    by_row = {name: np.asarray(group, dtype=np.str_) for name, group in groups.items()}
    for name, group in by_row.items():
        _check_length(f"groups of '{name}'", group, rows)
    kept = one_row_each(subjects, seed=seed)
    return Cohort(
        feature_names=names,
        matrix=values[kept],
        risk=risks[kept],
        label=labels[kept],
        groups={name: group[kept] for name, group in by_row.items()},
        rows=rows,
    )


def group_counts(values: NDArray[Any]) -> dict[str, int]:
    """How many subjects each group holds.

    >>> group_counts(np.array(["b", "a", "b"]))
    {'a': 1, 'b': 2}
    """
    names, counts = np.unique(values, return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))


def _numbers(values: ArrayLike, rows: int) -> Floats:
    numbers = np.asarray(values, dtype=np.float64)
    _check_length("predictions", numbers, rows)
    if not np.isfinite(numbers).all():
        raise Invalid("A prediction is not a finite number.", fix="give one for every row.")
    return numbers


def _labels(label: ArrayLike | None, rows: int) -> Floats:
    if label is None:
        return np.full(rows, np.nan)
    labels = np.asarray(label, dtype=np.float64)
    _check_length("labels", labels, rows)
    if not (np.isnan(labels) | (labels == 0) | (labels == 1)).all():
        raise Invalid(
            "A label is neither 0 nor 1 nor unknown.", fix="give 0, 1, or NaN where not known yet."
        )
    return labels


def _check_length(what: str, values: NDArray[Any], rows: int) -> None:
    if values.shape != (rows,):
        raise Invalid(
            f"There are {rows} rows, but the {what} have shape {values.shape}.",
            fix="give one value per row.",
        )

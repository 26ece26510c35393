"""Training rows added or left out by class, with imbalanced-learn."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.errors import Invalid
from bedside.core.records.training import Resample

__all__ = ["REAL", "REPEATED", "SYNTHETIC", "TrainingRows", "in_order", "resampled"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
REAL, REPEATED, SYNTHETIC = 0, 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRows:
    """Features, shape (n, k), labels 0 or 1, and where each row comes from.

    `origin` is REAL for a row as it was asked, REPEATED for a further copy of one, SYNTHETIC for
    a row that no subject had.
    """

    features: Floats
    label: Ints
    origin: Ints

    def at(self, rows: Any) -> "TrainingRows":
        """Some of the rows, in this order."""
        return TrainingRows(
            features=self.features[rows], label=self.label[rows], origin=self.origin[rows]
        )

    def followed_by(self, more: "TrainingRows") -> "TrainingRows":
        """These rows, then more."""
        return TrainingRows(
            features=np.concatenate([self.features, more.features]),
            label=np.concatenate([self.label, more.label]),
            origin=np.concatenate([self.origin, more.origin]),
        )


def in_order(rows: TrainingRows) -> TrainingRows:
    """The rows in an order that depends on what they hold alone."""
    whole = TrainingRows(features=rows.features + 0.0, label=rows.label, origin=rows.origin)
    return whole.at(np.lexsort([*whole.features.T[::-1], rows.label, rows.origin]))  # no -0.0


def resampled(
    rows: TrainingRows, plan: Resample, categorical: npt.NDArray[np.bool_]
) -> TrainingRows:
    """The rows after one declared resampling; real rows that stay are never changed.

    Neighbours are sought on standardised columns. Categories and indicators are never between
    two values: a new row takes what most of its neighbours have.

    Args:
        rows: Any order; the result does not depend on it.
        plan: The method.
        categorical: Shape (k,). Columns that hold categories.

    Raises:
        Invalid: the rows are too few, or have that ratio already, or the method cannot be used
            on them.
    """
    _check(rows, plan)
    ordered = in_order(rows)
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    try:
        with threadpool_limits(1):  # ties between neighbours must not depend on the machine
            if plan.method in ("random_over", "random_under"):
                return _picked(ordered, plan)
            return _interpolated(ordered, plan, categorical)
    except (ValueError, RuntimeError) as error:
        raise Invalid(
            f"{plan.method} cannot be used on these training rows ({type(error).__name__}).",
            fix="use another method, fewer neighbours, or random_over.",
            code="resampling",
        ) from None


def _check(rows: TrainingRows, plan: Resample) -> None:
    counts = np.bincount(rows.label, minlength=2)
    fewer, more = int(counts.min()), int(counts.max())
    if fewer == 0:
        raise Invalid(
            "The training rows have one class only.",
            fix="bring more subjects or widen the question.",
            code="empty_class",
        )
    if fewer / more >= plan.ratio:
        raise Invalid(
            f"The training rows already have {fewer / more:.3g} rarer rows to each commoner one, "
            f"which is no less than the ratio {plan.ratio:g} of {plan.method}.",
            fix="give a greater ratio, up to 1, or remove the entry.",
            code="resampling",
        )
    if not plan.method.startswith("random") and fewer <= plan.neighbours:
        raise Invalid(
            f"{plan.method} needs more than {plan.neighbours} training rows of the rarer class.",
            fix="give fewer neighbours, or use random_over.",
            code="resampling",
        )


def _picked(rows: TrainingRows, plan: Resample) -> TrainingRows:
    """Rows repeated or left out at random."""
    from imblearn.over_sampling import RandomOverSampler  # noqa: PLC0415  (slow to import)
    from imblearn.under_sampling import RandomUnderSampler  # noqa: PLC0415

    kind = RandomOverSampler if plan.method == "random_over" else RandomUnderSampler
    sampler = kind(sampling_strategy=plan.ratio, random_state=plan.seed)
    number = np.arange(len(rows.label)).reshape(-1, 1)
    sampler.fit_resample(number, rows.label)
    index = np.asarray(sampler.sample_indices_)
    picked = rows.at(index)
    first = np.zeros(len(index), dtype=bool)
    first[np.unique(index, return_index=True)[1]] = True
    origin = np.where(~first & (picked.origin == REAL), REPEATED, picked.origin)
    return TrainingRows(features=picked.features, label=picked.label, origin=origin)


def _interpolated(
    rows: TrainingRows, plan: Resample, categorical: npt.NDArray[np.bool_]
) -> TrainingRows:
    """The rows and new ones between neighbours, then cleaned where the method says so."""
    middle = np.where(categorical, 0.0, rows.features.mean(axis=0))
    spread = np.where(categorical, 1.0, rows.features.std(axis=0))
    spread[spread == 0] = 1.0
    scaled, label = _sampler(plan, categorical).fit_resample(
        (rows.features - middle) / spread, rows.label
    )
    new = np.asarray(scaled[len(rows.label) :])
    made = TrainingRows(
        features=new * spread + middle,
        label=np.asarray(label[len(rows.label) :]),
        origin=np.full(len(new), SYNTHETIC),
    )
    both = rows.followed_by(made)
    if plan.method in ("smote_enn", "smote_tomek"):
        return both.at(_kept(plan.method, scaled, label))
    return both


def _sampler(plan: Resample, categorical: npt.NDArray[np.bool_]) -> Any:
    from imblearn.over_sampling import (  # noqa: PLC0415  (slow to import)
        ADASYN,
        SMOTE,
        SMOTENC,
        BorderlineSMOTE,
    )

    told = {"sampling_strategy": plan.ratio, "random_state": plan.seed}
    if plan.method == "adasyn":
        return ADASYN(n_neighbors=plan.neighbours, **told)
    if plan.method == "borderline_smote":
        return BorderlineSMOTE(k_neighbors=plan.neighbours, **told)
    if categorical.any():
        return SMOTENC(list(np.flatnonzero(categorical)), k_neighbors=plan.neighbours, **told)
    return SMOTE(k_neighbors=plan.neighbours, **told)


def _kept(method: str, scaled: Any, label: Any) -> Ints:
    """The rows that are left when those among neighbours of the other class are removed."""
    from imblearn.under_sampling import (  # noqa: PLC0415  (slow to import)
        EditedNearestNeighbours,
        TomekLinks,
    )

    kind = EditedNearestNeighbours if method == "smote_enn" else TomekLinks
    cleaner = kind(sampling_strategy="all")
    cleaner.fit_resample(scaled, label)
    return np.sort(np.asarray(cleaner.sample_indices_))

"""Whether two samples differ in any way, columns taken together: a classifier, and a projection."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit, ndtri

from bedside.core.errors import Invalid
from bedside.metrics.arrays import Floats, as_probabilities
from bedside.metrics.placements import placements

__all__ = [
    "DomainDrift",
    "Learner",
    "Reconstruction",
    "ReconstructionDrift",
    "density_ratio",
    "domain_drift",
    "prepare_reconstruction",
    "reconstruction_drift",
]

Learner = Callable[[Floats, Floats], Callable[[Floats], Floats]]
"""From a matrix (n, k) and labels (n,) to what gives the chance of label 1 of a matrix's rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainDrift:
    """How well a classifier tells two samples apart on rows that it has not seen.

    Args:
        auroc: Mean over the folds: 0.5 where nothing tells them apart.
        low: Lower end of its interval, for these classifiers.
        high: Upper end.
        p_value: The chance of folds this far above 0.5 in one population.
        chance: Shape (n + m,), held-out chance of each row, the reference's first, that it
            belongs to the current sample; see `density_ratio`.
    """

    auroc: float
    low: float
    high: float
    p_value: float
    chance: Floats


def domain_drift(
    reference: ArrayLike,
    current: ArrayLike,
    learn: Learner,
    *,
    folds: int = 5,
    seed: int = 0,
    confidence: float = 0.95,
) -> DomainDrift:
    """Train a classifier to tell the samples apart, fold by fold, and test it on held-out rows.

    Given its classifier, a fold's held-out rows are exchangeable between the samples if both come
    from one population, so Mann and Whitney's test of their scores is valid. Folds share training
    rows, so their p-values depend on each other; Rüger's combination of the middle one is valid
    however they do.

    Args:
        reference: Shape (n, k), one row per subject; NaN where missing, if `learn` can take it.
        current: Shape (m, k).
        learn: A way to fit a classifier.
        folds: How many.
        seed: Of the folds.
        confidence: Of the interval.

    Raises:
        Invalid: columns differ, there are fewer than two folds, or fewer than four rows of a
            sample in each.

    Source: Lopez-Paz & Oquab, ICLR 2017 (the two-sample test); DeLong et al., Biometrics
        1988;44:837-845; Rüger, Metrika 1978;25:171-178.
    """
    then, now = (np.asarray(one, dtype=np.float64) for one in (reference, current))
    _same_columns(then, now)
    if folds < 2 or min(len(then), len(now)) < 4 * folds:
        raise Invalid(
            f"There are too few rows for {folds} folds.",
            fix="give at least two folds, and four rows of each sample in each of them.",
        )
    rng = np.random.default_rng(seed)
    fold = np.concatenate([rng.permutation(len(one)) % folds for one in (then, now)])
    rows = np.concatenate([then, now])
    label = np.repeat([0.0, 1.0], [len(then), len(now)])
    chance = np.empty(len(rows))
    found = []
    for held in range(folds):
        out = fold == held
        chance[out] = learn(rows[~out], label[~out])(rows[out])
        found.append(_told_apart(chance[out & (label == 0)], chance[out & (label == 1)]))
    aurocs, variances, p_values = (np.array(one) for one in zip(*found, strict=True))
    middle = (folds + 1) // 2
    value = float(aurocs.mean())
    reach = float(ndtri((1 + confidence) / 2)) * np.sqrt(variances.sum()) / folds
    low, high = value, value
    if 0 < value < 1 and reach > 0:
        low, high = expit(logit(value) + np.array([-reach, reach]) / (value * (1 - value)))
    return DomainDrift(
        auroc=value,
        low=float(low),
        high=float(high),
        p_value=float(min(1.0, np.sort(p_values)[middle - 1] * folds / middle)),
        chance=chance,
    )


def density_ratio(chance: ArrayLike, reference: int, current: int, *, most: float = 20.0) -> Floats:
    """How much commoner each row is in the current sample than in the reference.

    Args:
        chance: Shape (r,), of belonging to the current sample, from a classifier that was trained
            on `reference` rows of the one and `current` of the other.
        reference: Rows of the reference.
        current: Rows of the current sample.
        most: Larger ratios are cut to this, so that no row weighs alone.

    Raises:
        Invalid: a chance is out of range, a sample is empty, or `most` is not above 0.

    Source: Bickel, Brückner & Scheffer, J Mach Learn Res 2009;10:2137-2155.

    >>> density_ratio([0.5, 0.75], 100, 100).round(6).tolist()
    [1.0, 3.0]
    """
    given = np.asarray(chance, dtype=np.float64)
    chances = as_probabilities(given, given.size)
    if reference < 1 or current < 1 or not most > 0:
        raise Invalid(
            "A sample is empty, or no ratio is allowed.", fix="give rows of both, and most > 0."
        )
    with np.errstate(divide="ignore"):
        ratio = chances / (1 - chances) * (reference / current)
    return np.asarray(np.minimum(ratio, most), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconstruction:
    """What is needed to rebuild rows from fewer numbers. It holds values: keep it in memory.

    Args:
        ranked: Sorted finite values of each column of one half of a reference.
        middle: Shape (k,), mean ranks.
        axes: Shape (c, k), the principal axes that are kept.
        errors: Shape (h,), errors of the other half's rows.
    """

    ranked: tuple[Floats, ...]
    middle: Floats
    axes: Floats
    errors: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconstructionDrift:
    """How well rows are rebuilt, in ranks: a root mean square over the columns of a row.

    Args:
        mean_then: Of the reference's held-out half.
        mean_now: Of the current sample. Larger: columns do not go together as they did.
        worse: The chance that a current row's is larger than a reference row's.
        p_value: The chance of that, either way, in one population (Mann and Whitney).
    """

    mean_then: float
    mean_now: float
    worse: float
    p_value: float


def prepare_reconstruction(
    reference: ArrayLike, *, explained: float = 0.9, seed: int = 0
) -> Reconstruction:
    """Learn from one half of a reference how its columns go together, and measure the other half.

    Each column becomes its mid-rank, so that no unit and no extreme value counts for more than
    another; what is missing becomes the middle rank. Then principal axes are kept until they
    explain the share wanted, and at least one is left out.

    Args:
        reference: Shape (n, k), one row per subject, NaN where missing.
        explained: Share of the variance of the ranks to keep, in (0, 1].
        seed: Of the halves.

    Raises:
        Invalid: fewer than four rows, or two columns, or the share is out of range.

    Source: Kuncheva & Faithfull, IEEE Trans Neural Netw Learn Syst 2014;25(1):69-80.
    """
    rows = np.asarray(reference, dtype=np.float64)
    if rows.ndim != 2 or len(rows) < 4 or rows.shape[1] < 2 or not 0 < explained <= 1:
        raise Invalid(
            "There are fewer than four rows or two columns, or the share kept is outside 0 to 1.",
            fix="give shape (n, k) with n >= 4 and k >= 2, and a share such as 0.9.",
        )
    mixed = np.random.default_rng(seed).permutation(len(rows))
    half, other = rows[mixed[: len(rows) // 2]], rows[mixed[len(rows) // 2 :]]
    ranked = tuple(np.sort(column[~np.isnan(column)]) for column in half.T)
    ranks = _ranks(half, ranked)
    middle = ranks.mean(axis=0)
    size, axes = np.linalg.eigh(np.cov(ranks, rowvar=False))
    size, axes = np.maximum(size[::-1], 0.0), axes[:, ::-1].T
    told = np.cumsum(size) / size.sum() if size.sum() > 0 else np.ones(size.size)
    kept = min(int(np.searchsorted(told, explained - 1e-12)) + 1, size.size - 1)
    made = Reconstruction(ranked=ranked, middle=middle, axes=axes[:kept], errors=np.empty(0))
    return Reconstruction(
        ranked=ranked, middle=middle, axes=axes[:kept], errors=_rebuilding_errors(made, other)
    )


def reconstruction_drift(prepared: Reconstruction, current: ArrayLike) -> ReconstructionDrift:
    """Whether current rows are rebuilt as well as rows of the reference that were held out.

    Args:
        prepared: What `prepare_reconstruction` made.
        current: Shape (m, k), one row per subject, NaN where missing.

    Raises:
        Invalid: there is no row, or another number of columns.
    """
    from scipy.stats import mannwhitneyu  # noqa: PLC0415  (slow to import)

    rows = np.asarray(current, dtype=np.float64)
    if rows.ndim != 2 or not len(rows) or rows.shape[1] != len(prepared.ranked):
        raise Invalid(
            "The current sample has no row, or other columns than the reference.",
            fix="give the same columns, and at least one row.",
        )
    errors = _rebuilding_errors(prepared, rows)
    test = mannwhitneyu(errors, prepared.errors, method="asymptotic")
    p = float(test.pvalue)
    return ReconstructionDrift(
        mean_then=float(prepared.errors.mean()),
        mean_now=float(errors.mean()),
        worse=float(test.statistic / (errors.size * prepared.errors.size)),
        p_value=p if np.isfinite(p) else 1.0,
    )


def _ranks(rows: Floats, ranked: tuple[Floats, ...]) -> Floats:
    """Mid-ranks from -0.5 to 0.5; 0 where missing."""
    ranks = np.zeros(rows.shape)
    for column, values in enumerate(ranked):
        here: NDArray[Any] = ~np.isnan(rows[:, column])
        if values.size:
            given = rows[here, column]
            below, through = (
                np.searchsorted(values, given, side=side) for side in ("left", "right")
            )
            ranks[here, column] = (below + through) / (2 * values.size) - 0.5
    return ranks


def _rebuilding_errors(prepared: Reconstruction, rows: Floats) -> Floats:
    apart = _ranks(rows, prepared.ranked) - prepared.middle
    lost = apart - (apart @ prepared.axes.T) @ prepared.axes
    errors: Floats = np.sqrt((lost**2).mean(axis=1)).round(9)  # equal rows tie
    return errors


def _told_apart(then: Floats, now: Floats) -> tuple[float, float, float]:
    """AUROC of held-out scores, its variance (DeLong), and a one-sided p-value."""
    from scipy.stats import mannwhitneyu  # noqa: PLC0415  (slow to import)

    if not (np.isfinite(then).all() and np.isfinite(now).all()):
        raise Invalid("The classifier gave no score to a row.", fix="give one that always does.")
    of_now, of_then = placements(now, then)
    variance = of_then.var(ddof=1) / then.size + of_now.var(ddof=1) / now.size
    p = float(mannwhitneyu(now, then, alternative="greater", method="asymptotic").pvalue)
    return float(of_now.mean()), float(variance), p if np.isfinite(p) else 1.0


def _same_columns(then: Floats, now: Floats) -> None:
    if then.ndim != 2 or now.ndim != 2 or then.shape[1] != now.shape[1] or not then.shape[1]:
        raise Invalid(
            "The two samples have other columns.", fix="give shapes (n, k) and (m, k), k >= 1."
        )

"""The applicability domain, learnt on the real training rows with their gaps."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from bedside.core.errors import Invalid
from bedside.develop.train.conforming import shares_by_subject
from bedside.develop.train.matrix import Matrix
from bedside.models.domain import Domain, DomainCheck

__all__ = ["learn_domain"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
FEWEST = 50  # training subjects
MOST_ROWS = 20_000
MOST_VALUES = 4_000_000  # rows times features
FEWEST_ROWS = 2000  # however many features there are
FOLDS = 5
FEWEST_MEASURED = 5  # rows with a number, to know how it varies
EXPLAINED = 0.9  # of the variance, by the leading axes
MOST_AXES = 50
LEAST_REST = 0.02  # variance beside the axes
LEAST_LIMITS = (1.0, 0.01)  # nobody is outside for less, e.g. by rounding
EXACT = 600  # so many numbers have their axes found exactly
TURNS = 6  # of subspace iteration, where there are more
DIGITS = 8
PROBABILITIES = (
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999,
)  # fmt: skip


def learn_domain(train: Matrix, categories: Sequence[int], share: float) -> Domain:
    """Who is like the training rows.

    The limits are those that leave `share` of the training subjects inside, each measured by a
    domain that was learnt without a fifth of the subjects, its own among them; each subject counts
    once. At most 20,000 rows are used, and fewer of many features, evenly spaced.

    Args:
        train: Real rows; NaN = missing.
        categories: How many categories each feature has; 0: it is a number.
        share: In (0, 1).

    Raises:
        Invalid: there are fewer than 50 subjects.
    """
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    most = min(MOST_ROWS, max(FEWEST_ROWS, MOST_VALUES // max(len(categories), 1)))
    rows = train.taken(_spaced(len(train.label), most))
    whose = np.arange(len(rows.label)) if rows.subject is None else rows.subject
    known, whose = np.unique(whose, return_inverse=True)
    if len(known) < FEWEST:
        raise Invalid(
            f"uncertainty.domain needs at least {FEWEST} training subjects; there are fewer.",
            fix="remove uncertainty.domain.",
            code="too_few_rows",
        )
    with threadpool_limits(1):  # the last bits must not depend on the machine
        distances = np.empty((len(whose), 2))
        for fold in range(FOLDS):
            apart = whose % FOLDS == fold
            check = DomainCheck(_described(rows.features[~apart], categories, share))
            distances[apart] = check.distances(rows.features[apart])
        domain = _described(rows.features, categories, share)
    weight = shares_by_subject(rows)
    limits = np.array([_quantile(one, weight, share) for one in distances.T])
    limits = np.maximum(limits, LEAST_LIMITS)
    limits *= max(_quantile((distances / limits).max(axis=1), weight, share), 1.0)
    first, second = _rounded(limits)
    return replace(domain, limits=(first, second))


def _spaced(rows: int, most: int) -> Ints:
    return np.unique(np.linspace(0, rows - 1, min(rows, most)).round().astype(np.int64))


def _quantile(values: Floats, weight: Floats, share: float) -> float:
    """The least value that at least `share` of the weight does not exceed."""
    order = np.argsort(values, kind="stable")
    within = np.cumsum(weight[order])
    at = int(np.searchsorted(within, share * within[-1] * (1 - 1e-12)))
    return float(values[order][at])


def _described(features: Floats, categories: Sequence[int], share: float) -> Domain:
    """A domain whose limits are all 1."""
    known = ~np.isnan(features)
    numbers = [
        column
        for column, labels in enumerate(categories)
        if not labels and known[:, column].sum() >= FEWEST_MEASURED
    ]
    lines = [_line(features[known[:, column], column]) for column in numbers]
    domain = Domain(
        share=share,
        rows=len(features),
        missing=_rounded(1 - known.mean(axis=0)),
        levels=tuple(
            _levels(features[known[:, column], column], labels)
            for column, labels in enumerate(categories)
        ),
        columns=tuple(numbers),
        knots=tuple(knots for knots, _ in lines),
        scores=tuple(scores for _, scores in lines),
        axes=(),
        spread=(),
        rest=(1.0,) * len(numbers),
        limits=(1.0, 1.0),
    )
    return _with_axes(domain, DomainCheck(domain).scores(features), known[:, numbers])


def _line(values: Floats) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Quantiles and their normal scores; of equal quantiles, one, with the mean of the scores."""
    from scipy.special import ndtri  # noqa: PLC0415  (slow to import)

    least = 1 / len(values)
    shares = np.array([p for p in PROBABILITIES if least <= p <= 1 - least or p == 0.5])
    told = np.array(_rounded(np.quantile(values, shares)))
    knots, place = np.unique(told, return_inverse=True)
    scores = np.bincount(place, weights=ndtri(shares)) / np.bincount(place)
    return tuple(knots.tolist()), _rounded(scores)


def _levels(values: Floats, labels: int) -> tuple[float, ...]:
    if not labels:
        return ()
    index = values[(values >= 0) & (values < labels)].astype(np.int64)
    return _rounded(np.bincount(index, minlength=labels) / max(len(values), 1))


def _with_axes(domain: Domain, scores: Floats, known: npt.NDArray[np.bool_]) -> Domain:
    """The axes of the scores; the variance beside them is that of the known values."""
    rows, wide = scores.shape
    if wide == 0:
        return domain
    if wide <= EXACT:
        variances, vectors = np.linalg.eigh(scores.T @ scores / rows)
        variances, vectors = variances[::-1], vectors[:, ::-1]
    else:
        variances, vectors = _leading(scores)
    whole = (scores**2).sum() / rows
    enough = int(np.searchsorted(np.cumsum(variances), EXPLAINED * whole)) + 1
    lasting = int((variances > 1e-6 * max(variances[0], 1e-300)).sum())
    kept = min(enough, lasting, MOST_AXES, len(variances))
    axes = vectors[:, :kept].T
    beside = np.where(known, scores - scores @ axes.T @ axes, 0.0)
    return replace(
        domain,
        axes=tuple(_rounded(one) for one in axes),
        spread=_rounded(np.maximum(variances[:kept], 1e-12)),
        rest=_rounded(np.maximum((beside**2).sum(axis=0) / known.sum(axis=0), LEAST_REST)),
    )


def _leading(scores: Floats) -> tuple[Floats, Floats]:
    """The leading variances and axes by subspace iteration from fixed random directions.

    Source: Halko, Martinsson & Tropp, SIAM Rev 2011;53(2):217-288, algorithm 4.4.
    """
    start = np.random.default_rng(0).normal(size=(scores.shape[1], MOST_AXES + 10))
    basis, _ = np.linalg.qr(start)
    for _ in range(TURNS):
        basis, _ = np.linalg.qr(scores.T @ (scores @ basis))
    _, sizes, turned = np.linalg.svd(scores @ basis, full_matrices=False)
    return sizes**2 / len(scores), basis @ turned.T


def _rounded(values: Floats) -> tuple[float, ...]:
    return tuple(float(f"{value:.{DIGITS}g}") for value in np.asarray(values).tolist())

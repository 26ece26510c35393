"""How far each feature moved from a reference: every distance and test in one table."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bedside.metrics.arrays import Floats, Ints
from bedside.metrics.drift import (
    chi_squared,
    counts_p_value,
    jensen_shannon_distance,
    kolmogorov_smirnov_distance,
    kolmogorov_smirnov_p_value,
    population_stability_index,
    proportions_p_value,
    wasserstein_from_bins,
)
from bedside.metrics.multiplicity import holm
from bedside.monitor.column_bins import PreparedReference, count_columns, prepare_reference

__all__ = ["FeatureDrift", "drift_of"]

_GROUPS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureDrift:
    """How one feature of a sample lies beside the reference; None: nothing to compare.

    Args:
        name: Of the feature.
        categorical: Whether its values are levels.
        psi: Population stability index over deciles of the reference, or over levels.
        js: Jensen-Shannon distance over the same, in [0, 1].
        chi2: Pearson's chi-squared over the same, and
        freedom: its degrees of freedom.
        ks: Kolmogorov-Smirnov distance over at most 256 bins; numbers alone.
        wasserstein: Wasserstein-1 distance over the same bins, in the unit of the feature.
        wasserstein_scaled: That in standard deviations of the reference.
        beyond: Share of the measured values outside the reference's ends, or of no known level.
        missing_then: Share of the reference without a finite value.
        missing_now: Share of the sample without one.
        infinite_now: How many of the sample's values are infinite; they count as missing.
        p_counts: p-value of the counts (`counts_p_value`).
        p_ks: p-value of `ks`.
        p_missing: p-value of the two shares missing (Fisher).
        p_adjusted: The least of the three, adjusted by Holm over all tests of all features.
    """

    name: str
    categorical: bool
    psi: float | None
    js: float | None
    chi2: float | None
    freedom: int | None
    ks: float | None
    wasserstein: float | None
    wasserstein_scaled: float | None
    beyond: float | None
    missing_then: float
    missing_now: float
    infinite_now: int
    p_counts: float | None
    p_ks: float | None
    p_missing: float | None
    p_adjusted: float | None

    def to_json(self) -> dict[str, Any]:
        """The row as JSON."""
        return asdict(self)


def drift_of(
    reference: PreparedReference | NDArray[Any],
    current: NDArray[Any],
    names: Sequence[str] | None = None,
    categories: Mapping[str, Sequence[str]] | None = None,
) -> tuple[FeatureDrift, ...]:
    """How each column of a sample lies beside the reference.

    The rows are read once and counted in bins; everything follows from the counts. Distances
    over bins are never above those of the raw values. p-values are of independent rows: give one
    row per subject. Output drift is the same, of the risk as a column.

    Args:
        reference: A matrix of shape (n, k), NaN where missing, or what `prepare_reference` made of
            one, which saves half of the work where several samples are compared with it.
        current: Shape (m, k), the same columns.
        names: The k columns; needed with a matrix.
        categories: The levels of each column whose values are places of levels.

    Returns:
        One row for each column, in their order.

    Raises:
        Invalid: a sample has no row, or columns do not fit.

    >>> then = np.array([[1.0], [2.0], [3.0], [4.0]])
    >>> (row,) = drift_of(then, then + 1.0, ["creatinine"])
    >>> row.name, row.ks, row.wasserstein
    ('creatinine', 0.25, 1.0)
    """
    if not isinstance(reference, PreparedReference):
        reference = prepare_reference(reference, names or (), categories)
    counted = count_columns(reference, current)
    then = reference.counted
    unmeasured = then.missing + then.infinite, counted.missing + counted.infinite
    p_missing = proportions_p_value(unmeasured[0], then.rows, unmeasured[1], counted.rows)
    rows = []
    for column, name in enumerate(reference.names):
        bins = slice(0, int(reference.bins[column]))
        same = unmeasured[0][column] == unmeasured[1][column] == 0
        rows.append(
            {
                "name": name,
                "categorical": bool(reference.categorical[column]),
                "missing_then": float(unmeasured[0][column] / then.rows),
                "missing_now": float(unmeasured[1][column] / counted.rows),
                "infinite_now": int(counted.infinite[column]),
                "p_missing": None if same else float(p_missing[column]),
                **_apart(
                    reference,
                    column,
                    (then.counts[column, bins], then.sums[column, bins]),
                    (counted.counts[column, bins], counted.sums[column, bins]),
                ),
            }
        )
    return tuple(
        FeatureDrift(**row, p_adjusted=p) for row, p in zip(rows, _adjusted(rows), strict=True)
    )


_NOTHING = dict.fromkeys(
    ("psi", "js", "chi2", "freedom", "ks", "wasserstein", "wasserstein_scaled", "beyond",
     "p_counts", "p_ks")
)  # fmt: skip


def _apart(
    reference: PreparedReference, column: int, then: tuple[Ints, Floats], now: tuple[Ints, Floats]
) -> dict[str, Any]:
    """Distances and p-values of one column where both samples have values."""
    n, m = int(then[0].sum()), int(now[0].sum())
    if not n or not m:
        return dict(_NOTHING)
    categorical = bool(reference.categorical[column])
    pair = then[0], now[0]
    grouped = _by_total(*pair) if categorical else _deciles(*pair)
    chi2, freedom, _ = chi_squared(*grouped)
    row: dict[str, Any] = {
        **_NOTHING,
        "psi": population_stability_index(*grouped),
        "js": jensen_shannon_distance(*grouped),
        "chi2": chi2,
        "freedom": freedom,
        "beyond": float((now[0][0] + now[0][-1]) / m),
        "p_counts": counts_p_value(*grouped),
    }
    if categorical:
        return row
    spread = float(reference.spread[column])
    edges = reference.edges[column, : then[0].size - 1]
    row["ks"] = kolmogorov_smirnov_distance(*pair)
    row["p_ks"] = kolmogorov_smirnov_p_value(row["ks"], n, m)
    row["wasserstein"] = wasserstein_from_bins(edges, then, now)
    row["wasserstein_scaled"] = row["wasserstein"] / spread if spread > 0 else None
    return row


def _by_total(then: Ints, now: Ints) -> tuple[Ints, Ints]:
    """Levels that either sample has, the rarest first."""
    order = np.argsort(then + now, kind="stable")
    order = order[(then + now)[order] > 0]
    return then[order], now[order]


def _deciles(then: Ints, now: Ints) -> tuple[Ints, Ints]:
    """Neighbouring bins joined until each holds a tenth of the reference; a large one stays alone.

    >>> [one.tolist() for one in _deciles(np.array([0, 100, 0]), np.array([20, 50, 30]))]
    [[0, 100, 0], [20, 50, 30]]
    """
    enough = then.sum() / _GROUPS
    starts, held = [0], 0
    for place, count in enumerate(then.tolist()):
        if place and (held >= enough or count >= enough):
            starts.append(place)
            held = 0
        held += count
    grouped = np.add.reduceat(then, starts), np.add.reduceat(now, starts)
    used = grouped[0] + grouped[1] > 0
    return grouped[0][used], grouped[1][used]


def _adjusted(rows: Sequence[Mapping[str, Any]]) -> list[float | None]:
    """The least p-value of each row, adjusted over all that were made."""
    tests = ("p_counts", "p_ks", "p_missing")
    made = [
        (place, float(row[test]))
        for place, row in enumerate(rows)
        for test in tests
        if row[test] is not None
    ]
    least: list[float | None] = [None] * len(rows)
    for (place, _), p in zip(made, holm([p for _, p in made]).tolist(), strict=True):
        before = least[place]
        least[place] = p if before is None else min(before, p)
    return least

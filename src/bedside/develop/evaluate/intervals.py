"""Every metric with its interval, by resampling subjects: whole, by subgroup, and of two models."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from bedside.core.errors import Invalid
from bedside.core.records.declaration import Evaluation
from bedside.core.records.evidence import Estimate
from bedside.develop.evaluate.statistics import Rows, families
from bedside.metrics.bootstrap import estimate_from, left_out, replicate_blocks
from bedside.metrics.decision_curve import decision_family
from bedside.metrics.family import Family
from bedside.metrics.names import METRICS

__all__ = [
    "Drawn",
    "difference_estimates",
    "drawn_by",
    "estimates",
    "estimates_by",
    "net_benefit_curve",
]

Floats = npt.NDArray[np.float64]
Masks = Mapping[str, npt.NDArray[np.bool_]]
_WIDEST, _NARROWEST = 32, 4
_CELLS = 1 << 24  # weights held at a time, so that memory is bounded


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One figure of the rows as they are, of every resample, and without each group of subjects.

    `drawn` has shape (replicates,); figures of the same call with the same number belong to the
    same resample, so that differences of figures can be drawn too. `left_out` is None unless BCa
    intervals are wanted.
    """

    point: float
    drawn: Floats
    left_out: Floats | None
    n: int

    def estimate(self, interval: Literal["percentile", "bca"] = "percentile") -> Estimate:
        """The figure with its 95 % interval."""
        return estimate_from(
            self.point, self.drawn, self.n, interval=interval, jackknife=self.left_out
        )

    def minus(self, other: "Drawn") -> "Drawn":
        """The difference of two figures that were drawn together."""
        both = self.left_out is not None and other.left_out is not None
        return Drawn(
            point=self.point - other.point,
            drawn=self.drawn - other.drawn,
            left_out=self.left_out - other.left_out if both else None,  # type: ignore[operator]
            n=self.n,
        )


def estimates(
    rows: Rows,
    threshold: float | Floats | None,
    options: Evaluation,
    seed: int,
    only: tuple[str, ...] | None = None,
) -> dict[str, Any]:
    """Every metric, or `only` these, with its interval by subject, as `Estimate.as_json`.

    Args:
        rows: What to judge.
        threshold: Risks of at least this alert; one for all rows, or shape (n,). None: nothing
            alerts, and the metrics of alerts are left out.
        options: What is measured, with how many resamples and which interval.
        seed: Of the resampling.
        only: Metrics by name.
    """
    whole = {"": np.ones(len(rows.risk), dtype=np.bool_)}
    return estimates_by(rows, whole, threshold, options, seed, only)[""]


def estimates_by(
    rows: Rows,
    masks: Masks,
    threshold: float | Floats | None,
    options: Evaluation,
    seed: int,
    only: tuple[str, ...] | None = None,
) -> dict[str, dict[str, Any]]:
    """The same for the rows of each mask; nothing is suppressed.

    Whole cohorts are resampled, once for all masks, so that how many of a subgroup's subjects a
    resample has varies too, and subgroups that share subjects vary together.

    Args:
        rows: The whole cohort.
        masks: By name, shape (n,).
        threshold: As in `estimates`.
        options: As in `estimates`.
        seed: Of the resampling.
        only: Metrics by name.
    """
    made = drawn_by(rows, masks, threshold, options, seed, only)
    return {
        part: {name: _told(name, one.estimate(options.interval)) for name, one in figures.items()}
        for part, figures in made.items()
    }


def _told(name: str, estimate: Estimate) -> dict[str, Any]:
    """As JSON; a metric that is undefined says when it is."""
    metric = METRICS[name]
    if estimate.estimate is None and metric.undefined is not None:
        estimate = replace(estimate, why=f"{estimate.why}: {metric.undefined}")
    return estimate.as_json()


def difference_estimates(
    rows_a: Rows,
    rows_b: Rows,
    threshold_a: float | Floats | None,
    threshold_b: float | Floats | None,
    options: Evaluation,
    seed: int,
    only: tuple[str, ...] | None = None,
) -> dict[str, Any]:
    """A's figure minus B's, of two models of the same subjects, each resample judging both.

    Only metrics that both have are compared. `n` is the number of A's rows.

    Raises:
        Invalid: the rows are not of as many subjects.
    """
    if rows_a.subjects != rows_b.subjects:
        raise Invalid(
            f"One model judged {rows_a.subjects} subjects and the other {rows_b.subjects}.",
            fix="compare two models on the same subjects.",
        )
    parts = {
        "a": _Part.of(rows_a, None, threshold_a, options, only),
        "b": _Part.of(rows_b, None, threshold_b, options, only),
    }
    made = _drawn(parts, rows_a.subjects, options, seed)
    return {
        name: one.minus(made["b"][name]).estimate(options.interval).as_json()
        for name, one in made["a"].items()
        if name in made["b"]
    }


def drawn_by(
    rows: Rows,
    masks: Masks,
    threshold: float | Floats | None,
    options: Evaluation,
    seed: int,
    only: tuple[str, ...] | None = None,
) -> dict[str, dict[str, Drawn]]:
    """Every resample's figures for the rows of each mask; see `estimates_by`."""
    parts = {
        name: _Part.of(rows, mask, threshold, options, only)
        for name, mask in masks.items()
        if mask.any()
    }
    made = _drawn(parts, rows.subjects, options, seed)
    return {name: made.get(name, {}) for name in masks}


def net_benefit_curve(
    rows: Rows, thresholds: Floats, options: Evaluation, seed: int
) -> dict[str, list[float | None]]:
    """A decision curve with 95 % intervals at each threshold, by resampling subjects.

    Returns:
        `threshold`, `model` with `low` and `high`, and `treat_all`, each of shape (t,).

    Args:
        rows: Of a yes-or-no outcome, or of levels, where any but the first calls for something.
        thresholds: Shape (t,), in (0, 1), ascending.
        options: With how many resamples and which interval.
        seed: Of the resampling.

    Raises:
        Invalid: the outcome is another, or a threshold is out of range.
    """
    if rows.outcome in ("regression", "survival"):
        raise Invalid(
            f"A decision curve of a {rows.outcome} outcome is not drawn.",
            fix="take `net_benefit` at the threshold instead.",
        )
    ill = (rows.label > 0).astype(np.int64)
    family = decision_family(ill, rows.risk, rows.subject, thresholds)
    part = _Part(members=None, families=[family], rows=len(rows.risk))
    made = _drawn({"": part}, rows.subjects, options, seed)[""]
    figures = [made[name].estimate(options.interval) for name in family.names]
    model, everybody = figures[: thresholds.size], figures[thresholds.size :]
    return {
        "threshold": [float(bar) for bar in thresholds],
        "model": [one.estimate for one in model],
        "low": [one.low for one in model],
        "high": [one.high for one in model],
        "treat_all": [one.estimate for one in everybody],
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """Some of the rows: their subjects among all (None: all of them) and what to make of them.

    `by_row` is whether rows are weighted one by one, and not only by subject.
    """

    members: npt.NDArray[np.int64] | None
    families: list[Family]
    rows: int
    by_row: bool = False

    @classmethod
    def of(
        cls,
        rows: Rows,
        mask: npt.NDArray[np.bool_] | None,
        threshold: float | Floats | None,
        options: Evaluation,
        only: tuple[str, ...] | None,
    ) -> "_Part":
        members = None
        if mask is not None and not mask.all():
            members = np.unique(rows.subject[mask])
            threshold = threshold[mask] if isinstance(threshold, np.ndarray) else threshold
            rows = rows.taken(mask)
        made = families(
            rows,
            threshold,
            utility=options.utility is not None,
            repeated=options.burden_per == "day",
        )
        wanted = [one for one in made if only is None or set(one.names) & set(only)]
        return cls(
            members=members,
            families=[one if only is None else one.only(only) for one in wanted],
            rows=len(rows.risk),
            by_row=rows.outcome == "survival",
        )

    def figures(self, weights: Floats) -> Floats:
        """Every figure of these weightings of all subjects; shape (figures, k)."""
        mine = weights if self.members is None else weights[self.members]
        return np.concatenate([family.of(mine) for family in self.families])

    @property
    def names(self) -> list[str]:
        return [name for family in self.families for name in family.names]


def _drawn(
    parts: Mapping[str, _Part], subjects: int, options: Evaluation, seed: int
) -> dict[str, dict[str, Drawn]]:
    """Weigh every part by the same resamples, a bounded number of them at a time."""
    parts = {name: part for name, part in parts.items() if part.families}
    most = max([subjects, 1, *(part.rows for part in parts.values() if part.by_row)])
    width = int(np.clip(_CELLS // most, _NARROWEST, _WIDEST))
    point = _over(parts, iter([np.ones((subjects, 1))]))
    drawn = _over(parts, _weights(subjects, options.bootstrap, seed, width))
    without = _over(parts, left_out(subjects, width)) if options.interval == "bca" else None
    return {
        name: {
            figure: Drawn(
                point=float(point[name][at, 0]),
                drawn=drawn[name][at],
                left_out=None if without is None else without[name][at],
                n=part.rows,
            )
            for at, figure in enumerate(part.names)
        }
        for name, part in parts.items()
    }


def _weights(subjects: int, replicates: int, seed: int, width: int) -> Iterator[Floats]:
    for counts in replicate_blocks(subjects, replicates, seed, width):
        yield np.ascontiguousarray(counts.T, dtype=np.float64)


def _over(parts: Mapping[str, _Part], blocks: Iterator[Floats]) -> dict[str, Floats]:
    """The figures of every part over all blocks of weightings; shape (figures, weightings)."""
    found: dict[str, list[Floats]] = {name: [] for name in parts}
    for weights in blocks:
        for name, part in parts.items():
            found[name].append(part.figures(weights))
    return {
        name: np.concatenate(made, axis=1) if made else np.empty((len(parts[name].names), 0))
        for name, made in found.items()
    }

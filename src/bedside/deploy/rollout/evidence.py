"""Live evidence: what the recorded answers of one version say of it, every figure with its end."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW, Estimate
from bedside.core.records.outcome import OutcomeKind
from bedside.deploy.rollout.answers import Columns, LiveAnswer
from bedside.deploy.rollout.figures import (
    drawn_from,
    estimates_of,
    gapless,
    judged_families,
    quantile,
    share,
)
from bedside.deploy.rollout.horizons import counts_at, without_few

__all__ = ["REPLICATES", "live_evidence"]

REPLICATES, SEED = 1000, 20260101
FEW = "10 patients or fewer"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What is measured: the outcome's kind, its horizons in days, and with how many resamples."""

    kind: OutcomeKind
    horizons: tuple[float, ...]
    replicates: int

    @property
    def is_followed(self) -> bool:
        return self.kind == "survival" and bool(self.horizons)


def live_evidence(
    answers: Sequence[LiveAnswer],
    kind: OutcomeKind,
    *,
    horizons: Sequence[float] = (),
    subgroups: Sequence[str] = (),
    minimum_subgroup: int = 20,
    metrics: bool = True,
    replicates: int = REPLICATES,
) -> dict[str, Any]:
    """What live answers say, ready for canonical JSON.

    `counts`: whole numbers. `figures`: an `Estimate` by name, the counts among them. `reasons`:
    how often each reason of an abstention and each code of a failure came. `subgroups`: by name,
    by level, `subjects` and `figures`, or `why` there are none. Of a time until an event also
    `horizons`, and the counts at each of them; of the figures at a horizon nothing is told while
    ten patients or fewer were followed past it.

    Args:
        answers: Of one version.
        kind: What it predicts.
        horizons: Days, ascending, of a time until an event.
        subgroups: Those that are told apart.
        minimum_subgroup: A level with fewer patients is not judged, and by what came true not
            while the outcome of fewer is known.
        metrics: Whether what is judged is measured, which takes a second or so.
        replicates: Resamples of patients.
    """
    asked = _Asked(kind=kind, horizons=tuple(horizons), replicates=replicates if metrics else 0)
    figures = _figures(answers, asked)
    columns = Columns.of(answers)
    return {
        "counts": {
            "answers": len(answers),
            "subjects": columns.subjects,
            "scores": int(columns.scored.sum()),
            "abstentions": int(columns.abstained.sum()),
            "failures": int(columns.failed.sum()),
            "shown": sum(one.shown for one in answers),
            **_judged_counts(columns, asked),
        },
        **({"horizons": list(asked.horizons)} if asked.is_followed else {}),
        "reasons": dict(sorted(Counter(one.reason for one in answers if one.reason).items())),
        "figures": {name: _told(one) for name, one in figures.items()},
        "subgroups": {
            name: _by_level(answers, name, asked, minimum_subgroup) for name in subgroups
        },
    }


def _judged_counts(told: Columns, asked: _Asked) -> dict[str, int]:
    if asked.is_followed:
        return counts_at(told, asked.horizons)
    return {"judged": int(told.judged_as(asked.kind).sum())}


def _figures(answers: Sequence[LiveAnswer], asked: _Asked, minimum: int = 0) -> dict[str, Estimate]:
    told = Columns.of(answers)
    scored = told.readable
    return {
        **(_judged_figures(answers, asked, minimum) if asked.replicates else {}),
        "answers": _count(len(answers)),
        "subjects": _count(told.subjects),
        **{name: _count(many) for name, many in _judged_counts(told, asked).items()},
        "failure_rate": share(told.failed, told.subject),
        "abstention_rate": share(told.abstained, told.subject),
        "alert_rate": share(told.alert[scored], gapless(told.subject[scored])),
        "latency_p50_ms": quantile(told.latency_ms, 0.5),
        "latency_p99_ms": quantile(told.latency_ms, 0.99),
    }


def _judged_figures(
    answers: Sequence[LiveAnswer], asked: _Asked, minimum: int
) -> dict[str, Estimate]:
    every = Columns.of(answers)
    judged = [one for one, yes in zip(answers, every.judged_as(asked.kind), strict=True) if yes]
    if not judged:
        return {}
    told = Columns.of(judged)
    families = judged_families(judged, asked.kind, told.subject, told.subjects, asked.horizons)
    drawn = drawn_from(families, told.subjects, asked.replicates, SEED)
    figures = estimates_of(drawn, len(judged))
    if asked.is_followed:
        return without_few(figures, told, asked.horizons, minimum)
    if told.subjects < minimum:
        why = f"the outcome of fewer than {minimum} patients is known"
        none = Estimate(estimate=None, low=None, high=None, n=len(judged), why=why)
        return dict.fromkeys(figures, none)
    return figures


def _by_level(
    answers: Sequence[LiveAnswer], name: str, asked: _Asked, minimum: int
) -> dict[str, Any]:
    levels: dict[str, list[LiveAnswer]] = {}
    for one in answers:
        levels.setdefault(one.groups.get(name, "unknown"), []).append(one)
    return {level: _level(levels[level], asked, minimum) for level in sorted(levels)}


def _level(answers: Sequence[LiveAnswer], asked: _Asked, minimum: int) -> dict[str, Any]:
    subjects = Columns.of(answers).subjects
    if subjects <= SUPPRESS_AT_OR_BELOW:
        return {"subjects": None, "figures": {}, "why": FEW}
    if subjects < minimum:
        return {"subjects": subjects, "figures": {}, "why": f"fewer than {minimum} patients"}
    figures = _figures(answers, asked, minimum)
    return {"subjects": subjects, "figures": {name: _told(one) for name, one in figures.items()}}


def _count(n: int) -> Estimate:
    return Estimate(estimate=float(n), low=float(n), high=float(n), n=n)


def _told(one: Estimate) -> Mapping[str, Any]:
    """As JSON, floats to ten significant digits, so that the same answers give the same digest."""
    return {
        name: float(f"{value:.10g}") if isinstance(value, float) else value
        for name, value in one.as_json().items()
    }

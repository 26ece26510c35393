"""Live evidence: what the recorded answers of one version say of it, every figure with its end."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW, Estimate
from bedside.core.records.outcome import OutcomeKind
from bedside.deploy.rollout.answers import Columns, LiveAnswer
from bedside.deploy.rollout.figures import (
    drawn_from,
    estimates_of,
    judged_families,
    quantile,
    share,
)

__all__ = ["REPLICATES", "live_evidence"]

REPLICATES, SEED = 1000, 20260101
FEW = "10 patients or fewer"


def live_evidence(
    answers: Sequence[LiveAnswer],
    kind: OutcomeKind,
    *,
    subgroups: Sequence[str] = (),
    minimum_subgroup: int = 20,
    metrics: bool = True,
    replicates: int = REPLICATES,
) -> dict[str, Any]:
    """What live answers say, ready for canonical JSON.

    `counts`: whole numbers. `figures`: an `Estimate` by name, the counts among them. `reasons`:
    how often each reason of an abstention and each code of a failure came. `subgroups`: by name,
    by level, `subjects` and `figures`, or `why` there are none.

    Args:
        answers: Of one version.
        kind: What it predicts.
        subgroups: Those that are told apart.
        minimum_subgroup: A level with fewer patients is not judged.
        metrics: Whether what is judged is measured, which takes a second or so.
        replicates: Resamples of patients.
    """
    figures = _figures(answers, kind, replicates if metrics else 0)
    columns = Columns.of(answers)
    return {
        "counts": {
            "answers": len(answers),
            "subjects": columns.subjects,
            "scores": int(columns.scored.sum()),
            "abstentions": int(columns.abstained.sum()),
            "failures": int(columns.failed.sum()),
            "judged": int(columns.judged.sum()),
            "shown": sum(one.shown for one in answers),
        },
        "reasons": dict(sorted(Counter(one.reason for one in answers if one.reason).items())),
        "figures": {name: _told(one) for name, one in figures.items()},
        "subgroups": {
            name: _by_level(answers, name, kind, minimum_subgroup, replicates if metrics else 0)
            for name in subgroups
        },
    }


def _figures(
    answers: Sequence[LiveAnswer], kind: OutcomeKind, replicates: int
) -> dict[str, Estimate]:
    told = Columns.of(answers)
    judged = [one for one, yes in zip(answers, told.judged, strict=True) if yes]
    scored = told.readable
    return {
        **(_judged_figures(judged, kind, replicates) if replicates else {}),
        "answers": _count(len(answers)),
        "subjects": _count(told.subjects),
        "judged": _count(len(judged)),
        "failure_rate": share(told.failed, told.subject),
        "abstention_rate": share(told.abstained, told.subject),
        "alert_rate": share(told.alert[scored], _from_zero(told.subject[scored])),
        "latency_p50_ms": quantile(told.latency_ms, 0.5),
        "latency_p99_ms": quantile(told.latency_ms, 0.99),
    }


def _judged_figures(
    judged: Sequence[LiveAnswer], kind: OutcomeKind, replicates: int
) -> dict[str, Estimate]:
    if not judged:
        return {}
    told = Columns.of(judged)
    families = judged_families(judged, kind, told.subject, told.subjects)
    return estimates_of(drawn_from(families, told.subjects, replicates, SEED), len(judged))


def _by_level(
    answers: Sequence[LiveAnswer], name: str, kind: OutcomeKind, minimum: int, replicates: int
) -> dict[str, Any]:
    levels: dict[str, list[LiveAnswer]] = {}
    for one in answers:
        levels.setdefault(one.groups.get(name, "unknown"), []).append(one)
    return {level: _level(levels[level], kind, minimum, replicates) for level in sorted(levels)}


def _level(
    answers: Sequence[LiveAnswer], kind: OutcomeKind, minimum: int, replicates: int
) -> dict[str, Any]:
    subjects = Columns.of(answers).subjects
    if subjects <= SUPPRESS_AT_OR_BELOW:
        return {"subjects": None, "figures": {}, "why": FEW}
    if subjects < minimum:
        return {"subjects": subjects, "figures": {}, "why": f"fewer than {minimum} patients"}
    figures = _figures(answers, kind, replicates)
    return {"subjects": subjects, "figures": {name: _told(one) for name, one in figures.items()}}


def _count(n: int) -> Estimate:
    return Estimate(estimate=float(n), low=float(n), high=float(n), n=n)


def _from_zero(subject: Any) -> Any:
    return np.unique(subject, return_inverse=True)[1]


def _told(one: Estimate) -> Mapping[str, Any]:
    """As JSON, floats to ten significant digits, so that the same answers give the same digest."""
    return {
        name: float(f"{value:.10g}") if isinstance(value, float) else value
        for name, value in one.as_json().items()
    }

"""Whether a version that is seen still keeps the bounds that are watched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bedside.core.records.outcome import OutcomeKind
from bedside.core.records.rollout import (
    LIVE_COUNTS,
    LIVE_LATENCIES,
    LIVE_RATES,
    Guard,
    horizon_of,
    keeps,
)
from bedside.deploy.rollout.answers import LiveAnswer
from bedside.deploy.rollout.evidence import live_evidence
from bedside.deploy.rollout.horizons import named_at
from bedside.deploy.rollout.wording import bound_words, figure_words, title_of

__all__ = ["GuardResult", "GuardState", "judge_guard", "needs_sealed"]

GuardState = Literal["kept", "too few", "broken"]
_OPEN = (*LIVE_COUNTS[:2], "failure_rate", "abstention_rate", *LIVE_LATENCIES)
_OF_ALL = (*LIVE_COUNTS[:2], *LIVE_RATES, *LIVE_LATENCIES)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardResult:
    """One guard, what the answers of its period say of it, and the evidence itself."""

    guard: Guard
    state: GuardState
    text: str
    evidence: Mapping[str, Any]


def needs_sealed(guard: Guard) -> bool:
    """Whether a guard looks at what lies sealed: alerts, risks and outcomes."""
    return guard.metric not in _OPEN


def judge_guard(
    guard: Guard,
    answers: Sequence[LiveAnswer],
    kind: OutcomeKind,
    horizons: Sequence[float] = (),
) -> GuardResult:
    """What the answers of the guard's own period say of it.

    It is broken when the figure itself is beyond the bound; the interval is told beside it.

    Args:
        guard: As declared.
        answers: Of one version, in the last `over`.
        kind: What it predicts.
        horizons: Days, ascending, of a time until an event.
    """
    measured = guard.metric not in _OF_ALL
    evidence = live_evidence(answers, kind, horizons=horizons, metrics=measured)
    figure = evidence["figures"].get(guard.metric)
    counted, what = _counted(guard, evidence) if measured else (len(answers), "answers")
    state: GuardState = "kept"
    if counted < guard.minimum:
        state, said = "too few", f"{counted:,} of {guard.minimum:,} {what} in {guard.over}"
    elif figure is None or figure["estimate"] is None:
        state, said = "too few", figure_words(guard.metric, figure)
    else:
        said = f"{figure_words(guard.metric, figure)} in {counted:,} {what} of {guard.over}"
        state = "kept" if keeps(guard, figure["estimate"]) else "broken"
    title, wanted = title_of(guard.metric, horizons), bound_words(guard)
    text = f"{title}: {said}; wanted: {wanted}, else {guard.then}"
    return GuardResult(guard=guard, state=state, text=text, evidence=evidence)


def _counted(guard: Guard, evidence: Mapping[str, Any]) -> tuple[int, str]:
    """How many answers the figure of a guard rests on; at a horizon, those that are judged by it.

    Of the concordances and the slope of a time until an event, which need nobody to be followed to
    a horizon, they are those by the last.
    """
    horizons, counts = evidence.get("horizons", ()), evidence["counts"]
    if not horizons:
        return counts["judged"], "judged answers"
    day = horizon_of(guard.metric, horizons) or horizons[-1]
    return counts[named_at("judged", day, horizons)], f"answers judged by {day:g} days"

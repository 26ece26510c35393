"""Whether a version that is seen still keeps the bounds that are watched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bedside.core.records.outcome import OutcomeKind
from bedside.core.records.rollout import LIVE_COUNTS, LIVE_LATENCIES, LIVE_RATES, Guard
from bedside.deploy.rollout.answers import LiveAnswer
from bedside.deploy.rollout.evidence import live_evidence
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


def judge_guard(guard: Guard, answers: Sequence[LiveAnswer], kind: OutcomeKind) -> GuardResult:
    """What the answers of the guard's own period say of it.

    It is broken when the figure itself is beyond the bound; the interval is told beside it.

    Args:
        guard: As declared.
        answers: Of one version, in the last `over`.
        kind: What it predicts.
    """
    measured = guard.metric not in _OF_ALL
    evidence = live_evidence(answers, kind, metrics=measured)
    figure = evidence["figures"].get(guard.metric)
    counted = evidence["counts"]["judged" if measured else "answers"]
    what = "judged answers" if measured else "answers"
    state: GuardState = "kept"
    if counted < guard.minimum or figure is None or figure["estimate"] is None:
        state, said = "too few", f"{counted} of {guard.minimum} {what} in {guard.over}"
    else:
        said = f"{figure_words(guard.metric, figure)} in {counted:,} {what} of {guard.over}"
        state = "kept" if _keeps(guard, figure["estimate"]) else "broken"
    text = f"{title_of(guard.metric)}: {said}; wanted: {bound_words(guard)}, else {guard.then}"
    return GuardResult(guard=guard, state=state, text=text, evidence=evidence)


def _keeps(guard: Guard, value: float) -> bool:
    return (guard.at_least is None or value >= guard.at_least) and (
        guard.at_most is None or value <= guard.at_most
    )

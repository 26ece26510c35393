"""Whether live evidence lets a version go one step further: passed, not yet, or failed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bedside.core.records.rollout import LiveGate, is_live_count, keeps
from bedside.core.records.version import Stage
from bedside.deploy.rollout.wording import bound_words, figure_words, title_of

__all__ = ["GateState", "LiveResult", "judge_live"]

GateState = Literal["passed", "not yet", "failed"]
_WORST = ("failed", "not yet", "passed")


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveResult:
    """One live gate and what the evidence says of it, in words."""

    metric: str
    subgroup: str | None
    state: GateState
    text: str


def judge_live(
    gates: Sequence[LiveGate], evidence: Mapping[str, Any], stage: Stage
) -> tuple[LiveResult, ...]:
    """What the evidence says of each gate on the way to a stage.

    A gate passes when the end of the interval that it names keeps the bound. It has failed when
    even the other end does not: more answers like these will not help. In between, and where
    there is no figure, it is not yet passed.

    Args:
        gates: As declared; those of other stages are left out.
        evidence: As `live_evidence` makes it.
        stage: Where the version is to go.
    """
    return tuple(_judged(gate, evidence) for gate in gates if stage in gate.stages)


def _judged(gate: LiveGate, evidence: Mapping[str, Any]) -> LiveResult:
    title = title_of(gate.metric, evidence.get("horizons", ()))
    if gate.subgroup is None:
        figure = evidence["figures"].get(gate.metric)
        return _result(gate, _state(gate, figure), figure, title)
    levels = evidence["subgroups"].get(gate.subgroup, {})
    told = {name: one["figures"] for name, one in levels.items() if "why" not in one}
    small = [name for name, one in levels.items() if "why" in one]
    aside = f"; too few patients to judge: {', '.join(small)}" if small else ""
    what = f"{title} by {gate.subgroup}"
    if not told:
        return _result(gate, "not yet", None, what, aside or "; no level can be judged yet")
    states = {name: _state(gate, figures.get(gate.metric)) for name, figures in told.items()}
    worst = min(told, key=lambda name: (_WORST.index(states[name]), _spare(gate, told[name])))
    figure = told[worst].get(gate.metric)
    return _result(gate, states[worst], figure, f"{what}, the least, {worst}", aside)


def _spare(gate: LiveGate, figures: Mapping[str, Any]) -> float:
    value = (figures.get(gate.metric) or {}).get("estimate")
    if value is None:
        return float("-inf")
    low = gate.at_least
    return float(value - low if low is not None else (gate.at_most or 0.0) - value)


def _state(gate: LiveGate, figure: Mapping[str, Any] | None) -> GateState:
    if figure is None or figure["estimate"] is None:
        return "not yet"
    asked = figure[gate.bound]
    if asked is not None and keeps(gate, asked):
        return "passed"
    if is_live_count(gate.metric) and gate.at_least is not None:
        return "not yet"
    best = figure["high"] if gate.at_least is not None else figure["low"]
    return "not yet" if best is None or keeps(gate, best) else "failed"


def _result(
    gate: LiveGate,
    state: GateState,
    figure: Mapping[str, Any] | None,
    what: str,
    aside: str = "",
) -> LiveResult:
    text = f"{what}: {figure_words(gate.metric, figure)}; wanted: {bound_words(gate)}{aside}"
    return LiveResult(metric=gate.metric, subgroup=gate.subgroup, state=state, text=text)

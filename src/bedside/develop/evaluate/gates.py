"""Whether the evidence passes the declared gates, and in which words."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bedside.core.records.declaration import Gate
from bedside.core.records.version import GateResult

__all__ = ["judge"]

_ENDS = {"estimate": "estimate", "low": "lower end of the interval", "high": "upper end"}


def judge(gates: tuple[Gate, ...], evidence: Mapping[str, Any]) -> tuple[GateResult, ...]:
    """One result for each gate; a figure that is not there does not pass.

    A gate on a subgroup must hold in every level that is judged. Levels that are suppressed, or too
    small to be judged, are named; any other level without the figure fails the gate. A metric that
    ends in `_gap` is looked up among the gaps of the gate's subgroup.
    """
    return tuple(_judged(gate, evidence) for gate in gates)


def _judged(gate: Gate, evidence: Mapping[str, Any]) -> GateResult:
    if gate.subgroup is None:
        return _one(gate, evidence["metrics"].get(gate.metric, {}), gate.metric)
    if gate.metric.endswith("_gap"):
        gaps = evidence.get("fairness", {}).get(gate.subgroup, {})
        return _one(gate, gaps.get(gate.metric, {}), f"{gate.metric} of {gate.subgroup}")
    return _in_each_level(gate, evidence["subgroups"].get(gate.subgroup, {}))


def _in_each_level(gate: Gate, levels: Mapping[str, Any]) -> GateResult:
    """Whether every level that is judged keeps the bound, told by the one that does so least."""
    what = f"{gate.metric} of {gate.subgroup}"
    judged = {name: told["metrics"] for name, told in levels.items() if "why" not in told}
    small = [name or "unknown" for name, told in levels.items() if "why" in told]
    aside = f"; too small to be judged: {', '.join(small)}" if small else ""
    if not judged:
        return GateResult(metric=gate.metric, passed=False, text=f"{what}: no level{aside}")
    figures = {name: metrics.get(gate.metric, {}) for name, metrics in judged.items()}
    worst = min(figures, key=lambda name: _spare(gate, figures[name]))
    result = _one(gate, figures[worst], f"{what} {worst}")
    if result.passed:
        result = _one(gate, figures[worst], f"{what}, the least of {len(judged)}, {worst}")
    return replace(result, text=result.text + aside)


def _spare(gate: Gate, figure: Mapping[str, Any]) -> float:
    """How far the figure is on the right side of the bound; minus infinity without a figure."""
    value = figure.get(gate.bound)
    if value is None:
        return -math.inf
    if gate.at_least is not None:
        return float(value) - gate.at_least
    return (gate.at_most or 0.0) - float(value)


def _one(gate: Gate, figure: Mapping[str, Any], what: str) -> GateResult:
    value = figure.get(gate.bound)
    if value is None:
        why = figure.get("why", "it was not computed")
        return GateResult(metric=gate.metric, passed=False, text=f"{what}: no figure ({why})")
    low, high = gate.at_least, gate.at_most
    passed = value >= low if low is not None else value <= (high if high is not None else value)
    bound = f"at least {low:g}" if low is not None else f"at most {high:g}"
    return GateResult(
        metric=gate.metric,
        passed=passed,
        text=f"{what}: {_ENDS[gate.bound]} {value:.3f} is {'' if passed else 'not '}{bound}",
    )

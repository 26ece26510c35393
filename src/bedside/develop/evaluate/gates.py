"""Whether the evidence passes the declared gates, and in which words."""

from collections.abc import Mapping
from typing import Any

from bedside.core.records.declaration import Gate
from bedside.core.records.version import GateResult

__all__ = ["judge"]

_ENDS = {"estimate": "estimate", "low": "lower end of the interval", "high": "upper end"}


def judge(gates: tuple[Gate, ...], evidence: Mapping[str, Any]) -> tuple[GateResult, ...]:
    """One result for each gate; a figure that is not there does not pass.

    A gate on a subgroup must hold in every level that is not suppressed.
    """
    return tuple(_judged(gate, evidence) for gate in gates)


def _judged(gate: Gate, evidence: Mapping[str, Any]) -> GateResult:
    if gate.subgroup is None:
        return _one(gate, evidence["metrics"].get(gate.metric, {}), gate.metric)
    levels = evidence["subgroups"].get(gate.subgroup, {})
    shown = {
        level: figures[gate.metric]
        for level, figures in levels.items()
        if figures.get(gate.metric, {}).get("estimate") is not None
    }
    results = [
        _one(gate, figure, f"{gate.metric} of {gate.subgroup} {level}")
        for level, figure in shown.items()
    ]
    failed = [result for result in results if not result.passed]
    if not results:
        return GateResult(
            metric=gate.metric,
            passed=False,
            text=f"{gate.metric} by {gate.subgroup}: every level is suppressed",
        )
    return failed[0] if failed else results[0]


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

"""The gates of the release, judged once more on live answers: kept, broken, or not to be told."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from scipy.special import ndtr

from bedside.core.records.declaration import Gate
from bedside.core.records.evidence import figure_text
from bedside.metrics.intervals import Z
from bedside.metrics.multiplicity import holm
from bedside.metrics.names import METRICS

__all__ = ["ALPHA", "GateNow", "judge_again"]

GateState = Literal["pass", "fail", "not yet"]
ALPHA = 0.025
"""One-sided, as the end of a 95 % interval."""

_ENDS = {"estimate": "", "low": ", lower end", "high": ", upper end"}
_NOBODY = ("", "unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class GateNow:
    """A gate of the release, and what live answers say of it.

    Args:
        metric: Which.
        subgroup: Of every level of this one; None: of everybody.
        level: The one that keeps it least; None: of everybody.
        state: `pass`: kept, as the release asked. `fail`: broken by more than chance, over all
            groups that are tested. `not yet`: neither can be told.
        p: That a group breaks it by chance, the least of the levels, adjusted (Holm); None: of
            everybody, or there is no figure.
        text: The same in words.
    """

    metric: str
    subgroup: str | None
    level: str | None
    state: GateState
    p: float | None
    text: str


@dataclass(frozen=True, slots=True)
class _Test:
    """One figure of one gate; `p` counts as `times` tests."""

    gate: int
    level: str | None
    figure: Mapping[str, Any]
    p: float | None
    times: int = 1


def judge_again(gates: Sequence[Gate], evidence: Mapping[str, Any]) -> tuple[GateNow, ...]:
    """One result for each gate.

    A gate passes where what it asks for holds, in every level that is judged. It fails where the
    figure lies on the wrong side by more than chance: of everybody, the whole interval; of groups,
    a one-sided normal test by the half of the interval towards the bound, adjusted by Holm over
    every level of every gate. A gap is the greatest of several differences, so that chance alone
    makes it wide: its bias is taken off, and it counts as one test for each pair of groups.

    Args:
        gates: As declared.
        evidence: `metrics`, `subgroups` and `fairness`, as an evaluation has them: what is hidden
            or too small there has `why`.

    Source: Holm, Scand J Stat 1979;6(2):65-70.
    """
    tests = [test for at, gate in enumerate(gates) for test in _tests(at, gate, evidence)]
    told = [one for one in tests if one.p is not None and one.level is not None]
    every = [float(one.p or 0.0) for one in told for _ in range(one.times)]
    adjusted = iter(holm(every).tolist())
    of_test = {id(one): max(next(adjusted) for _ in range(one.times)) for one in told}
    return tuple(
        _result(gate, [one for one in tests if one.gate == at], of_test, evidence)
        for at, gate in enumerate(gates)
    )


def _tests(at: int, gate: Gate, evidence: Mapping[str, Any]) -> Iterator[_Test]:
    if gate.subgroup is None:
        figure = evidence["metrics"].get(gate.metric, {})
        yield _Test(at, None, figure, None)
        return
    levels = evidence["subgroups"].get(gate.subgroup, {})
    judged = {name: one for name, one in levels.items() if "why" not in one}
    if gate.metric.endswith("_gap"):
        gap = evidence["fairness"].get(gate.subgroup, {}).get(gate.metric, {})
        groups = sum(name not in _NOBODY for name in judged)
        pair = " and ".join(gap.get("levels", ()))
        yield _Test(at, pair, gap, _chance(gate, gap), max(groups * (groups - 1) // 2, 1))
        return
    for name, one in judged.items():
        figure = one["metrics"].get(gate.metric, {})
        yield _Test(at, name, figure, _chance(gate, figure))


def _chance(gate: Gate, figure: Mapping[str, Any]) -> float | None:
    """How likely a figure so far on the wrong side is, if the gate is just kept."""
    if figure.get("estimate") is None or figure.get("low") is None:
        return None
    value = figure["estimate"]
    middle = value if figure.get("corrected") is None else figure["corrected"]
    p = 1.0
    if gate.at_least is not None:
        p = min(p, _upper(gate.at_least - middle, figure["high"] - value))
    if gate.at_most is not None:
        p = min(p, _upper(middle - gate.at_most, value - figure["low"]))
    return p


def _upper(away: float, half: float) -> float:
    if half <= 0:
        return 0.0 if away > 0 else 1.0
    return float(ndtr(-away * Z / half))


def _result(
    gate: Gate,
    tests: Sequence[_Test],
    adjusted: Mapping[int, float],
    evidence: Mapping[str, Any],
) -> GateNow:
    metric = METRICS[gate.metric].title if gate.metric in METRICS else gate.metric
    title = metric if gate.subgroup is None else f"{metric} by {gate.subgroup}"
    told = [one for one in tests if one.figure.get("estimate") is not None]
    if not told:
        why = next((str(one.figure["why"]) for one in tests if "why" in one.figure), "")
        text = f"{title}: no figure yet ({why or 'it is not computed of live answers'})"
        return GateNow(
            metric=gate.metric, subgroup=gate.subgroup, level=None, state="not yet", p=None,
            text=f"{text}; asked: {_asked(gate)}{_small(gate, evidence)}",
        )  # fmt: skip
    worst = min(told, key=lambda one: _spare(gate, one.figure))
    some = [adjusted[id(one)] for one in told if id(one) in adjusted]
    p = min(some, default=None)
    state: GateState = "not yet"
    if (p is not None and p <= ALPHA) or (gate.subgroup is None and _is_out(gate, worst.figure)):
        state = "fail"
        worst = min(told, key=lambda one: adjusted.get(id(one), 1.0))
    elif all(_spare(gate, one.figure) >= 0 for one in told):
        state = "pass"
    level = worst.level or None
    what = title if level is None else f"{title}, {level}"
    return GateNow(
        metric=gate.metric,
        subgroup=gate.subgroup,
        level=level,
        state=state,
        p=p,
        text=f"{what}: {figure_text(worst.figure)}; asked: {_asked(gate)}{_small(gate, evidence)}",
    )


def _spare(gate: Gate, figure: Mapping[str, Any]) -> float:
    """How far what the gate asks for is on the right side; minus infinity without an end."""
    value = figure.get(gate.bound)
    if value is None:
        return float("-inf")
    least = float("inf") if gate.at_least is None else value - gate.at_least
    most = float("inf") if gate.at_most is None else gate.at_most - value
    return float(min(least, most))


def _is_out(gate: Gate, figure: Mapping[str, Any]) -> bool:
    """Whether the whole interval is on the wrong side."""
    low, high = figure.get("low"), figure.get("high")
    if low is None or high is None:
        return False
    return (gate.at_least is not None and high < gate.at_least) or (
        gate.at_most is not None and low > gate.at_most
    )


def _asked(gate: Gate) -> str:
    least = [] if gate.at_least is None else [f"at least {gate.at_least:g}"]
    most = [] if gate.at_most is None else [f"at most {gate.at_most:g}"]
    return " and ".join([*least, *most]) + _ENDS[gate.bound]


def _small(gate: Gate, evidence: Mapping[str, Any]) -> str:
    """Levels that cannot be judged."""
    if gate.subgroup is None:
        return ""
    levels = evidence["subgroups"].get(gate.subgroup, {})
    small = [name or "unknown" for name, one in levels.items() if "why" in one]
    return f"; too few patients to judge: {', '.join(small)}" if small else ""

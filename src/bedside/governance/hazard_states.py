"""What each control of a hazard shows now, and whether a hazard is open."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from bedside.core.records.declaration import Declaration
from bedside.core.records.hazard import (
    Acceptability,
    Control,
    Hazard,
    acceptability,
    is_accepted,
)
from bedside.core.records.version import GateResult

__all__ = ["ControlState", "HazardState", "Shown", "hazard_states"]

State = Literal["works", "not yet", "broken"]
Judged = tuple[State, str]

_BY_ITSELF = {
    "eligibility": "patients outside the bounds get no answer",
    "uncertainty": "set; a patient for whom it is too unsure gets no answer, or an interval",
    "channel": "declared",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a version shows now.

    Args:
        gates: Of the build, in the order of the declaration.
        live: For the metric and the subgroup of a live gate, what live evidence says.
        guards: For the metric of a guard, what the last answers say.
        monitor: What the last monitoring run says; None: there was none.
    """

    gates: tuple[GateResult, ...]
    live: Mapping[tuple[str, str | None], Judged]
    guards: Mapping[str, Judged]
    monitor: Judged | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlState:
    """A control, and what is seen of it now."""

    control: Control
    state: State
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HazardState:
    """A hazard as of now.

    Args:
        hazard: As declared.
        before: What the risk matrix says without the controls.
        after: What it says with them.
        accepted: Whether the model may be shown to clinicians in spite of it.
        controls: Each with its state.
        is_open: A control is broken, or none works; what users are told counts only where there is
            nothing else.
    """

    hazard: Hazard
    before: Acceptability
    after: Acceptability
    accepted: bool
    controls: tuple[ControlState, ...]
    is_open: bool


def hazard_states(declaration: Declaration, shown: Shown) -> tuple[HazardState, ...]:
    """Each hazard of the log, as of now."""
    return tuple(_hazard(declaration, one, shown) for one in declaration.hazards)


def _hazard(declaration: Declaration, hazard: Hazard, shown: Shown) -> HazardState:
    matrix = declaration.risk_matrix
    controls = tuple(_control(declaration, one, shown) for one in hazard.controls)
    harder = [one for one in controls if one.control.kind != "text"]
    states = {one.state for one in harder or controls}
    return HazardState(
        hazard=hazard,
        before=acceptability(hazard.severity, hazard.before, matrix),
        after=acceptability(hazard.severity, hazard.after, matrix),
        accepted=is_accepted(hazard, matrix),
        controls=controls,
        is_open="broken" in states or "works" not in states,
    )


def _control(declaration: Declaration, control: Control, shown: Shown) -> ControlState:
    state, text = _judged(declaration, control, shown)
    return ControlState(control=control, state=state, text=text)


def _judged(declaration: Declaration, control: Control, shown: Shown) -> Judged:
    kind, name = control.kind, control.name
    if kind == "gate":
        return _gate(declaration, control, shown)
    if kind == "live_gate":
        return shown.live.get((name, control.subgroup), ("not yet", "it answers nobody yet"))
    if kind == "guard":
        return shown.guards.get(name, ("not yet", "watched once clinicians see the version"))
    if kind == "monitor":
        return shown.monitor or ("not yet", "no monitoring run of this version yet")
    if kind == "text":
        return "works", "told to users"
    return "works", _BY_ITSELF[kind]


def _gate(declaration: Declaration, control: Control, shown: Shown) -> Judged:
    """A gate that was judged at the build; each of this name and subgroup must have passed."""
    pairs = zip(declaration.gates, shown.gates, strict=False)
    found = [
        result
        for gate, result in pairs
        if (gate.metric, gate.subgroup) == (control.gate, control.subgroup)
    ]
    if not found:
        return "broken", "it was not judged"
    failed = [one for one in found if not one.passed]
    told = "; ".join(one.text for one in failed or found)
    return ("broken" if failed else "works"), told

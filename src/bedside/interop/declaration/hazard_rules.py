"""What the hazard log of a declaration must keep: ids, controls that exist, a whole risk matrix."""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

from bedside.core.records.declaration import Declaration
from bedside.core.records.hazard import (
    CONTROL_KINDS,
    PROBABILITIES,
    RISK_MATRIX,
    SEVERITIES,
    Control,
    Hazard,
    acceptability,
)
from bedside.interop.declaration.nearest import nearest
from bedside.interop.declaration.yaml_records import Mistake

__all__ = ["hazard_mistakes"]

_CALLED = {
    "gate": "a gate",
    "live_gate": "a live gate of the rollout",
    "guard": "a guard of the rollout",
    "eligibility": "a signal of a rule of eligibility",
    "uncertainty": "an option of uncertainty that is set",
    "channel": "a channel that is on",
}
_SAID = ("hazard", "harm", "judged_by")
_GRAVITY = ("acceptable", "reduce", "unacceptable")


def hazard_mistakes(declaration: Declaration) -> Iterator[Mistake]:
    """Every rule of the hazard log, and of its risk matrix, that the declaration breaks."""
    whole = list(_matrix(declaration))
    yield from whole
    seen: set[str] = set()
    for index, hazard in enumerate(declaration.hazards):
        path = ("hazards", index)
        if not hazard.id.strip() or hazard.id in seen:
            yield Mistake((*path, "id"), "another hazard has this id, or it is empty", "rename it")
        seen.add(hazard.id)
        for key in _SAID:
            if not getattr(hazard, key).strip():
                yield Mistake((*path, key), "nothing is said here", "say it in a sentence")
        if not hazard.situation or not all(one.strip() for one in hazard.situation):
            yield Mistake(
                (*path, "situation"),
                "no event leads to the harm",
                "list what happens, in its order, up to the harm",
            )
        for at, control in enumerate(hazard.controls):
            yield from _control(declaration, control, (*path, "controls", at))
        if not whole:
            yield from _probabilities(declaration, hazard, path)


def _probabilities(
    declaration: Declaration, hazard: Hazard, path: tuple[Any, ...]
) -> Iterator[Mistake]:
    before, after = (PROBABILITIES.index(one) for one in (hazard.before, hazard.after))
    if after > before:
        yield Mistake(
            (*path, "after"),
            f"with its controls the harm is {hazard.after}, without them {hazard.before}",
            "controls do not make a harm more probable: judge both again",
        )
    if after < before and not hazard.controls:
        yield Mistake(
            (*path, "after"),
            "the harm is less probable though nothing is done about it",
            "name the controls, or give the same probability",
        )
    matrix = declaration.risk_matrix
    fine = acceptability(hazard.severity, hazard.after, matrix) == "acceptable"
    if fine and hazard.benefit_risk.strip():
        yield Mistake(
            (*path, "benefit_risk"),
            "a benefit is weighed against a risk that is acceptable by itself",
            "remove it",
        )


def _control(
    declaration: Declaration, control: Control, path: tuple[Any, ...]
) -> Iterator[Mistake]:
    named = [kind for kind in CONTROL_KINDS if getattr(control, kind) is not None]
    if len(named) != 1:
        yield Mistake(
            path, "not exactly one control", f"give one of: {', '.join(sorted(CONTROL_KINDS))}"
        )
        return
    kind = control.kind
    if kind == "text" and not control.name.strip():
        yield Mistake((*path, kind), "users are told nothing", "say what they are told")
    if kind in _CALLED:
        known = _known(declaration, kind)
        if control.name not in known:
            fix = nearest(control.name, known) if known else f"declare {_CALLED[kind]} first"
            yield Mistake((*path, kind), f"'{control.name}' is not {_CALLED[kind]}", fix)
            return
    if kind in ("gate", "live_gate"):
        bounds = declaration.gates if kind == "gate" else declaration.rollout.gates
        groups = {one.subgroup for one in bounds if one.metric == control.name}
        if control.subgroup not in groups:
            told = sorted(one for one in groups if one is not None)
            whom = f"'{control.subgroup}'" if control.subgroup else "all patients"
            yield Mistake(
                (*path, "subgroup") if control.subgroup else path,
                f"no gate on '{control.name}' is of {whom}",
                nearest(control.subgroup or "", told) if told else "leave subgroup out",
            )
    elif control.subgroup is not None:
        yield Mistake((*path, "subgroup"), "this belongs to a gate alone", "remove it")


def _known(declaration: Declaration, kind: str) -> list[str]:
    channels, uncertainty = declaration.channels, declaration.uncertainty
    on = {
        "inference": channels.inference,
        "cds_hooks": bool(channels.services),
        "fhir": channels.fhir is not None,
        "hl7v2": channels.hl7v2 is not None,
    }
    known: dict[str, Iterable[str]] = {
        "gate": (one.metric for one in declaration.gates),
        "live_gate": (one.metric for one in declaration.rollout.gates),
        "guard": (one.metric for one in declaration.rollout.guards),
        "eligibility": (one.signal for one in declaration.eligibility),
        "uncertainty": (
            one for one in ("coverage", "domain") if getattr(uncertainty, one) is not None
        ),
        "channel": (name for name, is_on in on.items() if is_on),
    }
    return sorted(set(known[kind]))


def _matrix(declaration: Declaration) -> Iterator[Mistake]:
    matrix = declaration.risk_matrix
    if matrix is None:
        return
    path = ("risk_matrix",)
    if set(matrix) != set(RISK_MATRIX):
        yield Mistake(
            path, "not a row for each probability", f"give each of: {', '.join(PROBABILITIES)}"
        )
        return
    for probability, row in matrix.items():
        if len(row) != len(SEVERITIES):
            yield Mistake(
                (*path, probability),
                f"{len(row)} cells for {len(SEVERITIES)} severities",
                f"give one for each of: {', '.join(SEVERITIES)}",
            )
            return
    grave = [[_GRAVITY.index(cell) for cell in matrix[one]] for one in PROBABILITIES]
    worse = pairwise(grave)
    if any(row != sorted(row) for row in grave) or any(
        low > high for less, more in worse for low, high in zip(less, more, strict=True)
    ):
        yield Mistake(
            path,
            "a graver or more probable harm is more acceptable than a lesser one",
            "let no cell be milder than the one before it or the one less probable",
        )

"""The hazards that a declaration names: what can go wrong, how bad it is, what is done about it.

Source: ISO 14971:2019, clauses 5 to 7, as `core/records/hazard.py` has them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bedside.core.records.hazard import CONTROL_KINDS, SEVERITIES
from bedside.governance.documents.case import Case
from bedside.governance.documents.document import Line

__all__ = ["benefit_risk", "controls", "hazards", "worst"]


def _told(case: Case) -> Sequence[Mapping[str, Any]]:
    return case.declared.get("hazards") or ()


def hazards(case: Case) -> list[Line]:
    """Each hazard: its source, what leads to it, the harm, and how probable before and after."""
    return [
        case.said(
            one["id"],
            f"{one['hazard']}; {', then '.join(one['situation'])}; harm: {one['harm']} "
            f"({one['severity']}); {one['before']} before the controls, {one['after']} with them; "
            f"judged by {one['judged_by']}",
            ("hazards", at),
        )
        for at, one in enumerate(_told(case))
    ]


def controls(case: Case) -> list[Line]:
    """What is done against each hazard."""
    return [
        case.said(
            f"Against {one['id']}",
            "; ".join(_control(control) for control in one["controls"]) or "nothing is declared",
            ("hazards", at, "controls"),
        )
        for at, one in enumerate(_told(case))
    ]


def _control(told: Mapping[str, Any]) -> str:
    kind = next((name for name in CONTROL_KINDS if told.get(name) is not None), "")
    return f"{kind.replace('_', ' ')}: {told.get(kind, '')}"


def benefit_risk(case: Case) -> list[Line]:
    """Why the benefit outweighs a residual risk, where that is stated."""
    return [
        case.said(f"Benefit and risk of {one['id']}", one["benefit_risk"],
                  ("hazards", at, "benefit_risk"))
        for at, one in enumerate(_told(case))
        if one.get("benefit_risk")
    ]  # fmt: skip


def worst(case: Case) -> list[Line]:
    """The most severe harm among the hazards, as it was judged."""
    told = _told(case)
    if not told:
        return []
    order = list(SEVERITIES)
    at = max(range(len(told)), key=lambda place: order.index(told[place]["severity"]))
    text = f"{told[at]['severity']}: {told[at]['harm']}"
    return [case.said("Most severe harm", text, ("hazards", at))]

"""The hazards that a declaration names: what can go wrong, how bad it is, what is done about it."""

from collections.abc import Mapping, Sequence
from typing import Any

from bedside.governance.documents.case import Case
from bedside.governance.documents.document import Line

__all__ = ["hazards", "worst"]


def _told(case: Case) -> Sequence[Mapping[str, Any]]:
    return case.declared.get("hazards") or ()


def hazards(case: Case) -> list[Line]:
    """Each hazard with all that is declared of it."""
    return [
        case.said(str(one.get("name", f"Hazard {at + 1}")), _words(one), ("hazards", at))
        for at, one in enumerate(_told(case))
    ]


def worst(case: Case) -> list[Line]:
    """How severe each hazard is, as it was declared."""
    return [
        case.said(str(one.get("name", f"Hazard {at + 1}")), str(one["severity"]), ("hazards", at))
        for at, one in enumerate(_told(case))
        if one.get("severity")
    ]


def _words(one: Mapping[str, Any]) -> str:
    parts = []
    for name, told in one.items():
        if name == "name" or told in (None, "", [], {}):
            continue
        text = ", ".join(map(str, told)) if isinstance(told, list) else str(told)
        parts.append(f"{name.replace('_', ' ')}: {text}")
    return "; ".join(parts)

"""What leaves the workspace: counted once more for small cells, and through the door."""

import json
from typing import Any

from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.core.records.policy import Act, Resource
from bedside.lifecycle.door import enter
from bedside.lifecycle.platform import Platform

__all__ = ["has_small_cells", "leave"]

PEOPLE = frozenset({"subjects", "patients", "rows", "cases", "controls", "events"})
"""What a figure is called that counts people, or what became of them."""


def leave(platform: Platform, name: str, evidence: bytes) -> None:
    """Let evidence out of the workspace, or refuse.

    Args:
        platform: The workspace.
        name: Of the version that it is about.
        evidence: JSON.

    Raises:
        Refused: the policies do not permit it, or it counts 1 to 10 patients (code `not_allowed`).
    """
    small = has_small_cells(json.loads(evidence))
    enter(platform, Act.EGRESS, Resource(name=name, small_cells=small))


def has_small_cells(told: Any) -> bool:
    """Whether a count of 1 to 10 people can be read in it.

    >>> has_small_cells({"level": {"subjects": 3}}), has_small_cells({"subjects": 0, "folds": 5})
    (True, False)
    """
    if isinstance(told, dict):
        return any(
            (name in PEOPLE and _is_small(value)) or has_small_cells(value)
            for name, value in told.items()
        )
    return isinstance(told, list) and any(map(has_small_cells, told))


def _is_small(value: Any) -> bool:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return whole and 0 < value <= SUPPRESS_AT_OR_BELOW

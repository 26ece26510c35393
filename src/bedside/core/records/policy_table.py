"""Decisions that policies must come to, as a table: how a hospital tests its policies."""

from dataclasses import dataclass
from typing import Literal

from bedside.core.records.policy import Act, ConsentSaid, Role
from bedside.core.records.snapshot import Zone

__all__ = ["ExpectedDecision", "PolicyTable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedDecision:
    """One row: who asks for what, and what the policies must say.

    Args:
        who: The person or program; their roles are those of this row, not of a workspace.
        roles: What they are.
        act: What they do.
        which: The data set or model.
        zone: Of the data; null where there are no patients' data.
        purpose: In words, or as an HL7 code.
        consent: What the patients concerned say.
        small_cells: Whether counts of 1 to 10 patients can be read in it.
        expected: The decision.
        by: The policy that must be among those that decide; empty: any.
    """

    who: str = "user:anybody"
    roles: tuple[Role, ...] = ()
    act: Act
    which: str = "workspace"
    zone: Zone | None = None
    purpose: str
    consent: ConsentSaid = "unknown"
    small_cells: bool = False
    expected: Literal["allowed", "refused"]
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyTable:
    """A table of decisions."""

    decisions: tuple[ExpectedDecision, ...]

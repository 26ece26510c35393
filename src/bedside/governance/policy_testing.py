"""Policies against a table of the decisions that they must come to."""

from dataclasses import dataclass
from datetime import datetime

from bedside.core.ports.policy import Policies
from bedside.core.records.policy import Access, Decision, Resource
from bedside.core.records.policy_table import ExpectedDecision, PolicyTable
from bedside.core.records.purpose import purpose_of

__all__ = ["TableRow", "ask_table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """One row, and what the policies said to it."""

    row: int
    asked: Access
    wanted: ExpectedDecision
    decision: Decision

    @property
    def holds(self) -> bool:
        """Whether it is the decision that was expected, and by the policy that was named."""
        right = self.decision.allowed == (self.wanted.expected == "allowed")
        return right and (not self.wanted.by or self.wanted.by in self.decision.policies)


def ask_table(policies: Policies, table: PolicyTable, now: datetime) -> list[TableRow]:
    """Ask the policies each row of a table, as of a moment; rows count from 1."""
    found = []
    for number, wanted in enumerate(table.decisions, start=1):
        asked = Access(
            actor=wanted.who,
            roles=frozenset(wanted.roles),
            act=wanted.act,
            resource=Resource(
                name=wanted.which,
                zone=wanted.zone,
                consent=wanted.consent,
                small_cells=wanted.small_cells,
            ),
            purpose=purpose_of(wanted.purpose),
            when=now,
        )
        found.append(
            TableRow(row=number, asked=asked, wanted=wanted, decision=policies.decide(asked))
        )
    return found

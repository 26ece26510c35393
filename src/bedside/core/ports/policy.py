"""What decides, and what knows who holds which role."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from bedside.core.records.grant import Grant
from bedside.core.records.policy import Access, Decision, PolicyText, Role

__all__ = ["People", "Policies"]


class Policies(Protocol):
    """The policies that count now: the shipped set, and what a workspace adds to it."""

    def decide(self, access: Access) -> Decision:
        """Whether it may be done, by which policies and why. What no policy permits is refused."""
        ...

    def describe(self) -> Sequence[PolicyText]:
        """Every policy, in the order of its text."""
        ...


class People(Protocol):
    """Who holds which role in a workspace.

    While nobody was given a role, the workspace is one person's own and everybody who can open it
    holds every role; from the first grant on, roles count strictly.
    """

    def grants(self) -> list[Grant]:
        """Every grant, oldest first; those that ended too."""
        ...

    def roles_of(self, person: str, now: datetime) -> frozenset[Role]:
        """The roles that somebody holds now."""
        ...

    def is_strict(self) -> bool:
        """Whether somebody was ever given a role."""
        ...

    def add(self, grants: Sequence[Grant]) -> None:
        """Keep new grants, durably, all or none."""
        ...

    def end(self, person: str, role: Role, at: datetime) -> None:
        """Take a role back.

        Raises:
            NotFound: the person does not hold it.
        """
        ...

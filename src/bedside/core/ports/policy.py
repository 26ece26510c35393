"""What decides, and what knows who holds which role."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from bedside.core.records.consent import Consent
from bedside.core.records.grant import Grant
from bedside.core.records.policy import Access, Decision, PolicyText, Role
from bedside.core.records.policy_version import PolicyVersion

__all__ = ["Consents", "People", "Policies", "PolicyVersions"]


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

    def replace_claimed(self, person: str, grants: Sequence[Grant], at: datetime) -> None:
        """Let these be the roles that somebody has by groups, in place of those until now.

        What somebody gave them by hand stays.
        """
        ...

    def end(self, person: str, role: Role, at: datetime) -> None:
        """Take a role back.

        Raises:
            NotFound: the person does not hold it.
        """
        ...


class Consents(Protocol):
    """What patients permit and refuse, as it was written down here; identifiers are sealed."""

    def add(self, consent: Consent, identifier: str) -> None:
        """Keep what a patient said, durably; the identifier is encrypted before it is stored."""
        ...

    def all(self) -> list[Consent]:
        """Every consent, oldest first; nobody is named."""
        ...

    def identified(self) -> list[tuple[str, Consent]]:
        """Each consent and the identifier of the patient, oldest first.

        Raises:
            Refused: one of them was changed (code `consent_damaged`).
        """
        ...

    def forget(self, tags: Collection[str]) -> int:
        """Remove what patients said who are erased; return how many rows that were."""
        ...


class PolicyVersions(Protocol):
    """A workspace's own policies: every version, each signed."""

    def add(self, origin: str, text: str, *, by: str, at: datetime, decision: str) -> PolicyVersion:
        """Keep the next version of a file, signed, durably; an empty text takes it back."""
        ...

    def all(self) -> list[PolicyVersion]:
        """Every version, oldest first, its signature checked.

        Raises:
            Refused: one was changed, or one before another is gone (code `policies_damaged`).
        """
        ...

    def revision(self) -> int:
        """A number that grows with every change."""
        ...

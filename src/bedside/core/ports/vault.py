"""What keeps the stand-ins for what identifies a subject, and gives them back only in the open."""

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass
from random import Random
from typing import Protocol

from bedside.core.records.identifier import IdentifierKind

__all__ = ["Numbers", "Vault", "Vaults"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """What was drawn for a subject of a project: the pseudonym, and the offset in days."""

    pseudonym: int
    offset: int


class Vault(Protocol):
    """The stand-ins of one project (a release, a study): each drawn at random, and kept.

    A stand-in is never computed from what it stands for (45 CFR 164.514(c)(1)). What belongs to a
    subject opens with a key of that subject alone. Two projects share nothing.
    """

    def stand_in(
        self,
        subject: int | None,
        kind: IdentifierKind,
        value: str,
        draw: Callable[[Random], str],
    ) -> str:
        """What stands for a value; the same whenever it is asked for again.

        Args:
            subject: Whose it is, the pseudonym in the identified zone; None: nobody's own, such as
                the name of a hospital.
            kind: What it is.
            value: As it is to be recognised: the caller has evened out case and spaces.
            draw: Proposes a stand-in that looks alike; asked again until one is free.

        Raises:
            Refused: the subject was forgotten (code `erased`).
            Unavailable: the database is out of reach.
        """
        ...

    def offset(self, subject: int) -> int:
        """By how many days all dates of the subject are moved: a multiple of 7, never 0.

        Between -364 and 364; the same for rows, notes and images.
        """
        ...

    def pseudonym(self, subject: int) -> int:
        """The number under which the subject is released: drawn at random, below 2**63."""
        ...

    def numbers(self, subjects: Collection[int]) -> dict[int, Numbers]:
        """The pseudonym and the offset of many subjects, in one step.

        Raises:
            Refused: one of them was forgotten (code `erased`).
        """
        ...

    def together(self) -> AbstractContextManager["Vault"]:
        """Inside, stand-ins are drawn in one step, durable at its end; others wait so long.

        Nothing of it is kept when it ends with an error.
        """
        ...

    def originals(self, subject: int) -> list[tuple[IdentifierKind, str, str]]:
        """Everything kept of a subject: kind, value and stand-in. Only break-glass asks for it."""
        ...

    def subject_of(self, pseudonym: int) -> int:
        """Who was released under a pseudonym. Only break-glass asks for it.

        Raises:
            NotFound: nobody was.
            Refused: the subject was forgotten (code `erased`).
        """
        ...

    def forget(self, subject: int) -> int:
        """Destroy the subject's key: nothing of theirs can be opened again.

        Returns:
            How many stand-ins that concerns; the same when it is asked again.
        """
        ...


class Vaults(Protocol):
    """The vaults of a workspace, one for each project."""

    def of(self, project: str) -> Vault:
        """The vault of a project, made on first use.

        Args:
            project: Lower-case letters and digits, joined by hyphens; at most 64.

        Raises:
            Invalid: it is not such a name.
            Refused: its key was destroyed (code `key_destroyed`).
        """
        ...

    def projects(self) -> list[str]:
        """The projects in which a subject has a stand-in, by name."""
        ...

"""What writing to a FHIR server asks of the outside: the server, and a queue that lasts."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from bedside.core.records.fhir_letter import Letter, LetterState

__all__ = ["FhirTarget", "Outbox"]


class FhirTarget(Protocol):
    """One FHIR R4 server, from which is read and to which is written.

    Raises (every method):
        Refused: it does not let us in, is not trusted, or sends us elsewhere.
        Invalid: it does not take or give what is asked; sending it again does not help.
        Unavailable: it is out of reach or busy; sending it again later may help.
    """

    def whole(self, query: str) -> bytes:
        """A resource (`Patient/1`), or every page of a search in one Bundle.

        The entries keep their bytes; nothing else of the server's pages is in the Bundle, so that
        the same entries give the same bytes.
        """
        ...

    def transact(self, bundle: bytes) -> int:
        """Carry out a transaction, whole or not at all; how many resources were new to it."""
        ...


class Outbox(Protocol):
    """Letters that wait for a server, and what became of those before them; durable on return.

    The content of a letter lies sealed. There is one letter to a key.
    """

    def known(self, key: str) -> bool:
        """Whether there is a letter of this key, in any state."""
        ...

    def put(self, letter: Letter) -> bool:
        """Keep a letter; False, and nothing done, where its key is known already."""
        ...

    def due(self, server: str, now: datetime, *, most: int) -> Sequence[Letter]:
        """Waiting letters to this server whose time has come, the oldest first.

        Raises:
            Refused: what was sealed does not open (code `outbox_damaged`).
        """
        ...

    def settle(self, letter: Letter) -> None:
        """Keep how far a letter has come: its state, attempts, due time and problem."""
        ...

    def listed(self, states: Collection[LetterState], *, most: int) -> Sequence[Letter]:
        """Letters in these states without their content, the newest first."""
        ...

    def revive(self, server: str, now: datetime) -> int:
        """Let dead letters to this server wait again, due now; how many there were."""
        ...

    def forget(self, subject_tags: Collection[str]) -> int:
        """Remove every letter about these subjects; how many there were."""
        ...

    def reached(self, server: str, model: str) -> str | None:
        """Up to when the server's changes have been answered: its own time, ISO 8601."""
        ...

    def reach(self, server: str, model: str, moment: str) -> None:
        """Note that."""
        ...

"""UIDs: the same stand-in for the same UID of a subject, across files and references."""

import uuid
from dataclasses import dataclass, field
from random import Random

from bedside.core.ports.vault import Vault
from bedside.core.records.identifier import IdentifierKind

__all__ = ["UidStandIns", "drawn_uid"]

_REGISTERED = "1.2.840.10008."


def drawn_uid(random: Random) -> str:
    """A UID made of a random UUID, below the arc that needs no registration.

    Source: PS3.5 annex B.2, ITU-T X.667.

    >>> drawn_uid(Random(1)).startswith("2.25.")
    True
    """
    return f"2.25.{uuid.UUID(int=random.getrandbits(128), version=4).int}"


@dataclass(slots=True)
class UidStandIns:
    """The stand-ins of one subject's UIDs, asked of the vault once each.

    What the standard itself has registered (classes, transfer syntaxes, well-known frames of
    reference) names nobody, and stays.
    """

    vault: Vault
    subject: int
    _asked: dict[str, str] = field(default_factory=dict)

    def stand_in(self, uid: str) -> str:
        """What stands for a UID; an empty one stays empty."""
        if not uid or uid.startswith(_REGISTERED):
            return uid
        if uid not in self._asked:
            self._asked[uid] = self.vault.stand_in(
                self.subject, IdentifierKind.OTHER, uid, drawn_uid
            )
        return self._asked[uid]

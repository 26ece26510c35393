"""What keeps the signing keys of people, and what tells people of something that cannot wait."""

from collections.abc import Sequence
from typing import Protocol

from bedside.core.ports.keys import ByteSigner

__all__ = ["KeyInHand", "Notifier", "SigningKeys"]


class KeyInHand(ByteSigner, Protocol):
    """A key that signs, and says by which public key that is checked."""

    @property
    def public_key_bytes(self) -> bytes:
        """The public half, 32 bytes."""
        ...


class SigningKeys(Protocol):
    """Each person's own signing key, sealed under a passphrase that only they know."""

    def make(self, person: str, passphrase: str) -> KeyInHand:
        """Make a key and keep it sealed; one that is there is replaced.

        Raises:
            Invalid: the passphrase is too short (code `passphrase`).
        """
        ...

    def has(self, person: str) -> bool:
        """Whether a key of this person is kept here."""
        ...

    def unlocked(self, person: str, passphrase: str) -> KeyInHand:
        """The key, to sign with.

        Raises:
            NotFound: there is none here (code `no_signing_key`).
            Refused: the passphrase is wrong (code `wrong_passphrase`), others can reach the file
                (`key_exposed`), or it is damaged (`key_damaged`).
        """
        ...


class Notifier(Protocol):
    """Tells people."""

    def tell(self, people: Sequence[str], subject: str, text: str) -> None:
        """Hand a message over, durably; no patient's value may stand in it.

        Raises:
            Unavailable: nobody could be told (code `not_told`).
        """
        ...

"""What keeps keys, and what signs."""

from collections.abc import Callable
from typing import Protocol

from bedside.core.records.key import KeyState

__all__ = ["ByteSigner", "ByteVerifier", "DataKeys", "KeyService", "Signer"]


class KeyService(Protocol):
    """Keeps the keys that wrap other keys, and never gives them away.

    A key is named by what it protects: `raw`, `identified`, `features`, `ledger`, `signing`,
    `backup`. It is made on first use, and has versions from 1.
    """

    def wrap(self, data_key: bytes, key: str, context: str) -> str:
        """Encrypt a data key (16 to 64 bytes) under the newest version of `key`.

        `context` names what the data key is for; it must be given again to unwrap.
        The text returned names the version, so that it unwraps after a rotation.

        Raises:
            Refused: the key was destroyed (code `key_destroyed`).
            Unavailable: the service is out of reach.
        """
        ...

    def unwrap(self, wrapped: str, key: str, context: str) -> bytes:
        """The data key again.

        Raises:
            Refused: its version was destroyed (`key_destroyed`), or the text was changed, or
                belongs to another key, service or context (`wrong_key`).
            Unavailable: the service is out of reach.
        """
        ...

    def rewrap(self, wrapped: str, key: str, context: str) -> str:
        """The same data key under the newest version of `key`."""
        ...

    def rotate(self, key: str) -> int:
        """Make a new version of the key; return its number. Older ones still unwrap."""
        ...

    def destroy(self, key: str, *, version: int | None = None) -> None:
        """Destroy one version of the key, or all of it. What it wrapped is lost for ever.

        Raises:
            NotFound: there is no such key or version.
            Refused: it is the newest version of several: rotate first (code `key_in_use`).
        """
        ...

    def describe(self) -> list[KeyState]:
        """Every key of this workspace and its versions, by name."""
        ...


class DataKeys(Protocol):
    """The keys of single files: each is kept wrapped, apart from the file that it opens."""

    def new(self, key: str, context: str) -> tuple[str, bytes]:
        """A fresh 32-byte data key, and the id under which it is now kept, wrapped by `key`."""
        ...

    def open(self, material: str, context: str) -> bytes:
        """The data key of an id.

        Raises:
            NotFound: nothing is kept under this id.
            Refused: it does not unwrap (`key_destroyed`, `wrong_key`).
        """
        ...

    def forget(self, material: str) -> None:
        """Remove the wrapped key, so that what it opened can never be read again."""
        ...

    def rewrap(self, key: str, advance: Callable[[int], None]) -> int:
        """Wrap every data key of `key` under its newest version; return how many there were."""
        ...

    def flush(self) -> None:
        """Forget what is held in memory, so that the next `open` asks the key service again."""
        ...


class ByteVerifier(Protocol):
    """Checks signatures of bytes."""

    def verify(self, content: bytes, signature: bytes) -> None:
        """Check it.

        Raises:
            Refused: the bytes were changed, or another key signed them (code `bad_signature`).
        """
        ...


class ByteSigner(ByteVerifier, Protocol):
    """Signs bytes, and checks such a signature."""

    def sign(self, content: bytes) -> bytes:
        """The signature of the bytes."""
        ...


class Signer(Protocol):
    """Signs a sealed folder, and checks such a signature."""

    def sign(self, folder: str, signature: str) -> None:
        """Sign every file of `folder`; write the signature to the file `signature`."""
        ...

    def verify(self, folder: str, signature: str) -> None:
        """Check it.

        Raises:
            Refused: a file was changed, added or removed, or the key is not ours.
        """
        ...

    def public_key(self) -> bytes:
        """The key that signatures are checked with, as PEM."""
        ...

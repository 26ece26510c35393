"""What keeps the clients that may ask a running server, and the people who are signed in."""

from datetime import datetime
from typing import Protocol

from bedside.core.records.caller import Caller
from bedside.core.records.client import Client

__all__ = ["Clients", "Provider", "Sessions"]


class Clients(Protocol):
    """The clients of a workspace, in its database."""

    def add(self, client: Client) -> None:
        """Keep a new client, durably.

        Raises:
            Refused: one of this name is there that is not revoked, or one of this subject
                (code `client_there`).
        """
        ...

    def renew(self, name: str, token_sha256: str) -> Client:
        """Give a client another token; the one before opens nothing any more.

        Raises:
            NotFound: there is no such client that is not revoked.
            Refused: it is known by its certificate (code `no_token`).
        """
        ...

    def revoke(self, name: str, at: datetime) -> Client:
        """Let a client in no more.

        Raises:
            NotFound: there is no such client that is not revoked.
        """
        ...

    def all(self) -> list[Client]:
        """Every client, oldest first; those that were revoked too."""
        ...

    def revision(self) -> int:
        """A number that grows with every change."""
        ...


class Sessions(Protocol):
    """Who is signed in, shared by all servers of a workspace."""

    def begin(self, digest: bytes, caller: Caller, expires: datetime) -> None:
        """Keep a session under the SHA-256 of its secret, until it expires."""
        ...

    def find(self, digest: bytes) -> Caller | None:
        """Whose session it is; None: there is none, or it is over."""
        ...

    def end(self, digest: bytes) -> None:
        """End it; ending what is not there is no error."""
        ...


class Provider(Protocol):
    """The OpenID provider that signs people in; it is asked at its own addresses alone."""

    def authorization_endpoint(self) -> str:
        """Where a browser is sent.

        Raises:
            Unavailable: the provider could not be asked for it yet.
        """
        ...

    def exchange(self, code: str, *, verifier: str, redirect: str) -> bytes:
        """The ID token for a code.

        Raises:
            Refused: the provider does not give one.
            Unavailable: it is out of reach.
        """
        ...

"""A program that may ask a running server, and by what it is known."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bedside.core.clock import iso
from bedside.core.errors import Invalid
from bedside.core.records.caller import Caller, check_scopes

__all__ = ["Client"]

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client is known by a token, of which the digest alone is kept, or by its certificate.

    Args:
        name: What the ledger calls it.
        scopes: What it may do, such as `infer/sepsis`; see `Caller`.
        token_sha256: Of its token, as 64 hexadecimal digits.
        subject: The whole subject of its certificate, as RFC 4514 writes it, such as
            `CN=ehr,O=Hospital`.
        added: When it came here; in UTC.
        expires: From when on it is nobody; in UTC. None: never.
        revoked: When it was revoked, if it was; in UTC.

    Raises:
        Invalid: the name or a scope is none, or it is not known by exactly one thing.
    """

    name: str
    scopes: frozenset[str]
    token_sha256: str | None = field(default=None, repr=False)
    subject: str | None = None
    added: datetime
    expires: datetime | None = None
    revoked: datetime | None = None

    def __post_init__(self) -> None:
        if _NAME.fullmatch(self.name) is None:
            raise Invalid(
                "This is no name for a client.",
                fix="use up to 64 small letters, digits, dots, _ and -.",
                code="client_name",
            )
        check_scopes(self.scopes)
        if (self.token_sha256 is None) == (self.subject is None) or self.subject == "":
            raise Invalid(
                "A client is known by a token or by the subject of its certificate.",
                fix="give one of the two.",
                code="client_known_by",
            )
        if self.token_sha256 is not None and _DIGEST.fullmatch(self.token_sha256) is None:
            raise Invalid("The token digest is not a SHA-256.", fix="give 64 hexadecimal digits.")

    def is_good(self, now: datetime) -> bool:
        """Whether it may still come in."""
        return self.revoked is None and (self.expires is None or now < self.expires)

    def as_caller(self) -> Caller:
        """It, as who asks."""
        return Caller(name=f"client:{self.name}", scopes=self.scopes)

    def told(self) -> dict[str, Any]:
        """As plain JSON, without the digest of its token."""
        return {
            "name": self.name,
            "scopes": sorted(self.scopes),
            "certificate": self.subject,
            "added": iso(self.added),
            "expires": None if self.expires is None else iso(self.expires),
            "revoked": None if self.revoked is None else iso(self.revoked),
        }

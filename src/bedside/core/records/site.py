"""What a hub and its sites say of one another: offers, their index, and the keys they trust."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Index", "Offer", "Offered", "Role", "Trusted"]

Role = Literal["hub", "site"]
"""What a key is trusted as: a hub's releases are taken, a site's reports are received."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A hub's release statement; it holds no patient data.

    Args:
        version: NAME@ and twelve digits of the bundle's digest.
        bundle: SHA-256 of the bundle's manifest.
        stage: Up to which stage the hub offers it; a site decides for itself all the same.
        gates: Each gate of the build, in words.
        approvals: Digests of the hub's own approvals.
        sequence: Grows with every packet of the hub, against rollback and replay.
        issued_at, expires_at: ISO 8601 with a zone.
    """

    version: str
    bundle: str
    stage: Literal["silent", "canary", "live"]
    gates: tuple[str, ...]
    approvals: tuple[str, ...]
    sequence: int
    issued_at: str
    expires_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """One line of a hub's index: which packet holds which version.

    Args:
        version, stage, sequence, expires_at: As in the packet's own `Offer`.
        file: The packet's name beside the index.
        size: Bytes.
        sha256: Of the packet.
    """

    version: str
    stage: Literal["silent", "canary", "live"]
    sequence: int
    expires_at: str
    file: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """All that a hub offers at a moment.

    Args:
        sequence: That of the newest packet; never falls.
        issued_at, expires_at: ISO 8601 with a zone.
        offers: By sequence.
    """

    sequence: int
    issued_at: str
    expires_at: str
    offers: tuple[Offered, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """A key that a person compared and confirmed.

    Args:
        name: By which the hub, or the site, is known here.
        role: As what it is trusted.
        key: The public half, Ed25519, 64 hexadecimal digits.
        mark: Its fingerprint.
        url: Where a hub's packets lie: an https address, or a folder; None: they come as files.
        certificates: A file of certificates to trust there, PEM; None: those of this machine.
    """

    name: str
    role: Role
    key: str
    mark: str
    url: str | None = None
    certificates: str | None = None

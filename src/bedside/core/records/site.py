"""What a hub says of a version that it offers to its sites."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Offer"]


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

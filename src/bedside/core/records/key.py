"""A key that wraps other keys, as a person may see it: its name and versions, never its bytes."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["KEYS", "KeyState", "KeyVersion"]

KEYS = {
    "raw": "files as they were received",
    "identified": "snapshots of events that can name a person, and every manifest",
    "released": "snapshots of events under a release mode",
    "features": "what the steps of a build made from them",
    "ledger": "the sealed parts of the ledger",
    "signing": "the private keys that sign bundles, manifests and the ledger",
    "checkpoint": "the private keys that sign checkpoints of the ledger",
    "backup": "backups",
    "vault": "the stand-ins of released data, and what they stand for",
}
"""Every key of a workspace, and what it protects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyVersion:
    """One version of a key. `made_at` is in ISO 8601, or None where the service does not tell."""

    number: int
    state: Literal["current", "old", "destroyed"]
    made_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyState:
    """A key and its versions, oldest first; `where` says which service keeps it."""

    name: str
    where: str
    versions: tuple[KeyVersion, ...]

"""Which key may sign a checkpoint of which size: the history that the ledger itself tells."""

from base64 import b64decode, b64encode
from binascii import Error as NoBase64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bedside.core.errors import Refused
from bedside.core.records.ledger import LedgerEntry
from bedside.governance.notes import CheckpointNote, Verify

__all__ = [
    "KEY",
    "KEY_ACTIONS",
    "REVOKE",
    "CheckpointKey",
    "KeyHistory",
    "endorsement_text",
    "history_of",
    "introduced",
]

KEY, REVOKE = "checkpoint.key", "checkpoint.revoke"
KEY_ACTIONS = frozenset({KEY, REVOKE})


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointKey:
    """A key that signs checkpoints.

    Args:
        number: From 1.
        public: Its 32 public bytes.
        since: The entry that introduced it; it signs the checkpoints from this size on, until
            another one is introduced.
        endorsed: Whether the key before it signed it. The first one has none before it.
        trusted_size: Of a revoked one, the largest checkpoint by it that still counts.
    """

    number: int
    public: bytes
    since: int
    endorsed: bool
    trusted_size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyHistory:
    """The keys in the order in which they were introduced, and the words about odd entries."""

    keys: tuple[CheckpointKey, ...] = ()
    odd: tuple[str, ...] = ()

    def key_for(self, size: int) -> CheckpointKey | None:
        """The key that signs the checkpoint of this size."""
        return next((key for key in reversed(self.keys) if key.since <= size), None)

    def judged(self, note: CheckpointNote, verify: Verify) -> str | None:
        """Why a checkpoint does not count; None where it does.

        What comes back is `unsigned` where the key of that size did not sign it, and `revoked`
        where it did but was stolen by then.
        """
        size = note.checkpoint.size
        key = self.key_for(size)
        if key is None or not note.signed_with(key.public, verify):
            return "unsigned"
        if key.trusted_size is not None and size > key.trusted_size:
            return "revoked"
        return None


def endorsement_text(origin: str, number: int, public: bytes) -> bytes:
    """What the key before signs to hand over to the next one."""
    return f"bedside-checkpoint-key/1\n{origin}\n{number}\n{b64encode(public).decode()}\n".encode()


def introduced(number: int, public: bytes, endorsement: bytes | None) -> dict[str, Any]:
    """The details of the entry that introduces a key."""
    told: dict[str, Any] = {"number": number, "key": b64encode(public).decode()}
    return told | ({} if endorsement is None else {"endorsed": b64encode(endorsement).decode()})


def history_of(entries: Iterable[LedgerEntry], origin: str, verify: Verify) -> KeyHistory:
    """The history that these entries tell, in the order of their sequence.

    An entry that makes no sense changes nothing and is told in `odd`.
    """
    keys: list[CheckpointKey] = []
    odd: list[str] = []
    for entry in entries:
        if entry.action == REVOKE:
            if not _revoked(keys, entry.details):
                odd.append(f"Entry {entry.sequence} revokes no key of this ledger.")
        elif entry.action == KEY:
            key = _key_of(entry, keys, origin, verify)
            if key is None:
                odd.append(f"Entry {entry.sequence} introduces no sound key.")
            elif key.number == len(keys) + 1:
                keys.append(key)
    return KeyHistory(keys=tuple(keys), odd=tuple(odd))


def _key_of(
    entry: LedgerEntry, keys: Sequence[CheckpointKey], origin: str, verify: Verify
) -> CheckpointKey | None:
    number, told = entry.details.get("number"), entry.details.get("endorsed")
    try:
        public = b64decode(entry.details["key"], validate=True)
        endorsement = None if told is None else b64decode(told, validate=True)
    except (KeyError, TypeError, ValueError, NoBase64):
        return None
    if not isinstance(number, int) or len(public) != 32:
        return None
    if number <= len(keys):  # two processes introduced the same one
        return keys[number - 1] if number > 0 and keys[number - 1].public == public else None
    if number != len(keys) + 1:
        return None
    endorsed = bool(
        keys
        and endorsement is not None
        and keys[-1].trusted_size is None
        and verify(keys[-1].public, endorsement_text(origin, number, public), endorsement)
    )
    if keys and endorsement is not None and not endorsed:
        return None
    return CheckpointKey(number=number, public=public, since=entry.sequence, endorsed=endorsed)


def _revoked(keys: list[CheckpointKey], details: dict[str, Any]) -> bool:
    number, size = details.get("number"), details.get("trusted_size")
    if not isinstance(number, int) or not isinstance(size, int) or not 0 < number <= len(keys):
        return False
    before = keys[number - 1]
    if before.trusted_size is None or size < before.trusted_size:
        keys[number - 1] = replace(before, trusted_size=size)
    return True


def no_key() -> Refused:
    """There is no key with which a checkpoint could be signed."""
    return Refused(
        "The ledger names no key for checkpoints.",
        fix="run: bedside ledger checkpoint, which makes one.",
        code="no_checkpoint_key",
    )

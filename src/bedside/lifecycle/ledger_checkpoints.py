"""Checkpoints of the ledger: made, shipped, and the keys that sign them changed."""

from collections.abc import Callable
from dataclasses import dataclass, field

from bedside.core.errors import Refused
from bedside.core.ports import Blobs
from bedside.core.records.ledger import Actor, LedgerDraft
from bedside.governance.checkpoint_keys import KEY, REVOKE, endorsement_text, introduced
from bedside.governance.checkpointing import Checkpointer, LinkSource, NoteSigner, origin_of
from bedside.governance.notes import CheckpointNote, Verify, Witness
from bedside.governance.shipping import Place, PlaceState, Shipper
from bedside.lifecycle.platform import Platform

__all__ = [
    "CHECKPOINTS",
    "CheckpointBooks",
    "Checkpointed",
    "KeyRotated",
    "checkpoint",
    "rotate_checkpoint_key",
]

CHECKPOINTS = Actor(name="service:checkpoints", purpose="audit")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointBooks:
    """What checkpoints of one workspace are made with, kept in, and shipped to.

    Args:
        links: The ledger, as it is read for them.
        kept: Where this workspace keeps them.
        places: Where else they go.
        signer_of: The key of a number, made on first use.
        verify: Whether a signature holds.
        witnesses: Who else may cosign them.
        every: Entries after which a server makes the next one.
        seconds: Or after so many seconds, where anything is new.
    """

    links: LinkSource
    kept: Blobs
    places: tuple[Place, ...]
    signer_of: Callable[[int], NoteSigner]
    verify: Verify
    witnesses: tuple[Witness, ...] = ()
    every: int = 1000
    seconds: float = 300.0
    shipper: Shipper = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shipper", Shipper(self.kept, self.places))

    @property
    def checkpointer(self) -> Checkpointer:
        """What makes them."""
        return Checkpointer(self.links, self.kept, self.signer_of, self.verify)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpointed:
    """The checkpoint, None where the ledger is empty, and how the places stand."""

    note: CheckpointNote | None
    places: tuple[PlaceState, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRotated:
    """The number and the 32 public bytes of the new key, and what was done first with it."""

    number: int
    public: bytes
    endorsed: bool
    done: Checkpointed


def checkpoint(platform: Platform, books: CheckpointBooks) -> Checkpointed:
    """Make a checkpoint of the ledger now, and ship every one that a place lacks.

    The first one is preceded by the entry that introduces its key.

    Raises:
        Refused: the ledger is broken (code `ledger_broken`), or the key is not the one that it
            names (`wrong_key`).
        Unavailable: the disk refuses, or the key service is out of reach. A place out of reach is
            told in the result, and tried again the next time.
    """
    try:
        note = books.checkpointer.make()
    except Refused as refused:
        if refused.code != "no_checkpoint_key":
            raise
        first = introduced(1, books.signer_of(1).public_key_bytes, None)
        platform.ledger.append(CHECKPOINTS, KEY, first)
        note = books.checkpointer.make()
    return Checkpointed(note=note, places=tuple(books.shipper.ship()))


def rotate_checkpoint_key(
    platform: Platform,
    books: CheckpointBooks,
    *,
    stolen: bool = False,
    trusted_size: int | None = None,
) -> KeyRotated:
    """Let another key sign the checkpoints from now on; the change itself is an entry.

    The old key signs the new one, and what it signed before still counts. Where it was stolen it
    signs nothing more: it is revoked, and its checkpoints beyond `trusted_size` count no longer.
    Whoever checks must then learn the new key from the hospital, and not from the ledger alone.

    Args:
        platform: The workspace.
        books: Its checkpoints.
        stolen: Whether the old key may be in others' hands.
        trusted_size: The largest checkpoint that was surely made here; the last one kept, if None.

    Raises:
        Refused: as `checkpoint`.
        Unavailable: as `checkpoint`, or another process holds the workspace.
    """
    with platform.lock():
        try:
            checkpoint(platform, books)
        except Refused as refused:  # a key that is gone can be replaced, and signs nothing more
            if not stolen or refused.code not in ("key_destroyed", "wrong_key"):
                raise
        before = books.checkpointer.last()
        old = books.checkpointer.history(before).keys[-1]
        number, origin = old.number + 1, origin_of(before.first)
        new = books.signer_of(number).public_key_bytes
        if stolen:
            size = before.size if trusted_size is None else trusted_size
            told = {"number": old.number, "trusted_size": size}
            drafts = [
                LedgerDraft(actor=platform.actor, action=REVOKE, details=told),
                LedgerDraft(
                    actor=platform.actor, action=KEY, details=introduced(number, new, None)
                ),
            ]
            platform.ledger.append_all(drafts)
        else:
            signed = books.signer_of(old.number).sign(endorsement_text(origin, number, new))
            platform.ledger.append(platform.actor, KEY, introduced(number, new, signed))
        done = checkpoint(platform, books)
    return KeyRotated(number=number, public=new, endorsed=not stolen, done=done)

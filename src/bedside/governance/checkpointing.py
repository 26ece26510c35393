"""Checkpoints are made here: the tree grows by what is new, and its root is signed."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from bedside.core.errors import Invalid, NotFound, Refused
from bedside.core.ids import canonical_json
from bedside.core.ports import Blobs
from bedside.core.records.ledger import GENESIS, LedgerEntry
from bedside.governance.checkpoint_keys import (
    KEY_ACTIONS,
    CheckpointKey,
    KeyHistory,
    history_of,
    no_key,
)
from bedside.governance.ledger import Link, entry_hash
from bedside.governance.merkle import Frontier
from bedside.governance.notes import Checkpoint, CheckpointNote, Verify, note_of, read_note

__all__ = ["SUFFIX", "Checkpointer", "Grown", "LinkSource", "NoteSigner", "file_of", "origin_of"]

SUFFIX = ".checkpoint"
_GROWN = "grown.json"  # how far the tree is; it can be made again from the entries
_FORMAT = "bedside-tree/1"
_AT_ONCE = 4096


class LinkSource(Protocol):
    """What is read of a ledger to grow its tree."""

    def last(self) -> int:
        """The sequence of the last entry, 0 where there is none."""
        ...

    def links(self, after: int = 0) -> Iterator[Link]:
        """The links of one state of the ledger, from the entry after `after` on."""
        ...

    def entry(self, sequence: int) -> LedgerEntry:
        """One entry.

        Raises:
            NotFound: there is no such entry.
        """
        ...


class NoteSigner(Protocol):
    """One key that signs checkpoints."""

    @property
    def public_key_bytes(self) -> bytes:
        """The public half, 32 bytes."""
        ...

    def sign(self, content: bytes) -> bytes:
        """The signature of the bytes, 64 bytes."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown:
    """The tree after some entries, the hash of the first and the last, and where keys are named."""

    peaks: tuple[bytes, ...] = ()
    size: int = 0
    first: str = GENESIS
    last: str = GENESIS
    keys: tuple[tuple[int, str], ...] = field(default=())

    @property
    def checkpoint(self) -> Checkpoint:
        """What is signed of it."""
        root = Frontier(self.size, self.peaks).root()
        return Checkpoint(origin=origin_of(self.first), size=self.size, root=root)


def origin_of(first_hash: str) -> str:
    """The name of a ledger in its checkpoints, which follows from its first entry.

    >>> origin_of("ab" * 32)
    'bedside.health/ledger/abababababababababababababababab'
    """
    return f"bedside.health/ledger/{first_hash[:32]}"


def file_of(checkpoint: Checkpoint) -> str:
    """The name under which a checkpoint is kept; another one never has the same."""
    return checkpoint.name + SUFFIX


class Checkpointer:
    """Makes checkpoints of a ledger; it reads what is new since the last one, and never writes it.

    A checkpoint is made only over entries whose chain it has followed itself, from the last
    checkpoint that it kept. Crashing between any two of its steps loses nothing: the next one is
    made from the last one that was kept whole.

    Args:
        source: The ledger.
        kept: Where this workspace keeps its checkpoints.
        signer_of: The key of a number.
        verify: Whether a signature holds.
    """

    def __init__(
        self,
        source: LinkSource,
        kept: Blobs,
        signer_of: Callable[[int], NoteSigner],
        verify: Verify,
    ) -> None:
        self._source, self._kept = source, kept
        self._signer_of, self._verify = signer_of, verify

    def last(self) -> Grown:
        """The tree of the last checkpoint that was kept; empty where it is not remembered.

        Raises:
            Refused: the ledger lacks what it held then (code `ledger_broken`).
        """
        try:
            told = _read(self._kept.get(_GROWN))
            note = read_note(self._kept.get(file_of(told.checkpoint)))
        except (NotFound, Invalid):
            return Grown()
        history = self.history(told)
        agrees = note.checkpoint == told.checkpoint
        return told if agrees and history.judged(note, self._verify) is None else Grown()

    def grown(self) -> Grown:
        """The tree of the ledger as it is now.

        Raises:
            Refused: the ledger does not go on from its last checkpoint, or its chain is broken
                (code `ledger_broken`).
        """
        before, newest = self.last(), self._newest()
        tree, keys = Frontier(before.size, before.peaks), list(before.keys)
        first, last, size = before.first, before.last, before.size
        links = self._source.links(max(size - 1, 0))
        if size:
            here = next(links, None)
            if here is None or here.sequence != size or here.hash != last or here.suspect:
                raise _broken("The ledger does not go on from its last checkpoint.")
        waiting: list[bytes] = []
        for link in links:
            if link.sequence != size + 1 or link.previous != last or link.suspect is not None:
                raise _broken(f"The chain of the ledger breaks at entry {size + 1}.")
            size, last = link.sequence, link.hash
            first = link.hash if size == 1 else first
            if link.action in KEY_ACTIONS:
                keys.append((size, last))
            waiting.append(bytes.fromhex(last))
            if len(waiting) == _AT_ONCE or (newest is not None and size == newest.size):
                tree.extend(waiting)
                waiting.clear()
                _agree(newest, tree, first)
        tree.extend(waiting)
        if newest is not None and size < newest.size:
            raise _broken("The ledger is shorter than when its last checkpoint was made.")
        return Grown(peaks=tree.peaks, size=size, first=first, last=last, keys=tuple(keys))

    def history(self, grown: Grown) -> KeyHistory:
        """The keys that the entries of the tree name.

        Raises:
            Refused: such an entry is not as it was when the tree grew (code `ledger_broken`).
        """
        entries = []
        for sequence, digest in grown.keys:
            try:
                entry = self._source.entry(sequence)
            except NotFound:
                raise _broken(f"Entry {sequence} is missing.") from None
            if entry.hash != digest or entry_hash(entry) != digest:
                raise _broken(f"Entry {sequence} is not as it was written.")
            entries.append(entry)
        return history_of(entries, origin_of(grown.first), self._verify)

    def _newest(self) -> Checkpoint | None:
        """The largest checkpoint that is kept; one that cannot be read is for the verification."""
        names = sorted(name for name in self._kept.names("") if name.endswith(SUFFIX))
        for name in reversed(names):
            try:
                return read_note(self._kept.get(name)).checkpoint
            except Invalid:
                continue
        return None

    def make(self) -> CheckpointNote | None:
        """A checkpoint of the ledger as it is now, kept; None where the ledger is empty.

        The same one again where nothing is new.

        Raises:
            Refused: the ledger is broken (code `ledger_broken`), names no key for checkpoints
                (`no_checkpoint_key`), or its key is not the one that it names (`wrong_key`).
            Unavailable: the disk refuses.
        """
        grown = self.grown()
        if not grown.size:
            return None
        key = self.history(grown).key_for(grown.size)
        if key is None:
            raise no_key()
        note = self._signed(grown.checkpoint, key)
        if not self._kept.has(file_of(note.checkpoint)):
            self._kept.put(file_of(note.checkpoint), note.text.encode())
        self._kept.put(_GROWN, _written(grown))
        return note

    def _signed(self, checkpoint: Checkpoint, key: CheckpointKey) -> CheckpointNote:
        signer = self._signer_of(key.number)
        if signer.public_key_bytes != key.public:
            raise Refused(
                "This workspace's key for checkpoints is not the one that its ledger names.",
                fix="restore the workspace's keys, or run: bedside ledger rotate-key --stolen.",
                code="wrong_key",
            )
        return note_of(checkpoint, key.public, signer.sign)


def _agree(newest: Checkpoint | None, tree: Frontier, first: str) -> None:
    if newest is None or tree.size != newest.size:
        return
    if (newest.root, newest.origin) != (tree.root(), origin_of(first)):
        raise _broken("The ledger is not the one of its last checkpoint.")


def _written(grown: Grown) -> bytes:
    return canonical_json(
        {
            "format": _FORMAT,
            "size": grown.size,
            "peaks": [one.hex() for one in grown.peaks],
            "first": grown.first,
            "last": grown.last,
            "keys": [list(one) for one in grown.keys],
        }
    )


def _read(content: bytes) -> Grown:
    """Raises Invalid where it is not what `_written` wrote."""
    try:
        told: Any = json.loads(content)
        grown = Grown(
            peaks=tuple(bytes.fromhex(one) for one in told["peaks"]),
            size=int(told["size"]),
            first=str(told["first"]),
            last=str(told["last"]),
            keys=tuple((int(sequence), str(digest)) for sequence, digest in told["keys"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Invalid("This is no tree.", fix="it is made again from the ledger.") from None
    Frontier(grown.size, grown.peaks)  # as many peaks as it must have
    return grown


def _broken(problem: str) -> Refused:
    return Refused(
        f"{problem} No checkpoint is made of it.",
        fix="run: bedside ledger verify, and restore the ledger from a backup.",
        code="ledger_broken",
    )

"""The ledger checked against itself and against every checkpoint of it that can be found."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from bedside.core.disk import disk_trouble
from bedside.core.errors import BedsideError, Invalid, NotFound
from bedside.core.records.ledger import LedgerEntry, LedgerFault
from bedside.governance.checkpoint_keys import KEY_ACTIONS, KeyHistory, history_of
from bedside.governance.checkpointing import SUFFIX, origin_of
from bedside.governance.ledger import Link
from bedside.governance.merkle import Frontier
from bedside.governance.notes import LARGEST, Checkpoint, CheckpointNote, read_note
from bedside.governance.shipping import COSIGNED, Kept, Place, PlaceState, kept_in
from bedside.lifecycle.ledger_checkpoints import CheckpointBooks
from bedside.lifecycle.platform import Platform

__all__ = ["CheckpointFault", "LedgerReport", "verify_ledger"]

_AT_ONCE = 4096


@runtime_checkable
class Verifiable(Protocol):
    """A ledger whose chain can be looked at while it is verified."""

    def verified(self, seen: Callable[[Iterator[Link]], Iterator[Link]]) -> list[LedgerFault]:
        """Every fault in the chain, while `seen` looks at every link and hands it on."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointFault:
    """A checkpoint that does not agree with the ledger: where it lies, and what that means."""

    place: str
    file: str
    kind: Literal["damaged", "elsewhere", "unsigned", "rolled_back", "forked"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerReport:
    """What a verification found.

    Args:
        faults: Of the chain.
        checkpoint_faults: Checkpoints that do not agree with it.
        entries: How many entries there are.
        checkpoints: How many different checkpoints agree.
        newest: The size of the largest of them, 0 where there is none.
        cosigned: How many of them a witness cosigned.
        places: How the places stand where they are shipped to.
        notes: What is no fault, but should be known.
    """

    faults: tuple[LedgerFault, ...]
    checkpoint_faults: tuple[CheckpointFault, ...] = ()
    entries: int = 0
    checkpoints: int = 0
    newest: int = 0
    cosigned: int = 0
    places: tuple[PlaceState, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Watched:
    """What is seen of the chain as it goes by: the roots of the wanted sizes, keys, the clock."""

    wanted: list[int]
    roots: dict[int, bytes] = field(default_factory=dict)
    keys: list[int] = field(default_factory=list)
    first: str = ""
    size: int = 0
    back: int = 0

    def links(self, links: Iterator[Link]) -> Iterator[Link]:
        tree, waiting, before = Frontier(), list[bytes](), ""
        due = iter([*self.wanted, -1])
        until = next(due)
        size, back = 0, 0
        for link in links:
            yield link
            _, at, action, _, digest, suspect = link
            if action in KEY_ACTIONS and suspect is None:
                self.keys.append(link.sequence)
            if isinstance(at, str):
                back += at < before
                before = at
            waiting.append(_content(digest) if suspect is not None else bytes.fromhex(digest))
            size += 1
            if size == until or len(waiting) == _AT_ONCE:
                tree.extend(waiting)
                waiting.clear()
                if size == until:
                    self.roots[until] = tree.root()
                    until = next(due)
            if size == 1:
                self.first = digest
        self.size, self.back = size, back


def verify_ledger(
    platform: Platform, books: CheckpointBooks, *, against: Sequence[Path] = ()
) -> LedgerReport:
    """Check the chain, and that it is what every checkpoint says that it was.

    The checkpoints are those of the workspace, of every place that they are shipped to, and of the
    folders that are given. A ledger that was put back to an earlier state, or written anew, does
    not agree with one that was made before.

    Args:
        platform: The workspace.
        books: Its checkpoints.
        against: Folders with checkpoints, or single ones.

    Raises:
        NotFound: there is no such folder or file.
    """
    ledger = platform.ledger
    if not isinstance(ledger, Verifiable):
        return LedgerReport(faults=tuple(ledger.verify()))
    kept, problems = _found(books, against)
    sizes = sorted({one.note.checkpoint.size for one in kept if one.note is not None})
    watched = _Watched(sizes)
    faults = ledger.verified(watched.links)
    history = _history(ledger_entries(books, watched.keys), watched, books)
    judged = _Judged(watched, history, books)
    judged.take_keys()
    for one in kept:
        judged.take(one)
    back = f"The clock went back {watched.back} times; no entry was changed by that."
    notes = [*judged.notes, *problems, *history.odd, *([back] if watched.back else [])]
    return LedgerReport(
        faults=tuple(faults),
        checkpoint_faults=tuple(judged.faults),
        entries=watched.size,
        checkpoints=len(judged.agreeing),
        newest=max((one.size for one in judged.agreeing), default=0),
        cosigned=len(judged.cosigned),
        places=tuple(books.shipper.look()),
        notes=tuple(dict.fromkeys(notes)),
    )


class _Judged:
    """Each checkpoint is held against the ledger."""

    def __init__(self, watched: _Watched, history: KeyHistory, books: CheckpointBooks) -> None:
        self._watched, self._history, self._books = watched, history, books
        self._origin = origin_of(watched.first)
        self.faults: list[CheckpointFault] = []
        self.notes: list[str] = []
        self.agreeing: set[Checkpoint] = set()
        self.cosigned: set[Checkpoint] = set()

    def take_keys(self) -> None:
        """Each key was signed by the one before, or that one was revoked."""
        for before, key in pairwise(self._history.keys):
            if key.endorsed:
                continue
            text = f"Key {key.number} of checkpoints was not signed by the key before"
            if before.trusted_size is not None:
                self.notes.append(f"{text}, which was revoked: auditors must hear of it from you.")
            else:
                self.faults.append(
                    CheckpointFault(
                        place="the ledger",
                        file=f"entry {key.since}",
                        kind="unsigned",
                        text=f"{text}, which was not revoked: somebody else may have put it there.",
                    )
                )

    def take(self, kept: Kept) -> None:
        """Judge one."""
        note, last = kept.note, self._watched.size
        if note is None:
            self._fault(kept, "damaged", "is no checkpoint (any more)")
            return
        told = note.checkpoint
        if last and told.origin != self._origin:
            self._fault(kept, "elsewhere", "is of another ledger, or this one was written anew")
        elif told.size > last:
            text = f"says {told.size} entries, and the ledger has {last}: it was put back"
            self._fault(kept, "rolled_back", text)
        elif told.root != self._watched.roots[told.size]:
            text = f"says that the first {told.size} entries were others: the ledger was forked"
            self._fault(kept, "forked", text)
        else:
            self._agrees(kept)

    def _agrees(self, kept: Kept) -> None:
        assert kept.note is not None  # noqa: S101 - `take` has seen it
        why = self._history.judged(kept.note, self._books.verify)
        told = kept.note.checkpoint
        if why == "revoked":
            self.notes.append(
                f"The checkpoint of {told.size} entries agrees, but its key was stolen by then: "
                "it does not count."
            )
        elif why is not None:
            self._fault(kept, "unsigned", "is not signed with the key that the ledger names for it")
        else:
            self.agreeing.add(told)
            witnesses = self._books.witnesses
            by = [one for one in witnesses if kept.note.cosigned_by(one, self._books.verify)]
            if by:
                self.cosigned.add(told)
            elif kept.file.endswith(COSIGNED) and witnesses:
                self._fault(kept, "unsigned", "is cosigned by no witness that is named here")

    def _fault(
        self,
        kept: Kept,
        kind: Literal["damaged", "elsewhere", "unsigned", "rolled_back", "forked"],
        text: str,
    ) -> None:
        whole = f"The checkpoint {kept.file} in {kept.place} {text}."
        self.faults.append(CheckpointFault(place=kept.place, file=kept.file, kind=kind, text=whole))


def _found(books: CheckpointBooks, against: Sequence[Path]) -> tuple[list[Kept], list[str]]:
    """Every checkpoint there is, and which places could not be asked for theirs."""
    found = list(kept_in(Place(name="the workspace", blobs=books.kept)))
    problems = []
    for place in books.places:
        try:
            found += kept_in(place)
        except BedsideError as error:
            problems.append(f"{place.name} could not be asked for its checkpoints: {error.code}.")
    for path in against:
        found += _kept_at(path)
    return found, problems


def _kept_at(path: Path) -> list[Kept]:
    try:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        if not path.exists():
            raise NotFound("There is no such folder of checkpoints.", fix="give another folder.")
        wanted = [one for one in files if one == path or one.suffix in (SUFFIX, COSIGNED)]
        return [Kept(place=str(path), file=one.name, note=_note(one)) for one in wanted]
    except OSError as error:
        raise disk_trouble(error) from None


def _note(path: Path) -> CheckpointNote | None:
    with path.open("rb") as file:
        try:
            return read_note(file.read(LARGEST + 1))
        except Invalid:
            return None


def ledger_entries(books: CheckpointBooks, sequences: Sequence[int]) -> list[LedgerEntry]:
    """The entries of these sequences."""
    return [books.links.entry(one) for one in sequences]


def _history(entries: list[LedgerEntry], watched: _Watched, books: CheckpointBooks) -> KeyHistory:
    return history_of(entries, origin_of(watched.first), books.verify)


def _content(digest: str) -> bytes:
    try:
        return bytes.fromhex(digest)
    except (TypeError, ValueError):
        return b""

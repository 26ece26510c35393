"""How an entry of the ledger is sealed to the one before it, and what breaks the chain."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from json.encoder import encode_basestring as _quoted
from typing import Any, Literal, NamedTuple

from bedside.core.ids import canonical_json, digest_bytes
from bedside.core.records.ledger import GENESIS, LedgerEntry, LedgerFault

__all__ = [
    "Head",
    "Link",
    "canonical_entry",
    "check_chain",
    "check_links",
    "entry_hash",
    "hash_of_new",
    "text_of_entry",
]

TRIED = 100  # suspects whose true place is looked for, so that the search stays short
_HASHED = tuple(field.name for field in fields(LedgerEntry) if field.name != "hash")


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The last entry as the ledger's key signed it; `signed` says whether that signature holds."""

    sequence: int
    hash: str
    signed: bool


class Link(NamedTuple):
    """What of an entry the chain and the tree need.

    `suspect` is the whole entry where its hash is not that of its fields, else None.
    """

    sequence: int
    at: str
    action: str
    previous: str
    hash: str
    suspect: LedgerEntry | None = None


def entry_hash(entry: LedgerEntry) -> str:
    """SHA-256 over every field of the entry but the hash itself, `previous` included.

    An absent `subject_tag` is left out, so that entries from before there were tags keep theirs.
    """
    return digest_bytes(canonical_entry(entry))


def canonical_entry(entry: LedgerEntry) -> bytes:
    """The bytes that are hashed: canonical JSON of every field of the entry but the hash."""
    hashed = {name: getattr(entry, name) for name in _HASHED}
    if entry.subject_tag is None:
        del hashed["subject_tag"]
    return canonical_json(hashed)


def hash_of_new(fields: dict[str, Any], details: str) -> str:
    """What `entry_hash` says of these fields, from the canonical text of the details.

    Args:
        fields: Every field of the entry but the hash and the details, of the right type.
        details: The canonical JSON of the details.
    """
    return digest_bytes(text_of_entry(**fields, details=details).encode())


def text_of_entry(
    sequence: int,
    at: str,
    actor: str,
    purpose: str,
    action: str,
    details: str,
    sealed_digest: str | None,
    subject_tag: str | None,
    previous: str,
) -> str:
    """What `canonical_entry` says, with `details` as their canonical text.

    It is put together by hand, the names in their order, which is faster for whoever appends or
    checks many. Every other field is quoted, so that no field can say what belongs to another.

    Raises:
        TypeError: a field is no text.
    """
    whose = "" if subject_tag is None else f',"subject_tag":{_quoted(subject_tag)}'
    return (
        f'{{"action":{_quoted(action)},"actor":{_quoted(actor)},"at":{_quoted(at)},'
        f'"details":{details},"previous":{_quoted(previous)},"purpose":{_quoted(purpose)},'
        f'"sealed_digest":{"null" if sealed_digest is None else _quoted(sealed_digest)},'
        f'"sequence":{sequence}{whose}}}'
    )


def check_chain(entries: Iterable[LedgerEntry], head: Head | None) -> list[LedgerFault]:
    """What `check_links` says of whole entries."""
    return check_links(map(_link_of, entries), head)


def check_links(links: Iterable[Link], head: Head | None) -> list[LedgerFault]:
    """Every break in a ledger, by sequence: edited, dropped, reordered or unsigned.

    The chain finds a change inside; the signed head finds one at the end, and a chain that was
    computed anew. What neither finds is that all of it, head included, was put back to an
    earlier state: for that there are checkpoints.

    The order is that of the sequence. A clock that was put back is written down as it went, and
    is no fault: nothing was changed, and a ledger that a wrong clock could stop would be worse.

    Args:
        links: In the order of their sequence, read once, never held in memory.
        head: None when there is no head, or not exactly one.
    """
    faults: list[LedgerFault] = []
    suspects: list[LedgerEntry] = []
    expected, previous, blamed = 1, GENESIS, False
    for sequence, _at, _action, before, digest, suspect in links:
        if sequence == expected and before == previous and suspect is None:
            expected, previous, blamed = expected + 1, digest, False
            continue
        if sequence < expected:
            faults.append(_unsigned(sequence, sequence))
            continue
        if sequence > expected:
            faults.append(_dropped(expected, sequence - 1))
        if suspect is not None:
            suspects.append(suspect)
        elif sequence == expected and not blamed:
            faults.append(_edited(max(expected - 1, 1)))
        expected, previous, blamed = sequence + 1, digest, suspect is not None
    faults += _named(suspects)
    faults += _head_faults(head, last=expected - 1, last_hash=None if blamed else previous)
    return sorted(faults, key=lambda fault: fault.sequence)


def _link_of(entry: LedgerEntry) -> Link:
    suspect = None if _is_whole(entry) else entry
    return Link(entry.sequence, entry.at, entry.action, entry.previous, entry.hash, suspect)


def _is_whole(entry: LedgerEntry) -> bool:
    try:
        return entry_hash(entry) == entry.hash
    except (TypeError, ValueError, RecursionError):  # a field holds what no entry ever held
        return False


def _named(suspects: list[LedgerEntry]) -> list[LedgerFault]:
    """Tell entries that were moved, whole but for their number, from entries that were edited."""
    places = {entry.sequence + step for entry in suspects[:TRIED] for step in (-1, 0, 1)}
    faults = []
    for index, entry in enumerate(suspects):
        tried = sorted(places) if index < TRIED else []
        true = next((at for at in tried if _is_whole(replace(entry, sequence=at))), None)
        faults.append(_edited(entry.sequence) if true is None else _moved(entry.sequence, true))
    return faults


def _head_faults(head: Head | None, *, last: int, last_hash: str | None) -> list[LedgerFault]:
    if head is None:
        return [_fault(last, "unsigned", "The signed head is missing.")] if last else []
    if not head.signed:
        text = "The head was edited, or signed with a key that is not this ledger's."
        return [_fault(last, "unsigned", text)]
    if head.sequence > last:
        return [_dropped(last + 1, head.sequence)]
    if head.sequence < last:
        return [_unsigned(head.sequence + 1, last)]
    return [] if last_hash in (None, head.hash) else [_edited(last)]


def _edited(sequence: int) -> LedgerFault:
    return _fault(sequence, "edited", f"Entry {sequence} is not as it was written.")


def _moved(sequence: int, true: int) -> LedgerFault:
    text = f"Entry {true} was moved: it stands in the place of entry {sequence}."
    return _fault(sequence, "reordered", text)


def _dropped(first: int, last: int) -> LedgerFault:
    which = f"Entry {first} is" if first == last else f"Entries {first} to {last} are"
    return _fault(first, "dropped", f"{which} missing.")


def _unsigned(first: int, last: int) -> LedgerFault:
    which = f"Entry {first} was" if first == last else f"Entries {first} to {last} were"
    return _fault(first, "unsigned", f"{which} not added by this ledger.")


def _fault(
    sequence: int, kind: Literal["edited", "dropped", "reordered", "unsigned"], text: str
) -> LedgerFault:
    return LedgerFault(sequence=sequence, kind=kind, text=text)

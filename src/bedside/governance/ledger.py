"""How an entry of the ledger is sealed to the one before it, and what breaks the chain."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from json.encoder import encode_basestring as _quoted
from typing import Any, Literal

from bedside.core.ids import digest_bytes, digest_of
from bedside.core.records.ledger import GENESIS, LedgerEntry, LedgerFault

__all__ = ["Head", "check_chain", "entry_hash", "hash_of_new"]

TRIED = 100  # suspects whose true place is looked for, so that the search stays short
_HASHED = tuple(field.name for field in fields(LedgerEntry) if field.name != "hash")


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The last entry as the ledger's key signed it; `signed` says whether that signature holds."""

    sequence: int
    hash: str
    signed: bool


def entry_hash(entry: LedgerEntry) -> str:
    """SHA-256 over every field of the entry but the hash itself, `previous` included.

    An absent `subject_tag` is left out, so that entries from before there were tags keep theirs.
    """
    hashed = {name: getattr(entry, name) for name in _HASHED}
    if entry.subject_tag is None:
        del hashed["subject_tag"]
    return digest_of(hashed)


def hash_of_new(fields: dict[str, Any], details: str) -> str:
    """What `entry_hash` says of these fields, from the canonical text of the details.

    It puts the text together by hand, its names in their order, which is faster for whoever
    appends many.

    Args:
        fields: Every field of the entry but the hash and the details, of the right type.
        details: The canonical JSON of the details.
    """
    sealed, tag = fields["sealed_digest"], fields["subject_tag"]
    whose = "" if tag is None else f',"subject_tag":{_quoted(tag)}'
    text = (
        f'{{"action":{_quoted(fields["action"])},"actor":{_quoted(fields["actor"])},'
        f'"at":{_quoted(fields["at"])},"details":{details},'
        f'"previous":{_quoted(fields["previous"])},"purpose":{_quoted(fields["purpose"])},'
        f'"sealed_digest":{"null" if sealed is None else _quoted(sealed)},'
        f'"sequence":{fields["sequence"]}{whose}}}'
    )
    return digest_bytes(text.encode())


def check_chain(entries: Iterable[LedgerEntry], head: Head | None) -> list[LedgerFault]:
    """Every break in a ledger, by sequence: edited, dropped, reordered or unsigned.

    The chain finds a change inside; the signed head finds one at the end, and a chain that was
    computed anew. What no ledger finds alone is that all of it, head included, was put back to an
    earlier state: for that, keep a copy of the head somewhere else.

    The order is that of the sequence. A clock that was put back is written down as it went, and
    is no fault: nothing was changed, and a ledger that a wrong clock could stop would be worse.

    Args:
        entries: In the order of their sequence, read once, never held in memory.
        head: None when there is no head, or not exactly one.
    """
    faults: list[LedgerFault] = []
    suspects: list[LedgerEntry] = []
    expected, previous = 1, GENESIS
    for entry in entries:
        if entry.sequence < expected:
            faults.append(_unsigned(entry.sequence, entry.sequence))
            continue
        blamed = bool(suspects) and suspects[-1].sequence == expected - 1
        if entry.sequence > expected:
            faults.append(_dropped(expected, entry.sequence - 1))
        if not _is_whole(entry):
            suspects.append(entry)
        elif entry.sequence == expected and entry.previous != previous and not blamed:
            faults.append(_edited(max(expected - 1, 1)))
        expected, previous = entry.sequence + 1, entry.hash
    blamed = bool(suspects) and suspects[-1].sequence == expected - 1
    faults += _named(suspects)
    faults += _head_faults(head, last=expected - 1, last_hash=None if blamed else previous)
    return sorted(faults, key=lambda fault: fault.sequence)


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

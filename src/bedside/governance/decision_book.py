"""Every decision, signature and signing key of a workspace, read from its ledger and checked."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from bedside.core.clock import parse_instant
from bedside.core.errors import BedsideError, Invalid
from bedside.core.ports import ByteVerifier
from bedside.core.records.decision import Decision, DecisionKind, Signed, Signer, Withdrawal
from bedside.core.records.grant import Grant
from bedside.core.records.ledger import LedgerEntry
from bedside.core.records.policy import Role
from bedside.core.records.signature import Signature, Signing, enrolment_bytes
from bedside.governance.standing import CLOCKS_DIFFER

__all__ = ["SEALED", "Book", "read_book"]

SEALED = frozenset({"decision.open", "decision.sign", "signer.enrol"})
"""The actions whose sealed parts a book needs."""

_BROKEN = (BedsideError, KeyError, TypeError, ValueError, AttributeError)


@dataclass(slots=True)
class Book:
    """What the ledger says of decisions.

    Args:
        workspace_key: The public key that signs while nobody holds a role.
        verifier_of: Makes what checks signatures of a public key of 32 bytes.
        grants: Who held which role when.
        taken: For each decision the first entry by which somebody set about its effect.
        done: For each decision the first entry of an effect of it.
    """

    workspace_key: str
    verifier_of: Callable[[bytes], ByteVerifier]
    grants: Sequence[Grant] = ()
    decisions: dict[str, Decision] = field(default_factory=dict)
    signed: dict[str, list[Signed]] = field(default_factory=dict)
    withdrawals: dict[str, list[Withdrawal]] = field(default_factory=dict)
    taken: dict[str, LedgerEntry] = field(default_factory=dict)
    done: dict[str, LedgerEntry] = field(default_factory=dict)
    signers: dict[str, list[Signer]] = field(default_factory=dict)

    def signer(self, who: str, at: datetime, key: str | None = None) -> Signer | None:
        """The key with which somebody may sign then; the newest if no key is named."""
        found = [
            one
            for one in self.signers.get(who, ())
            if one.counts(at) and (key is None or one.key == key)
        ]
        return found[-1] if found else None

    def roles_at(self, who: str, at: datetime) -> frozenset[Role]:
        """The roles that somebody held then, and those that others had delegated to them."""
        return _held(self.grants, who, at) | self._delegated(who, at)

    def _delegated(self, who: str, at: datetime) -> frozenset[Role]:
        found = set[Role]()
        for decision in self.decisions.values():
            if decision.kind is not DecisionKind.DELEGATION or decision.record.get("to") != who:
                continue
            record, giver = decision.record, str(decision.record["of"])
            given = [
                one
                for one in self.signed.get(decision.id, ())
                if not one.fault and one.signature.signer == giver and one.at <= at
            ]
            taken = [one for one in self.withdrawals.get(decision.id, ()) if one.at <= at]
            role = Role(record["role"])
            # what was delegated to the giver cannot be handed on
            holds = role in _held(self.grants, giver, at)
            if given and not taken and holds and at < parse_instant(record["until"]):
                found.add(role)
        return frozenset(found)


def _held(grants: Iterable[Grant], who: str, at: datetime) -> frozenset[Role]:
    return frozenset(
        one.role
        for one in grants
        if one.person == who
        and one.given <= at
        and (one.ended is None or at < one.ended)
        and (one.expires is None or at < one.expires)
    )


def read_book(
    entries: Iterable[LedgerEntry],
    unsealed: Callable[[Iterable[int]], Iterable[tuple[int, bytes]]],
    book: Book,
) -> Book:
    """Fill a book with what stands in the ledger.

    An entry that is not as Bedside writes it opens nothing, grants nothing and signs nothing.

    Args:
        entries: Every entry, oldest first.
        unsealed: Gives the sealed parts of entries, by sequence.
        book: To be filled.
    """
    kept = [one for one in entries if one.action in _READERS or "decision_id" in one.details]
    told = dict(unsealed([one.sequence for one in kept if one.action in SEALED]))
    for entry in kept:
        try:
            sealed = json.loads(told[entry.sequence]) if entry.sequence in told else {}
            reader = _READERS.get(entry.action, _read_done)
            reader(book, entry, sealed)
        except _BROKEN:
            continue
    return book


def _read_open(book: Book, entry: LedgerEntry, sealed: Mapping[str, Any]) -> None:
    told = entry.details
    if told["decision"] in book.decisions:
        return
    book.decisions[told["decision"]] = Decision(
        id=told["decision"],
        kind=DecisionKind(told["kind"]),
        what=told["what"],
        record=sealed["record"],
        record_sha256=told["record_sha256"],
        authors=tuple(told["authors"]),
        opened_by=entry.actor,
        opened_at=parse_instant(entry.at),
        entry=entry.sequence,
        entry_hash=entry.hash,
    )


def _read_sign(book: Book, entry: LedgerEntry, sealed: Mapping[str, Any]) -> None:
    told, at = entry.details, parse_instant(entry.at)
    signature = Signature.from_json(sealed["signature"])
    if signature.digest != told["signature"]:
        raise Invalid("The sealed signature is another.", fix="restore the ledger.")
    decision = book.decisions[told["decision"]]
    found = Signed(
        signature=signature,
        at=at,
        sequence=entry.sequence,
        roles=book.roles_at(signature.signer, at),
        fault=_fault(book, decision, signature, entry.actor, at),
    )
    if decision.kind is DecisionKind.DELEGATION and not found.fault:
        found = replace(found, fault=_no_delegation(decision, found))
    book.signed.setdefault(decision.id, []).append(found)


def _fault(book: Book, decision: Decision, signature: Signature, actor: str, at: datetime) -> str:
    """Why a signature is not genuine under this decision; empty: it is."""
    bound = (
        decision.id, decision.entry, decision.entry_hash, decision.kind.value,
        decision.record_sha256,
    )  # fmt: skip
    names = (
        signature.decision, signature.entry, signature.entry_hash, signature.kind,
        signature.record_sha256,
    )  # fmt: skip
    if names != bound:
        return "made for another record"
    if signature.signer != actor:
        return "written down by somebody else"
    if abs(parse_instant(signature.signed_at) - at) > CLOCKS_DIFFER:
        return "its time is not that of the ledger"
    if signature.method is Signing.WORKSPACE:
        known = signature.key == book.workspace_key
    else:
        signer = book.signer(signature.signer, at, signature.key)
        known = signer is not None and signer.printed_name == signature.printed_name
    if not known:
        return "its key was not granted to this person, or was taken back"
    try:
        book.verifier_of(bytes.fromhex(signature.key)).verify(
            signature.signed_bytes(), signature.signature
        )
    except _BROKEN:
        return "it does not hold"
    return ""


def _no_delegation(decision: Decision, found: Signed) -> str:
    record = decision.record
    if found.signature.signer != record["of"]:
        return "only who holds the role may delegate it"
    return ""


def _read_withdraw(book: Book, entry: LedgerEntry, sealed: Mapping[str, Any]) -> None:
    told = entry.details
    book.withdrawals.setdefault(told["decision"], []).append(
        Withdrawal(
            by=entry.actor,
            at=parse_instant(entry.at),
            sequence=entry.sequence,
            whole=bool(told["whole"]),
            reason=str(told.get("reason", "")),
        )
    )


def _read_take(book: Book, entry: LedgerEntry, sealed: Mapping[str, Any]) -> None:
    book.taken.setdefault(entry.details["decision"], entry)


def _read_done(book: Book, entry: LedgerEntry, sealed: Mapping[str, Any]) -> None:
    book.done.setdefault(entry.details["decision_id"], entry)


def _read_enrol(book: Book, entry: LedgerEntry, sealed: Mapping[str, Any]) -> None:
    who, key, name = entry.details["who"], entry.details["key"], sealed["printed_name"]
    proof = bytes.fromhex(entry.details["proof"])
    book.verifier_of(bytes.fromhex(key)).verify(enrolment_bytes(who, name, key), proof)
    if who != entry.actor:
        raise Invalid("A key is enrolled by its holder alone.", fix="enrol yourself.")
    taken = any(one.key == key for of in book.signers.values() for one in of)
    if not taken:  # one key is one person's (21 CFR 11.100(a))
        book.signers.setdefault(who, []).append(
            Signer(who=who, printed_name=name, key=key, enrolled=parse_instant(entry.at))
        )


def _read_grant(book: Book, entry: LedgerEntry, sealed: Mapping[str, Any]) -> None:
    at = parse_instant(entry.at)
    if book.grants and Role.ADMINISTRATOR not in _held(book.grants, entry.actor, at):
        raise Invalid("Only an administrator grants a key.", fix="ask one.")
    _change(book, entry, granted=at, granted_by=entry.actor, only_new=True)


def _read_revoke(book: Book, entry: LedgerEntry, sealed: Mapping[str, Any]) -> None:
    _change(book, entry, revoked=parse_instant(entry.at))


def _change(book: Book, entry: LedgerEntry, *, only_new: bool = False, **fields: Any) -> None:
    of = book.signers[entry.details["who"]]
    for place, one in enumerate(of):
        if one.key == entry.details["key"] and not (only_new and one.granted is not None):
            of[place] = replace(one, **fields)


_Reader = Callable[[Book, LedgerEntry, Mapping[str, Any]], None]
_READERS: dict[str, _Reader] = {
    "decision.open": _read_open,
    "decision.sign": _read_sign,
    "decision.take": _read_take,
    "decision.withdraw": _read_withdraw,
    "signer.enrol": _read_enrol,
    "signer.grant": _read_grant,
    "signer.revoke": _read_revoke,
}

"""Decisions of a workspace: opened, signed, taken back, delegated; what they rest on, checked."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from bedside.core.clock import iso
from bedside.core.errors import Invalid, NotFound, Refused
from bedside.core.ids import canonical_json, digest_of
from bedside.core.ports.signing import KeyInHand
from bedside.core.records.decision import (
    Decision,
    DecisionKind,
    DecisionRule,
    DecisionState,
    Standing,
)
from bedside.core.records.policy import Act, Role
from bedside.core.records.signature import Meaning, Signature, Signing
from bedside.governance.decision_book import Book, read_book
from bedside.governance.decision_rules import shipped_rules
from bedside.governance.standing import relaxed, standing_of
from bedside.lifecycle.door import decided
from bedside.lifecycle.platform import Platform

__all__ = [
    "Hand",
    "as_shown",
    "book_of",
    "claim",
    "decision_named",
    "delegate",
    "in_force",
    "missing_words",
    "open_decision",
    "rule_for",
    "sign_decision",
    "standing_in",
    "use_up",
    "withdraw_decision",
    "workspace_hand",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand:
    """What somebody signs with, once it is sure who they are.

    Args:
        signer: Their key, unlocked.
        method: How it was made sure who signs.
        session: The id of the session.
        zone: The signer's time zone and its offset, such as `CET +0100`.
    """

    signer: KeyInHand
    method: Signing
    session: str
    zone: str


def workspace_hand(platform: Platform) -> Hand:
    """The key of the workspace, which signs while it is one person's own."""
    return Hand(
        signer=platform.seal(),
        method=Signing.WORKSPACE,
        session=os.urandom(8).hex(),
        zone=platform.clock.now().astimezone().strftime("%Z %z"),
    )


def rule_for(platform: Platform, kind: DecisionKind) -> DecisionRule:
    """What a kind of decision needs here; while the workspace is one person's own, their yes."""
    rule = shipped_rules()[kind]
    return rule if platform.people.is_strict() else relaxed(rule)


def book_of(platform: Platform) -> Book:
    """Every decision and signature that stands in the ledger, checked."""
    return read_book(
        platform.ledger.entries(),
        platform.ledger.unseal_all,
        Book(
            workspace_key=platform.seal().public_key_bytes.hex(),
            verifier_of=platform.verifier_of,
            grants=tuple(platform.people.grants()),
        ),
    )


def standing_in(platform: Platform, book: Book, decision: Decision) -> Standing:
    """Where a decision of this book stands now."""
    return standing_of(
        shipped_rules()[decision.kind],
        decision,
        book.signed.get(decision.id, ()),
        book.withdrawals.get(decision.id, ()),
        now=platform.clock.now(),
        is_done=decision.id in book.done or decision.id in book.taken,
        is_strict=platform.people.is_strict(),
    )


def decision_named(book: Book, written: str) -> Decision:
    """The decision of this id, or of an unambiguous beginning of it.

    Raises:
        NotFound: there is none, or there are several.
    """
    found = [one for name, one in book.decisions.items() if name.startswith(written)]
    if len(found) != 1 or not written:
        raise NotFound(
            "There is no such decision.", fix="see which there are: bedside decision list."
        )
    return found[0]


def open_decision(
    platform: Platform,
    kind: DecisionKind,
    what: str,
    record: Mapping[str, Any],
    *,
    authors: Sequence[str] = (),
    shown: Mapping[str, Any] | None = None,
) -> Decision:
    """Open a decision on a record; it takes effect when enough people have signed it.

    Args:
        platform: The workspace; who acts has passed the door.
        kind: What is decided.
        what: About what, in words that may stand in the open part of the ledger.
        record: The exact document that is signed; sealed in the ledger, its digest open.
        authors: Who made what is decided about.
        shown: What signers are shown beside it; sealed too.
    """
    told = dict(record)
    sha256 = digest_of(told)
    name = "D-" + digest_of([kind.value, sha256, os.urandom(16).hex()])[:12]
    entry = platform.ledger.append(
        platform.actor,
        "decision.open",
        {
            "decision": name,
            "kind": kind.value,
            "what": what,
            "record_sha256": sha256,
            "authors": list(authors),
        },
        sealed=canonical_json({"record": told} | ({} if shown is None else {"shown": shown})),
    )
    return decision_named(book_of(platform), entry.details["decision"])


def sign_decision(
    platform: Platform, decision: Decision, hand: Hand, *, meaning: Meaning, words: str = ""
) -> Standing:
    """Sign a decision as the platform's actor.

    Returns:
        Where it stands then.

    Raises:
        Invalid: the words are too long.
        Refused: the signer's key was not granted (code `signer_not_granted`), no place is left for
            them (`no_place`), it is over (`decision_over`), or roles count and this is not the
            signer's own key (`own_key`).
    """
    book = book_of(platform)
    printed = _printed_name(platform, book, hand)
    _may_sign(platform, book, decision)
    if len(words) > 500:
        raise Invalid("The words beside a signature are too long.", fix="use 500 letters.")
    unsigned: dict[str, Any] = {
        "decision": decision.id,
        "entry": decision.entry,
        "entry_hash": decision.entry_hash,
        "kind": decision.kind.value,
        "record_sha256": decision.record_sha256,
        "signer": platform.actor.name,
        "printed_name": printed,
        "signed_at": iso(platform.clock.now()),
        "zone": hand.zone,
        "meaning": meaning,
        "words": words,
        "method": hand.method,
        "session": hand.session,
        "key": hand.signer.public_key_bytes.hex(),
    }
    content = Signature(**unsigned).signed_bytes()
    signature = Signature(**unsigned, signature=hand.signer.sign(content))
    platform.ledger.append(
        platform.actor,
        "decision.sign",
        {
            "decision": decision.id,
            "signature": signature.digest,
            "record_sha256": decision.record_sha256,
            "meaning": meaning.value,
            "method": hand.method.value,
        },
        sealed=canonical_json({"signature": signature.as_json()}),
    )
    return standing_in(platform, book_of(platform), decision)


def in_force(platform: Platform, written: str, kind: DecisionKind) -> Decision:
    """The decision of this id, if it is of this kind and in force.

    Raises:
        NotFound: there is none.
        Refused: it is of another kind, signatures are missing, are too old or were taken back, or
            it has taken effect (code `decision_not_in_force`).
    """
    book = book_of(platform)
    decision = decision_named(book, written)
    standing = standing_in(platform, book, decision)
    if decision.kind is not kind or standing.state is not DecisionState.IN_FORCE:
        told = f"is {standing.state}"
        told += f": {missing_words(standing)}" if standing.state is DecisionState.OPEN else ""
        told = "is of another kind" if decision.kind is not kind else told
        raise Refused(
            f"Decision {decision.id} {told}.",
            fix=f"see why: bedside decision show {decision.id}.",
            code="decision_not_in_force",
        )
    return decision


def as_shown(platform: Platform, decision: Decision) -> Decision:
    """The decision as the platform's actor may see it.

    Whose pseudonym it was and why is for who asked, and for who may read the ledger.
    """
    about_somebody = decision.kind in (DecisionKind.BREAK_GLASS, DecisionKind.EMERGENCY)
    if not about_somebody or decision.opened_by == platform.actor.name:
        return decision
    if decided(platform, platform.actor, Act.AUDIT)[1].allowed:
        return decision
    return replace(decision, record={"hidden": "for who asked, and who may read the ledger"})


def claim(platform: Platform, decision: Decision) -> bool:
    """Set about the effect of a decision; of several who do so at once, one is told yes.

    The order of the ledger decides, on every database: whoever's entry comes first has it.

    Raises:
        Refused: something was taken back in the meantime (code `decision_not_in_force`).
    """
    mine = os.urandom(16).hex()
    told = {"decision": decision.id, "claim": mine}
    entry = platform.ledger.append(platform.actor, "decision.take", told)
    book = book_of(platform)
    if book.taken[decision.id].sequence != entry.sequence:
        return False
    standing = standing_in(platform, book, decision)
    taken_back = standing.state is DecisionState.WITHDRAWN
    if taken_back or standing.missing or standing.author_alone:
        raise Refused(
            f"Decision {decision.id} does not stand any more.",
            fix=f"see why: bedside decision show {decision.id}.",
            code="decision_not_in_force",
        )
    return True


def use_up(platform: Platform, decision: Decision) -> None:
    """Set about the effect of a decision that has effect once.

    Raises:
        Refused: somebody did before, or something was taken back in the meantime (code
            `decision_not_in_force`).
    """
    if not claim(platform, decision):
        raise Refused(
            "This decision was used already.", fix="ask anew.", code="decision_not_in_force"
        )


def missing_words(standing: Standing) -> str:
    """Which signatures are missing."""
    if standing.author_alone and not standing.missing:
        return "somebody who did not make it must sign too"
    roles = [
        " or ".join(sorted(one.value for one in place)) if place else "anybody with a role"
        for place in standing.missing
    ]
    return "missing: " + ", ".join(roles)


def withdraw_decision(
    platform: Platform, decision: Decision, *, reason: str, whole: bool = False
) -> Standing:
    """Take back one's own signature, or as a privacy officer or who opened it the whole decision.

    What has taken effect is not undone; nothing further may rest on it.

    Raises:
        Invalid: there is no reason.
        Refused: there is nothing of theirs to take back (code `not_yours`).
    """
    if not reason.strip():
        raise Invalid("Taking back needs its reason.", fix="say why with --reason.")
    who, book = platform.actor.name, book_of(platform)
    roles = platform.people.roles_of(who, platform.clock.now())
    mine = [one for one in book.signed.get(decision.id, ()) if one.signature.signer == who]
    may_all = who == decision.opened_by or Role.PRIVACY_OFFICER in roles
    if not (may_all if whole else mine):
        raise Refused(
            "There is nothing of yours to take back.",
            fix="ask a privacy officer for the whole decision (--whole), or its signer.",
            code="not_yours",
        )
    told = {"decision": decision.id, "whole": whole, "reason": reason}
    platform.ledger.append(platform.actor, "decision.withdraw", told)
    return standing_in(platform, book_of(platform), decision)


def delegate(
    platform: Platform, to: str, role: Role, until: datetime, hand: Hand
) -> tuple[Decision, Standing]:
    """Let somebody sign in one's own role until a day; what was delegated is not handed on.

    Raises:
        Invalid: the day is past, or more than a year away.
        Refused: the actor does not hold the role (code `role_not_held`).
    """
    who, now = platform.actor.name, platform.clock.now()
    if not now < until <= now + timedelta(days=365):
        raise Invalid(
            "A role is delegated until a day within a year.", fix="give a day after --until."
        )
    if role not in platform.people.roles_of(who, now) or to == who:
        raise Refused(
            "Only who holds a role may delegate it, and to somebody else.",
            fix="see who holds it: bedside access roles.",
            code="role_not_held",
        )
    record = {"of": who, "to": to, "role": role.value, "until": iso(until)}
    told = f"{role.value} of {who} to {to} until {iso(until)[:16]}Z"
    decision = open_decision(platform, DecisionKind.DELEGATION, told, record)
    return decision, sign_decision(platform, decision, hand, meaning=Meaning.RESPONSIBILITY)


def _printed_name(platform: Platform, book: Book, hand: Hand) -> str:
    """The name that stands beside the signature."""
    who, now = platform.actor.name, platform.clock.now()
    if hand.method is Signing.WORKSPACE:
        if platform.people.is_strict():
            raise Refused(
                "Roles count here, so each person signs with a key of their own.",
                fix="make one: bedside sign enrol; an administrator then grants it.",
                code="own_key",
            )
        return f"the workspace's key, used by {who}"
    signer = book.signer(who, now, hand.signer.public_key_bytes.hex())
    if signer is None:
        raise Refused(
            "No administrator has granted your signing key, or it was taken back.",
            fix=f"ask one to run: bedside sign grant {who}.",
            code="signer_not_granted",
        )
    return signer.printed_name


def _may_sign(platform: Platform, book: Book, decision: Decision) -> None:
    standing, who = standing_in(platform, book, decision), platform.actor.name
    if standing.state is not DecisionState.OPEN:
        raise Refused(
            f"Decision {decision.id} is {standing.state}: there is nothing to sign.",
            fix=f"see it: bedside decision show {decision.id}.",
            code="decision_over",
        )
    rule, roles = rule_for(platform, decision.kind), book.roles_at(who, platform.clock.now())
    if not platform.people.is_strict():
        return
    signed = rule.four_eyes and any(one.signature.signer == who for one in standing.counted)
    fits = [place for place in standing.missing if not place or place & roles]
    open_ = standing.missing[:1] if rule.ordered else standing.missing
    fits = [place for place in fits if place in open_]
    last = rule.ordered and len(standing.missing) == 1
    alone = rule.not_author_alone and {one.signature.signer for one in standing.counted} | {
        who
    } <= set(decision.authors)
    if signed or (last and alone) or (not fits and not standing.author_alone):
        raise Refused(
            f"No place of decision {decision.id} is left for you: {missing_words(standing)}.",
            fix="another person must sign; roles can be delegated: bedside decision delegate.",
            code="no_place",
        )

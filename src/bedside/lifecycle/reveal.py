"""Break-glass: who a pseudonym is, for a stated reason, with two people or in an emergency."""

from collections.abc import Sequence
from dataclasses import dataclass

from bedside.core.clock import iso
from bedside.core.errors import BedsideError, Invalid, Refused
from bedside.core.ids import canonical_json
from bedside.core.records.decision import Decision, DecisionKind, DecisionState, Standing
from bedside.core.records.identifier import IdentifierKind
from bedside.core.records.policy import Act, Resource, Role
from bedside.core.records.purpose import purpose_of
from bedside.core.records.signature import Meaning
from bedside.core.records.snapshot import Zone
from bedside.governance.decision_book import Book
from bedside.governance.decision_rules import shipped_rules
from bedside.lifecycle.consents import Asked, enter_identity, left_out
from bedside.lifecycle.deciding import (
    Hand,
    book_of,
    missing_words,
    open_decision,
    sign_decision,
    standing_in,
    use_up,
    workspace_hand,
)
from bedside.lifecycle.door import enter
from bedside.lifecycle.platform import Platform

__all__ = ["Revealed", "Wanted", "reveal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Whose pseudonym, in which project, and why it must be known who that is.

    Raises:
        Invalid: there is no reason.
    """

    pseudonym: int
    project: str
    reason: str

    def __post_init__(self) -> None:
        if len(self.reason.strip()) < 5 or len(self.reason) > 500:
            raise Invalid(
                "Who a pseudonym is, is told for a stated reason only.",
                fix="say why with --reason, in 5 to 500 letters and without naming anybody.",
                code="reason",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Revealed:
    """What came of it; the values are for one look and are written down nowhere.

    Args:
        decision: On what it rests.
        waits_for: Who must sign yet; then nothing is revealed.
        subject: The number in the identified zone.
        values: Kind, value and stand-in.
        review: The decision by which an emergency is looked into; None without one.
        not_told: Why somebody could not be told by mail; the outbox has it.
    """

    decision: str
    waits_for: str | None = None
    subject: int | None = None
    values: Sequence[tuple[str, str, str]] = ()
    review: str | None = None
    not_told: str | None = None


def reveal(
    platform: Platform, wanted: Wanted, hand: Hand | None, *, emergency: bool = False
) -> Revealed:
    """Find out who a pseudonym is.

    Without an emergency the first call asks, and signs; the same call again reveals, once, after
    another person has signed. In an emergency it reveals at once and for an hour, every privacy
    officer is told, and the decision stays open for review.

    Args:
        platform: The workspace; for treatment, for safety or at the patient's request.
        wanted: Whose, and why.
        hand: What the actor signs with; the workspace's own key while nobody holds a role.
        emergency: Nobody else can be waited for.

    Raises:
        NotFound: nobody was released under it in this project.
        Refused: the patient refuses it, or the actor may not (code `not_allowed`); the subject was
            forgotten (`erased`); the decision waits for somebody (`waits`).
    """
    enter(platform, Act.REIDENTIFY, Resource(zone=Zone.IDENTIFIED))
    subject = platform.vaults.of(wanted.project).subject_of(wanted.pseudonym)
    _ask_by_identifier(platform, wanted.project, subject)
    if _refused(platform, subject):
        enter(platform, Act.REIDENTIFY, Resource(zone=Zone.IDENTIFIED, consent="deny"))
    if emergency:
        return _in_emergency(platform, wanted, subject, hand)
    return _by_two(platform, wanted, subject, hand)


def _by_two(platform: Platform, wanted: Wanted, subject: int, hand: Hand | None) -> Revealed:
    book = book_of(platform)
    found = _mine(platform, book, wanted, DecisionKind.BREAK_GLASS)
    if found is None:
        decision, standing = _asked(platform, wanted, DecisionKind.BREAK_GLASS, hand)
    else:
        decision, standing = found
        if not standing.counted:  # it was interrupted before it was signed
            standing = _signed(platform, decision, hand)
    if standing.state is not DecisionState.IN_FORCE:
        return Revealed(decision=decision.id, waits_for=missing_words(standing))
    use_up(platform, decision)
    return _shown(platform, wanted, subject, decision)


def _in_emergency(platform: Platform, wanted: Wanted, subject: int, hand: Hand | None) -> Revealed:
    book = book_of(platform)
    found = _mine(platform, book, wanted, DecisionKind.EMERGENCY)
    if found is None or found[1].state is not DecisionState.IN_FORCE:
        decision, standing = _asked(platform, wanted, DecisionKind.EMERGENCY, hand)
        review = _to_review(platform, decision)
    else:
        decision, standing = found
        review = _review_of(book, decision) or _to_review(platform, decision)
    if standing.state is not DecisionState.IN_FORCE:
        raise Refused(
            "The emergency does not stand: its time is over, or it was taken back.",
            fix=f"see why: bedside decision show {decision.id}.",
            code="decision_not_in_force",
        )
    not_told = _tell_officers(platform, decision, review, wanted.project)
    return _shown(platform, wanted, subject, decision, review=review, not_told=not_told)


def _asked(
    platform: Platform, wanted: Wanted, kind: DecisionKind, hand: Hand | None
) -> tuple[Decision, Standing]:
    """Open the decision, and sign it as who asks."""
    record = {
        "project": wanted.project,
        "pseudonym": str(wanted.pseudonym),
        "reason": wanted.reason,
        "purpose": purpose_of(platform.actor.purpose).value,
        "for": platform.actor.name,
    }
    decision = open_decision(platform, kind, f"a pseudonym of project {wanted.project}", record)
    return decision, _signed(platform, decision, hand)


def _signed(platform: Platform, decision: Decision, hand: Hand | None) -> Standing:
    return sign_decision(
        platform, decision, hand or workspace_hand(platform), meaning=Meaning.RESPONSIBILITY
    )


def _mine(
    platform: Platform, book: Book, wanted: Wanted, kind: DecisionKind
) -> tuple[Decision, Standing] | None:
    """The newest decision of this kind that the actor asked for, still of use."""
    for decision in reversed(book.decisions.values()):
        record = decision.record
        same = (
            decision.kind is kind
            and decision.opened_by == platform.actor.name == record["for"]
            and record["project"] == wanted.project
            and record["pseudonym"] == str(wanted.pseudonym)
            and record["purpose"] == purpose_of(platform.actor.purpose).value
        )
        if not same:
            continue
        standing = standing_in(platform, book, decision)
        signed = book.signed.get(decision.id, ())
        too_old = any(why == "too old" for why in standing.why_not.values())
        over = standing.state in (DecisionState.DONE, DecisionState.WITHDRAWN)
        return None if over or (too_old and signed) else (decision, standing)
    return None


def _shown(
    platform: Platform,
    wanted: Wanted,
    subject: int,
    decision: Decision,
    *,
    review: str | None = None,
    not_told: str | None = None,
) -> Revealed:
    """Write down that it is revealed, and only then read it."""
    details = {
        "decision_id": decision.id,
        "project": wanted.project,
        "emergency": decision.kind is DecisionKind.EMERGENCY,
    }
    sealed = canonical_json({"pseudonym": str(wanted.pseudonym), "reason": wanted.reason})
    platform.ledger.append(platform.actor, "reveal", details, sealed=sealed, subject=subject)
    found = platform.vaults.of(wanted.project).originals(subject)
    return Revealed(
        decision=decision.id,
        subject=subject,
        values=[(kind.value, value, stand_in) for kind, value, stand_in in found],
        review=review,
        not_told=not_told,
    )


def _to_review(platform: Platform, emergency: Decision) -> str:
    record = {"emergency": emergency.id, "for": emergency.opened_by}
    told = f"the emergency {emergency.id}, in which {emergency.opened_by} looked at a patient"
    return open_decision(
        platform,
        DecisionKind.EMERGENCY_REVIEW,
        told,
        record,
        authors=[emergency.opened_by],
    ).id


def _review_of(book: Book, emergency: Decision) -> str | None:
    return next(
        (
            one.id
            for one in book.decisions.values()
            if one.kind is DecisionKind.EMERGENCY_REVIEW
            and one.record.get("emergency") == emergency.id
        ),
        None,
    )


def _tell_officers(platform: Platform, decision: Decision, review: str, project: str) -> str | None:
    """Tell every privacy officer; None: all were told. The outbox must take it, mail may fail."""
    now = platform.clock.now()
    officers = sorted(
        {
            one.person
            for one in platform.people.grants()
            if one.role is Role.PRIVACY_OFFICER and one.counts(now)
        }
    )
    until = iso(now + shipped_rules()[DecisionKind.EMERGENCY].counts)[:16]
    text = (
        f"{platform.actor.name} broke the glass at {iso(now)[:16]}Z: who a pseudonym of project "
        f"{project} is, is open to them until {until}Z.\n"
        f"The reason: bedside decision show {decision.id}\n"
        f"Look into it, and sign: bedside decision sign {review} --meaning review"
    )
    failed: str | None = None
    try:
        platform.notifier.tell(officers, "Bedside: an emergency was declared", text)
    except BedsideError as error:
        failed = error.problem
    platform.ledger.append(
        platform.actor,
        "reveal.told",
        {"decision": decision.id, "officers": officers, "failed": failed is not None},
    )
    return failed


def _ask_by_identifier(platform: Platform, project: str, subject: int) -> None:
    """Let a refusal count that was written down under an identifier which the vault keeps."""
    for kind, value, _ in platform.vaults.of(project).originals(subject):
        if kind is IdentifierKind.RECORD_NUMBER:
            enter_identity(platform, project, value)


def _refused(platform: Platform, subject: int) -> bool:
    """Whether the patient has refused the purpose, in any identified data set that knows them."""
    asked = Asked(purpose=purpose_of(platform.actor.purpose), moment=platform.clock.now())
    newest = {one.name: one for one in platform.store.entries() if one.zone is Zone.IDENTIFIED}
    return any(
        subject in left_out(platform, platform.store.opened(one), Act.REIDENTIFY, asked).subjects
        for one in newest.values()
    )

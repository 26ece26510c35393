"""What happens only once enough people have signed for it: data are released, policies changed."""

from collections.abc import Callable, Mapping
from typing import Any

from bedside.core.errors import Refused
from bedside.core.ids import digest_of
from bedside.core.records.decision import Decision, DecisionKind, DecisionState, Standing
from bedside.core.records.signature import Meaning
from bedside.governance.decision_book import Book
from bedside.lifecycle.deciding import (
    Hand,
    book_of,
    missing_words,
    open_decision,
    sign_decision,
    standing_in,
    use_up,
)
from bedside.lifecycle.platform import Platform

__all__ = ["HandAsked", "signed_for"]

HandAsked = Callable[[], Hand | None]
"""Asks for what the actor signs with, once it is sure that a signature is needed."""


def signed_for(
    platform: Platform,
    kind: DecisionKind,
    what: str,
    record: Mapping[str, Any],
    hand: HandAsked | None,
    *,
    shown: Mapping[str, Any] | None = None,
) -> str | None:
    """The decision by which this happens now, which is used up by it.

    The first call opens the decision, and signs it as who calls; the same call again, once nobody's
    signature is missing, goes through, once. While the workspace is one person's own, nobody signs.

    Args:
        platform: The workspace; who acts has passed the door.
        kind: What is decided.
        what: About what, in words that may stand in the open part of the ledger.
        record: What exactly happens; another record is another decision.
        hand: Asks for what the actor signs with.
        shown: What signers are shown beside the record.

    Returns:
        The id of the decision; None where none is needed.

    Raises:
        Refused: somebody else must sign yet (code `waits`), or as `sign_decision`.
    """
    if not platform.people.is_strict():
        return None
    book = book_of(platform)
    decision = _newest(platform, book, kind, record)
    if decision is None:
        decision = open_decision(platform, kind, what, record, shown=shown)
    standing = standing_in(platform, book, decision)
    if standing.state is DecisionState.OPEN and not standing.counted:
        standing = _signed(platform, decision, hand)
    if standing.state is not DecisionState.IN_FORCE:
        raise Refused(
            f"This waits for signatures: {missing_words(standing)}.",
            fix=f"have them run: bedside decision sign {decision.id}; then run this again.",
            code="waits",
        )
    use_up(platform, decision)
    return decision.id


def _newest(
    platform: Platform, book: Book, kind: DecisionKind, record: Mapping[str, Any]
) -> Decision | None:
    """The newest decision on exactly this that is still of use."""
    same = digest_of(dict(record))
    for decision in reversed(book.decisions.values()):
        if decision.kind is kind and decision.record_sha256 == same:
            standing = standing_in(platform, book, decision)
            too_old = any(why == "too old" for why in standing.why_not.values())
            over = standing.state in (DecisionState.DONE, DecisionState.WITHDRAWN)
            return None if over or too_old else decision
    return None


def _signed(platform: Platform, decision: Decision, hand: HandAsked | None) -> Standing:
    held = None if hand is None else hand()
    if held is None:
        raise Refused(
            "Roles count here, so this needs signatures.",
            fix="run it on the command line, as somebody with a key: bedside sign enrol.",
            code="waits",
        )
    return sign_decision(platform, decision, held, meaning=Meaning.APPROVAL)

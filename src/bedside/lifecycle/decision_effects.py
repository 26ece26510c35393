"""Signing a decision, and what follows at once from its last signature."""

from bedside.core.records.decision import Decision, DecisionKind, DecisionState
from bedside.core.records.ledger import Actor
from bedside.core.records.policy import Act, Resource
from bedside.core.records.signature import Meaning
from bedside.core.records.snapshot import Zone
from bedside.lifecycle.deciding import (
    Hand,
    book_of,
    decision_named,
    sign_decision,
    standing_in,
    workspace_hand,
)
from bedside.lifecycle.door import enter, enter_as
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.step_decisions import STEP_KINDS, settle_step

__all__ = ["sign"]


def sign(
    platform: Platform, written: str, hand: Hand | None, *, meaning: Meaning, words: str = ""
) -> Decision:
    """Sign the decision of this id; a step of a model takes effect with its last signature.

    One that is signed whole but had no effect, after a crash, has it now.

    Raises:
        NotFound: there is no such decision.
        Refused: as `sign_decision` and `settle_step`.
    """
    book = book_of(platform)
    decision = decision_named(book, written)
    is_step = decision.kind in STEP_KINDS.values()
    if is_step:
        enter(platform, Act.APPROVE, Resource(name=str(decision.record["version"])))
    if decision.kind is DecisionKind.BREAK_GLASS:
        asked = Actor(name=platform.actor.name, purpose=str(decision.record["purpose"]))
        enter_as(platform, asked, Act.REIDENTIFY, Resource(zone=Zone.IDENTIFIED))
    standing = standing_in(platform, book, decision)
    if not (is_step and standing.state is DecisionState.IN_FORCE and decision.id not in book.done):
        hand = hand or workspace_hand(platform)
        standing = sign_decision(platform, decision, hand, meaning=meaning, words=words)
    if is_step and standing.state is DecisionState.IN_FORCE:
        settle_step(platform, decision)
    return decision

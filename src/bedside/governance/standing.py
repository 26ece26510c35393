"""Where a decision stands: which signatures count, which are missing, and why. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bedside.core.records.decision import (
    Decision,
    DecisionRule,
    DecisionState,
    Signed,
    Standing,
    Withdrawal,
)
from bedside.core.records.policy import Role
from bedside.core.records.signature import Signing

__all__ = ["CLOCKS_DIFFER", "relaxed", "standing_of"]

CLOCKS_DIFFER = timedelta(minutes=10)
"""By how much the clocks of two machines may differ."""


def relaxed(rule: DecisionRule) -> DecisionRule:
    """The rule while a workspace is one person's own: one signature, of whoever has it."""
    return replace(
        rule, places=(frozenset[Role](),), four_eyes=False, not_author_alone=False, ordered=False
    )


def standing_of(
    rule: DecisionRule,
    decision: Decision,
    signed: Sequence[Signed],
    withdrawals: Sequence[Withdrawal],
    *,
    now: datetime,
    is_done: bool,
    is_strict: bool,
) -> Standing:
    """Where a decision stands now.

    Args:
        rule: What it needs.
        decision: As it was opened.
        signed: What was signed under it, in the order of the ledger.
        withdrawals: What was taken back, in the same order.
        now: The moment; a clock that was set back behind the last entry is not believed.
        is_done: Whether it has taken effect.
        is_strict: Whether roles count in the workspace.
    """
    rule = rule if is_strict else relaxed(rule)
    known = [decision.opened_at, *(one.at for one in signed), *(one.at for one in withdrawals)]
    now = max(now, *known)
    why_not = {
        one.sequence: why
        for one in signed
        if (why := _why_not(rule, one, withdrawals, now, is_strict=is_strict))
    }
    genuine = [one for one in signed if one.sequence not in why_not]
    filled = _filled(rule, genuine, decision.authors)
    counted = tuple(sorted(filled.values(), key=lambda one: one.sequence))
    why_not |= {one.sequence: "no place is left for it" for one in genuine if one not in counted}
    missing = tuple(roles for place, roles in enumerate(rule.places) if place not in filled)
    alone = (
        rule.not_author_alone
        and bool(counted)
        and all(one.signature.signer in decision.authors for one in counted)
    )
    if any(one.whole for one in withdrawals) or not decision.is_whole:
        state = DecisionState.WITHDRAWN
    elif is_done and rule.once:
        state = DecisionState.DONE
    else:
        state = DecisionState.OPEN if missing or alone else DecisionState.IN_FORCE
    return Standing(
        state=state,
        counted=counted,
        missing=missing,
        why_not=why_not,
        author_alone=alone,
        until=min((one.at + rule.counts for one in counted), default=None),
    )


def _why_not(
    rule: DecisionRule,
    one: Signed,
    withdrawals: Collection[Withdrawal],
    now: datetime,
    *,
    is_strict: bool,
) -> str:
    if one.fault:
        return one.fault
    if is_strict and one.signature.method is Signing.WORKSPACE:
        return "signed by the workspace's key, and roles count now"
    if any(
        other.by == one.signature.signer and other.sequence > one.sequence
        for other in withdrawals
        if not other.whole
    ):
        return "taken back by its signer"
    if now >= one.at + rule.counts:
        return "too old"
    return ""


def _filled(
    rule: DecisionRule, genuine: Sequence[Signed], authors: Collection[str]
) -> dict[int, Signed]:
    """Which signature fills which place; as many places as can be filled."""
    if rule.ordered:
        return _in_order(rule, genuine, authors)
    once = _one_each(genuine) if rule.four_eyes else list(genuine)
    if rule.not_author_alone:
        once.sort(key=lambda one: one.signature.signer in authors)  # others have the first choice
    filled: dict[int, Signed] = {}
    for one in once:
        _place(rule, one, filled, set())
    return filled


def _in_order(
    rule: DecisionRule, genuine: Sequence[Signed], authors: Collection[str]
) -> dict[int, Signed]:
    filled: dict[int, Signed] = {}
    for one in genuine:
        place = len(filled)
        if place == len(rule.places):
            break
        seen = {other.signature.signer for other in filled.values()}
        new = not rule.four_eyes or one.signature.signer not in seen
        last = place == len(rule.places) - 1
        alone = rule.not_author_alone and (seen | {one.signature.signer}) <= set(authors)
        if new and _fits(rule.places[place], one) and not (last and alone):
            filled[place] = one
    return filled


def _one_each(genuine: Sequence[Signed]) -> list[Signed]:
    """One signature of each person, their newest, in the order of the ledger."""
    newest = {one.signature.signer: one for one in genuine}
    return sorted(newest.values(), key=lambda one: one.sequence)


def _place(rule: DecisionRule, one: Signed, filled: dict[int, Signed], tried: set[int]) -> bool:
    """Find a place, moving others where that helps: an augmenting path of a bipartite matching."""
    for place, roles in enumerate(rule.places):
        if place in tried or not _fits(roles, one):
            continue
        tried.add(place)
        there = filled.get(place)
        if there is None or _place(rule, there, filled, tried):
            filled[place] = one
            return True
    return False


def _fits(roles: frozenset[Role], one: Signed) -> bool:
    return not roles or bool(roles & one.roles)

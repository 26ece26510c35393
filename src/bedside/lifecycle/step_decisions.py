"""The decisions on the steps of a version: signed by people, then written into its life."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bedside.core.clock import iso, parse_instant
from bedside.core.errors import Invalid, Refused
from bedside.core.ids import canonical_json
from bedside.core.records.decision import Decision, DecisionKind, DecisionState, Standing
from bedside.core.records.policy import Act, Resource
from bedside.core.records.signature import Meaning, Signing
from bedside.core.records.version import SHOWN, Approval, ModelVersion, Stage
from bedside.governance.decision_book import Book
from bedside.lifecycle.deciding import (
    Hand,
    book_of,
    claim,
    missing_words,
    open_decision,
    sign_decision,
    standing_in,
    workspace_hand,
)
from bedside.lifecycle.door import enter
from bedside.lifecycle.platform import Platform

__all__ = [
    "STEP_KINDS",
    "Yes",
    "approve_step",
    "decision_of",
    "settle_step",
    "still_decided",
]

_LONGEST = timedelta(minutes=1)
STEP_KINDS = {
    Stage.SILENT: DecisionKind.MODEL_SILENT,
    Stage.CANARY: DecisionKind.MODEL_CANARY,
    Stage.LIVE: DecisionKind.MODEL_LIVE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Yes:
    """A person's yes to a step.

    Args:
        name: The printed name.
        meaning: What the person confirms.
        step: Which step.
        digest: Of the live evidence; None for silent.
        evidence: What the person was shown.
        without_evidence: Why the live gates are passed over.
    """

    name: str
    meaning: str
    step: Stage
    digest: str | None
    evidence: Mapping[str, Any] | None
    without_evidence: str | None


def approve_step(
    platform: Platform, version: ModelVersion, yes: Yes, hand: Hand | None
) -> ModelVersion:
    """Sign a yes to a step, and write it into the version's life once nothing is missing.

    Raises:
        Invalid: the printed name is not that of the signer's key.
        Refused: as `sign_decision`; or the version cannot take that step.
    """
    book = book_of(platform)
    decision = _waiting(platform, book, version, yes.step)
    if decision is None:
        decision = _opened(platform, version, yes)
    elif standing_in(platform, book, decision).state is DecisionState.IN_FORCE:
        return settle_step(platform, decision, yes.name)  # signed, and interrupted then
    hand = hand or workspace_hand(platform)
    if hand.method is not Signing.WORKSPACE:
        _same_name(platform, book, yes.name)
    standing = sign_decision(platform, decision, hand, meaning=Meaning.APPROVAL, words=yes.meaning)
    if standing.state is not DecisionState.IN_FORCE:
        return platform.registry.get(version.id)
    return settle_step(platform, decision, yes.name)


def _waiting(platform: Platform, book: Book, version: ModelVersion, step: Stage) -> Decision | None:
    """The decision on this step of the version where it stands, if it has had no effect yet."""
    since = _since(platform, version)
    found = [
        one
        for one in book.decisions.values()
        if one.kind is STEP_KINDS[step]
        and (one.record["version"], one.record["bundle"]) == (version.id, version.bundle)
        and (one.record["stage"], one.record["since"]) == (version.stage.value, since)
        and one.id not in book.done
        and standing_in(platform, book, one).state is not DecisionState.WITHDRAWN
    ]
    return found[-1] if found else None


def decision_of(
    platform: Platform, version: ModelVersion, step: Stage
) -> tuple[str | None, str | None]:
    """The newest decision on this step of a version, and what it waits for; None: for nothing."""
    book = book_of(platform)
    found = [
        one
        for one in book.decisions.values()
        if one.kind is STEP_KINDS[step] and one.record["bundle"] == version.bundle
    ]
    if not found:
        return None, None
    standing = standing_in(platform, book, found[-1])
    is_open = standing.state is DecisionState.OPEN
    return found[-1].id, missing_words(standing) if is_open else None


def settle_step(platform: Platform, decision: Decision, name: str | None = None) -> ModelVersion:
    """Write what was decided into the version's life; a second time changes nothing.

    Raises:
        Refused: the decision is not in force (code `decision_not_in_force`), or the version cannot
            take that step (any more).
    """
    book = book_of(platform)
    standing = standing_in(platform, book, decision)
    record = decision.record
    version = platform.registry.get(str(record["version"]))
    if decision.id in book.done:
        return version
    if standing.state is not DecisionState.IN_FORCE or version.bundle != record["bundle"]:
        raise _not_in_force(version, decision)
    enter(platform, Act.APPROVE, Resource(name=version.id))
    if not claim(platform, decision) and _is_under_way(platform, decision):
        return platform.registry.get(version.id)
    approval = _approval(platform, version, decision, standing, name)
    with platform.together():
        if not _is_there(version, approval):
            version = platform.registry.record_approval(approval)
        _told(platform, decision, approval, standing)
    return version


def still_decided(platform: Platform, version: ModelVersion, stage: Stage) -> None:
    """See that the decision on a step still stands, where roles count.

    Raises:
        Refused: it was taken back, is too old, or was signed before roles counted (code
            `decision_not_in_force`).
    """
    if not platform.people.is_strict() or stage not in STEP_KINDS:
        return
    if stage in SHOWN and version.approved_for(stage) is None:
        return  # the registry says so in its own words
    book = book_of(platform)
    found = [
        one
        for one in book.decisions.values()
        if one.id in book.done
        and one.kind is STEP_KINDS[stage]
        and (one.record["version"], one.record["bundle"]) == (version.id, version.bundle)
    ]
    if not found or standing_in(platform, book, found[-1]).state is not DecisionState.IN_FORCE:
        raise _not_in_force(version, found[-1] if found else None)


def _approval(
    platform: Platform,
    version: ModelVersion,
    decision: Decision,
    standing: Standing,
    name: str | None,
) -> Approval:
    last = standing.counted[-1].signature
    names = "; ".join(one.signature.printed_name for one in standing.counted)
    own = last.method is Signing.WORKSPACE
    return Approval(
        version=version.id,
        name=name if own and name else names,
        actor=last.signer,
        meaning=last.words,
        approved_at=iso(platform.clock.now()),
        step=Stage(decision.record["step"]),
        bundle=version.bundle,
        evidence=decision.record["evidence"],
    )


def _is_under_way(platform: Platform, decision: Decision) -> bool:
    """Whether another process is writing it down; one that began long ago has crashed."""
    taken = book_of(platform).taken[decision.id]
    return platform.clock.now() - parse_instant(taken.at) < _LONGEST


def _opened(platform: Platform, version: ModelVersion, yes: Yes) -> Decision:
    record = {
        "version": version.id,
        "bundle": version.bundle,
        "stage": version.stage.value,
        "since": _since(platform, version),
        "step": yes.step.value,
        "gates": [one.text for one in version.gates],
        "evidence": yes.digest,
        "without_evidence": yes.without_evidence,
    }
    return open_decision(
        platform,
        STEP_KINDS[yes.step],
        f"{version.id} for {yes.step}",
        record,
        authors=_builders(platform, version),
        shown=None if yes.evidence is None else {"evidence": dict(yes.evidence)},
    )


def _since(platform: Platform, version: ModelVersion) -> str | None:
    releases = platform.registry.releases()
    return next((one.since for one in releases if one.version == version.id), None)


def _builders(platform: Platform, version: ModelVersion) -> list[str]:
    """Who built this bundle."""
    return sorted(
        {
            entry.actor
            for entry in platform.ledger.entries()
            if entry.action == "build.done" and entry.details.get("bundle") == version.bundle
        }
    )


def _same_name(platform: Platform, book: Book, name: str) -> None:
    signer = book.signer(platform.actor.name, platform.clock.now())
    if signer is not None and signer.printed_name != name:
        raise Invalid(
            "The printed name is not the one that your key was granted under.",
            fix=f"write --name {signer.printed_name!r}.",
            code="printed_name",
        )


def _is_there(version: ModelVersion, approval: Approval) -> bool:
    """Whether the registry had taken the approval before a crash."""
    if approval.step not in SHOWN:
        return version.approval is not None
    there = version.approved_for(approval.step)
    return there is not None and there.evidence == approval.evidence


def _told(platform: Platform, decision: Decision, approval: Approval, standing: Standing) -> None:
    """Write the approval into the ledger, with the decision that it rests on."""
    details: dict[str, Any] = {
        "version": approval.version,
        "bundle": approval.bundle,
        "meaning": approval.meaning,
        "decision_id": decision.id,
        "signatures": [one.signature.digest for one in standing.counted],
    }
    sealed: dict[str, Any] = {"name": approval.name}
    if approval.evidence is not None:
        details |= {"step": approval.step.value, "evidence": approval.evidence}
    why = decision.record["without_evidence"]
    details |= {} if why is None else {"without_evidence": why}
    shown = platform.ledger.unseal(decision.entry)
    sealed |= _shown(shown)
    platform.ledger.append(platform.actor, "approve", details, sealed=canonical_json(sealed))


def _shown(opened: bytes) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(opened).get("shown", {})
    return told


def _not_in_force(version: ModelVersion, decision: Decision | None) -> Refused:
    if decision is None:
        return Refused(
            f"{version.id} was approved before roles counted here.",
            fix=f"approve it again: bedside approve {version.id}, each with their own key.",
            code="decision_not_in_force",
        )
    return Refused(
        f"The decision {decision.id} on {version.id} does not stand: a signature is missing, too "
        "old, or was taken back.",
        fix=f"see why: bedside decision show {decision.id}.",
        code="decision_not_in_force",
    )

"""A challenger on its way from silence to the patients by itself, where the signed plan lets it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bedside.core.clock import parse_duration, parse_instant
from bedside.core.errors import Refused
from bedside.core.ids import canonical_json, digest_of
from bedside.core.records.change_control import Modification
from bedside.core.records.policy import Act, Resource
from bedside.core.records.version import ModelVersion, Stage
from bedside.deploy.rollout.comparison import compare_answers
from bedside.governance.changes.verdict import Verdict
from bedside.lifecycle.challenging import (
    compared_with,
    outside_words,
    planned_meaning,
    worse_than,
)
from bedside.lifecycle.change_control import allowed_change, modification_of, verdict_told
from bedside.lifecycle.door import enter
from bedside.lifecycle.live_answers import answers_of, common_horizons
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import approve, open_bundle, release

__all__ = ["Promoted", "promote_inside_plan"]

_TAKEN_BACK = ("rollback", "hold")
_NEXT = {Stage.SILENT: Stage.CANARY, Stage.CANARY: Stage.LIVE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Promoted:
    """What became of a challenger's next step.

    Args:
        version: The challenger.
        parent: The champion whose plan of changes counts.
        was: Where it stood.
        stage: Where it stands now.
        outcome: `promoted` by one step; `waits`: not yet, or for a person; `refused`: it does
            worse than the champion.
        why: Each reason, in words.
    """

    version: str
    parent: str
    was: Stage
    stage: Stage
    outcome: Literal["promoted", "waits", "refused"]
    why: tuple[str, ...]


def promote_inside_plan(platform: Platform, model: str, data: Path | None = None) -> Promoted:
    """Move the challenger of a model one step on: from silence to canary, from canary to live.

    It goes by itself only where the plan of changes of the champion, which people approved with
    the champion, holds a modification that is made automatically and the challenger lies inside
    it now; where it has answered in silence for as long as the plan says; where it does no worse
    than the champion on the questions that both were asked; and where every live gate of the step
    passes. Where nothing is live it waits for a person: no plan brings a first version to
    patients. Else it waits, or is refused; nothing is moved then.

    Args:
        platform: The workspace.
        model: Its name.
        data: Newer patients on whom both are judged once more; None: the live questions alone.

    Raises:
        NotFound: there is no such model.
        Refused: no challenger answers (code `no_challenger`), or the actor may not.
    """
    enter(platform, Act.RELEASE, Resource(name=model))
    challenger, champion = _challenger_of(platform, platform.registry.get(model).name)
    verdict = allowed_change(platform, challenger.id, champion.id, decides=True)
    if champion.stage is not Stage.LIVE:
        why = [f"{champion.id} is not live: a person must say who reaches patients first"]
        return _told(platform, challenger, champion, verdict, "waits", why)
    planned = modification_of(platform, verdict)
    if planned is None or planned.made != "automatic":
        why = outside_words(verdict, planned)
        return _told(platform, challenger, champion, verdict, "waits", why)
    early = _too_early(platform, challenger, planned)
    if early:
        return _told(platform, challenger, champion, verdict, "waits", [early])
    worse, account = _worse(platform, challenger, champion, planned, data)
    if worse:
        return _told(platform, challenger, champion, verdict, "refused", worse, account)
    return _promoted(platform, challenger, champion, planned, verdict, account)


def _challenger_of(platform: Platform, model: str) -> tuple[ModelVersion, ModelVersion]:
    """The version that was learnt anew, and what is live; the one in canary comes first.

    What was taken back from patients once does not come back to them by itself.
    """
    judged = dict[str, str]()
    for entry in platform.ledger.entries():
        if entry.action == "retrain.judged" and entry.details.get("outcome") == "silent":
            judged[str(entry.details["version"])] = str(entry.details["parent"])
        elif entry.action in _TAKEN_BACK:
            judged.pop(str(entry.details.get("version")), None)
    versions = platform.registry.versions(model)
    for stage in (Stage.CANARY, Stage.SILENT):
        found = [one for one in versions if one.stage is stage and one.id in judged]
        if found:
            live = [one for one in versions if one.stage is Stage.LIVE]
            return found[-1], (live or [platform.registry.get(judged[found[-1].id])])[-1]
    raise Refused(
        f"No version of '{model}' that was learnt anew inside a plan waits for its next step.",
        fix=f"see what answers: bedside rollout {model}; learn one: bedside retrain {model}.",
        code="no_challenger",
    )


def _too_early(platform: Platform, challenger: ModelVersion, planned: Modification) -> str:
    """How long it must still answer in silence; empty: no longer."""
    if challenger.stage is not Stage.SILENT:
        return ""
    release = next(one for one in platform.registry.releases() if one.version == challenger.id)
    wanted = parse_duration(planned.protocol.update.silent_for)
    passed = platform.clock.now() - parse_instant(release.since or challenger.built_at)
    if passed >= wanted:
        return ""
    told = f"{passed.total_seconds() / 86400:.1f} d"
    return (
        f"it has answered in silence for {told}; the plan says {planned.protocol.update.silent_for}"
    )


def _worse(
    platform: Platform,
    challenger: ModelVersion,
    champion: ModelVersion,
    planned: Modification,
    data: Path | None,
) -> tuple[list[str], Mapping[str, Any]]:
    """Where it does worse on the live questions of both, and on newer patients; the figures."""
    bundle, beside = open_bundle(platform, champion), open_bundle(platform, challenger)
    live = compare_answers(
        answers_of(platform, champion.id, bundle),
        answers_of(platform, challenger.id, beside),
        bundle.declaration.question.outcome.kind,
        horizons=common_horizons(bundle, beside),
    )
    limits = planned.protocol.evaluation.compare
    worse = worse_than(live["differences"], limits)
    document = None
    if data is not None:
        document, _, unknown = compared_with(platform, challenger, champion, data)
        worse += [unknown] if document is None else []
        worse += (
            []
            if document is None
            else worse_than(
                {name: one["difference"] for name, one in document["metrics"].items()}, limits
            )
        )
    return worse, {"live": live, "comparison": document}


def _promoted(
    platform: Platform,
    challenger: ModelVersion,
    champion: ModelVersion,
    planned: Modification,
    verdict: Verdict,
    account: Mapping[str, Any],
) -> Promoted:
    """Approve the step on the strength of the plan, and take it; both ask for the live gates."""
    step, ground = _NEXT[challenger.stage], planned_meaning(planned, verdict)
    try:
        if challenger.approved_for(step) is None:
            name = f"plan of {champion.id}"
            approve(platform, challenger.id, name=name, meaning=ground, step=step)
        moved = release(platform, challenger.id, step)
    except Refused as refused:
        return _told(platform, challenger, champion, verdict, "waits", [refused.problem], account)
    return _told(platform, challenger, champion, verdict, "promoted", [ground], account, moved)


def _told(
    platform: Platform,
    challenger: ModelVersion,
    champion: ModelVersion,
    verdict: Verdict,
    outcome: Literal["promoted", "waits", "refused"],
    why: list[str],
    account: Mapping[str, Any] | None = None,
    moved: ModelVersion | None = None,
) -> Promoted:
    stage = (moved or challenger).stage
    told = {"verdict": verdict_told(verdict), **(account or {})}
    details = {
        "version": challenger.id,
        "parent": champion.id,
        "was": challenger.stage.value,
        "stage": stage.value,
        "outcome": outcome,
        "why": why,
        "modification": verdict.modification,
        "account": digest_of(told),
    }
    platform.ledger.append(
        platform.actor, "retrain.promote", details, sealed=canonical_json({"account": told})
    )
    return Promoted(
        version=challenger.id,
        parent=champion.id,
        was=challenger.stage,
        stage=stage,
        outcome=outcome,
        why=tuple(why),
    )

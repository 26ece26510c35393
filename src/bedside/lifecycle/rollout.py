"""What the versions of a model show in use, and taking them back: by hand, or by a guard."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from bedside.core.clock import iso, parse_duration
from bedside.core.errors import BedsideError, Refused
from bedside.core.ids import canonical_json, digest_of
from bedside.core.records.outcome import Outcome
from bedside.core.records.policy import Act, Resource
from bedside.core.records.rollout import Release
from bedside.core.records.rollout import Rollout as Declared
from bedside.core.records.version import NEXT_STAGES, SHOWN, ModelVersion, Stage
from bedside.deploy.rollout.comparison import compare_answers
from bedside.deploy.rollout.evidence import live_evidence
from bedside.deploy.rollout.guards import GuardResult, judge_guard, needs_sealed
from bedside.lifecycle.door import enter
from bedside.lifecycle.live_answers import answers_of, common_horizons
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import live_case, open_bundle

__all__ = [
    "Fired",
    "GuardJudged",
    "TakenBack",
    "hold",
    "judge_guards",
    "rollback",
    "rollout_of",
    "watch_guards",
]

_LOG = logging.getLogger("bedside.rollout")
_RUNNING = (Stage.LIVE, Stage.CANARY, Stage.SILENT)
_TOLD = ("approve", "release", "release.refused", "rollback", "hold", "suspend", "resume")

# A bundle never changes under its digest, and was verified when this was read from it.
_declared: dict[str, tuple[Declared, Outcome]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBack:
    """A version that is no longer seen, the one that came back (None: no version did), and why.

    `live` is what is live now; None: nobody is shown anything but what a canary shows.
    """

    version: str
    was: Stage
    restored: str | None
    live: str | None
    reason: str
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardJudged:
    """A guard of a version that is seen, and what the last answers say of it."""

    version: str
    stage: Stage
    result: GuardResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Fired:
    """A guard that was broken, and what was done at once."""

    version: str
    then: Literal["hold", "rollback"]
    restored: str | None
    text: str
    metric: str


def rollback(platform: Platform, reference: str, *, reason: str) -> TakenBack:
    """Take back what is seen of a model: the version in canary, else the live one.

    It is silent from now on. The version that a live one superseded is live again in the same
    transaction; without one, answers are withheld from everybody.

    Args:
        platform: The workspace.
        reference: The model's name, or the very version to be taken back.
        reason: Why; kept in the ledger.

    Raises:
        NotFound: there is no such model.
        Refused: nobody is shown any version of it, or somebody else has just taken it back.
    """
    enter(platform, Act.WITHDRAW, Resource(name=reference))
    version = _seen(platform, reference, (Stage.CANARY, Stage.LIVE))
    return _taken_back(platform, version, "rollback", reason)


def hold(platform: Platform, reference: str, *, reason: str, also_live: bool = False) -> TakenBack:
    """Send the version in canary back into silence.

    Args:
        platform: The workspace.
        reference: The model's name, or the very version.
        reason: Why; kept in the ledger.
        also_live: Whether it may be a live one: nothing comes back in its place, and answers are
            withheld from everybody.

    Raises:
        NotFound: there is no such model.
        Refused: no version of it is in canary.
    """
    enter(platform, Act.WITHDRAW, Resource(name=reference))
    stages = (Stage.CANARY, Stage.LIVE) if also_live else (Stage.CANARY,)
    version = _seen(platform, reference, stages)
    return _taken_back(platform, version, "hold", reason)


def judge_guards(platform: Platform, model: str | None = None) -> list[GuardJudged]:
    """What the last answers of each version that is seen say of its guards.

    Args:
        platform: The workspace.
        model: Of this model alone.
    """
    return [one for release in _shown(platform, model) for one in _judged_guards(platform, release)]


def watch_guards(
    platform: Platform,
    model: str | None = None,
    *,
    tell: Callable[[str, BedsideError], None] = lambda _version, _error: None,
    seen: Callable[[list[GuardJudged]], None] = lambda _judged: None,
) -> list[Fired]:
    """Judge the guards once, and hold or roll back at once what breaks one.

    To be called every few seconds, by any number of processes: a version is taken back once, and
    whoever comes second finds that it is done. `tell` hears of each version that could not be
    judged, and why; `seen` hears what was found of the guards of each other one.
    """
    fired: list[Fired] = []
    for release in _shown(platform, model):
        try:
            judged = _judged_guards(platform, release)
        except BedsideError as error:  # of one version; the others are watched all the same
            _LOG.error("the guards of %s were not judged: %s", release.version, error.code)
            tell(release.version, error)
            continue
        seen(judged)
        broken = [one.result for one in judged if one.result.state == "broken"]
        if broken:
            fired += _fired(platform, release, broken[0])
    return fired


def rollout_of(platform: Platform, model: str) -> dict[str, Any]:
    """Where each version of a model is and what it shows there, ready for JSON.

    `versions` (newest first), `comparisons` of what is live with what answers beside it, and
    `history`, the oldest entry first. Sealed answers are opened for it, which the ledger records.

    Raises:
        NotFound: there is no such model.
    """
    name = platform.registry.get(model).name
    releases = {one.version: one for one in platform.registry.releases()}
    versions = list(reversed(platform.registry.versions(name)))
    platform.ledger.append(platform.actor, "rollout.show", {"model": name})
    return {
        "model": name,
        "live": next((one.id for one in versions if one.stage is Stage.LIVE), None),
        "canary": next((one.id for one in versions if one.stage is Stage.CANARY), None),
        "versions": [_told(platform, one, releases.get(one.id)) for one in versions],
        "comparisons": list(_comparisons(platform, versions)),
        "history": list(_history(platform, {one.id for one in versions})),
    }


def _shown(platform: Platform, model: str | None) -> list[Release]:
    releases = platform.registry.releases()
    seen = [one for one in releases if one.stage in SHOWN and not one.suspended]
    return [one for one in seen if model in (None, one.name)]


def _judged_guards(platform: Platform, release: Release) -> list[GuardJudged]:
    return [
        GuardJudged(version=release.version, stage=release.stage, result=one)
        for one in _guards_of(platform, release)
    ]


def _fired(platform: Platform, release: Release, broken: GuardResult) -> list[Fired]:
    """What was done about a broken guard; nothing where another process was quicker."""
    guard = broken.guard
    try:
        version = platform.registry.get(release.version)
        taken = _taken_back(platform, version, guard.then, broken.text, broken=broken)
    except Refused as refused:
        if refused.code not in ("not_shown", "wrong_stage"):
            raise
        return []
    return [
        Fired(
            version=release.version,
            then=guard.then,
            restored=taken.restored,
            text=broken.text,
            metric=guard.metric,
        )
    ]


def _told(platform: Platform, version: ModelVersion, release: Release | None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "version": version.id,
        "stage": version.stage.value,
        "since": None if release is None else release.since,
        "suspended": release is not None and release.suspended,
        "canary": None
        if release is None or release.canary is None
        else {"share": release.canary.share, "wards": list(release.canary.wards)},
        "approved_for": [one.step.value for one in version.step_approvals],
        "unreadable": "",
        "evidence": None,
        "evidence_digest": None,
        "gates": {},
        "guards": [],
    }
    if release is None or version.stage not in _RUNNING:
        return told
    try:
        case = live_case(platform, version)
    except BedsideError as error:
        return told | {"unreadable": error.problem}
    ahead = [step for step in SHOWN if step in NEXT_STAGES[version.stage]]
    guards = _guards_of(platform, release) if version.stage in SHOWN else []
    return told | {
        "evidence": case.evidence,
        "evidence_digest": case.digest,
        "gates": {
            step.value: [asdict(one) for one in case.judged(step)]
            for step in ahead or [version.stage]
        },
        "guards": [
            {
                "metric": one.guard.metric,
                "state": one.state,
                "then": one.guard.then,
                "over": one.guard.over,
                "text": one.text,
            }
            for one in guards
        ],
    }


def _comparisons(platform: Platform, versions: list[ModelVersion]) -> Iterator[dict[str, Any]]:
    """What is live (else in canary, else silent) with each that answers the same beside it."""
    running = sorted(
        (one for one in reversed(versions) if one.stage in _RUNNING),
        key=lambda one: _RUNNING.index(one.stage),
    )
    if len(running) < 2:
        return
    champion, *challengers = running
    bundle = open_bundle(platform, champion)
    first = answers_of(platform, champion.id, bundle)
    for other in challengers:
        beside = open_bundle(platform, other)
        told = compare_answers(
            first,
            answers_of(platform, other.id, beside),
            bundle.declaration.question.outcome.kind,
            horizons=common_horizons(bundle, beside),
        )
        if told["pairs"]:
            yield {"champion": champion.id, "challenger": other.id, **told}


def _history(platform: Platform, versions: set[str]) -> Iterator[dict[str, Any]]:
    for entry in platform.ledger.entries():
        if entry.action in _TOLD and entry.details.get("version") in versions:
            yield {
                "at": entry.at,
                "actor": entry.actor,
                "action": entry.action,
                **entry.details,
            }


def _seen(platform: Platform, reference: str, stages: tuple[Stage, ...]) -> ModelVersion:
    """The version that is meant: the very one, or the first of the model in one of the stages."""
    named = platform.registry.get(reference)
    if reference != named.name:
        if named.stage in stages:
            return named
        raise _nobody(named.name, f"{named.id} is {named.stage}", stages)
    versions = platform.registry.versions(named.name)
    for stage in stages:
        found = [one for one in versions if one.stage is stage]
        if found:
            return found[0]
    raise _nobody(named.name, f"no version of '{named.name}' is {_either(stages)}", stages)


def _nobody(model: str, what: str, stages: tuple[Stage, ...]) -> Refused:
    canary_only = Stage.LIVE not in stages
    also = f", or take the live version back: bedside rollback {model}" if canary_only else ""
    return Refused(
        f"Nothing is taken back: {what}.",
        fix=f"see what is shown now: bedside rollout {model}{also}.",
        code="not_shown",
    )


def _either(stages: tuple[Stage, ...]) -> str:
    return " or ".join("in canary" if one is Stage.CANARY else str(one) for one in stages)


def _taken_back(
    platform: Platform,
    version: ModelVersion,
    action: Literal["hold", "rollback"],
    reason: str,
    *,
    broken: GuardResult | None = None,
) -> TakenBack:
    """It is taken back and the ledger told in one; then the evidence is gathered, if it is not yet.

    Gathering reads every answer, for which nobody must wait who is to be shown no more of it.
    """
    releases = {one.version: one for one in platform.registry.releases()}
    since = releases[version.id].since if version.id in releases else None
    evidence = None if broken is None else dict(broken.evidence)
    told: dict[str, Any] = {"version": version.id, "was": version.stage.value}
    told["stage"] = Stage.SILENT.value
    with platform.together():
        if action == "rollback":
            changed = platform.registry.rollback(version.id)
        else:
            changed = [platform.registry.move(version.id, Stage.SILENT)]
        restored = next((one.id for one in changed if one.stage is Stage.LIVE), None)
        details = told | {"restored": restored, "reason": reason, "automatic": broken is not None}
        details |= {} if evidence is None else {"evidence": digest_of(evidence)}
        sealed = None if evidence is None else canonical_json({"evidence": evidence})
        platform.ledger.append(platform.actor, action, details, sealed=sealed)
    if evidence is None:
        evidence = _evidence(platform, version, since)
        details = told | {"of": action, "evidence": digest_of(evidence)}
        sealed = canonical_json({"evidence": evidence})
        platform.ledger.append(platform.actor, "rollout.evidence", details, sealed=sealed)
    live = [v for v in platform.registry.versions(version.name) if v.stage is Stage.LIVE]
    return TakenBack(
        version=version.id,
        was=version.stage,
        restored=restored,
        live=live[0].id if live else None,
        reason=reason,
        evidence=digest_of(evidence),
    )


def _evidence(platform: Platform, version: ModelVersion, since: str | None) -> dict[str, Any]:
    """What it showed while it was seen; whatever is wrong with its bundle stops nothing here."""
    told = {"version": version.id, "stage": version.stage.value, "since": since}
    try:
        bundle = open_bundle(platform, version)
    except BedsideError as error:
        return told | {"unreadable": error.problem}
    answers = answers_of(platform, version.id, bundle, since=since)
    outcome = bundle.declaration.question.outcome
    return told | live_evidence(answers, outcome.kind, horizons=outcome.horizon_days)


def _guards_of(platform: Platform, release: Release) -> list[GuardResult]:
    """Each guard, over its own period or since the version came to this stage, if that is later."""
    declared, outcome = _declared_by(platform, release)
    results = []
    for guard in declared.guards:
        start = iso(platform.clock.now() - parse_duration(guard.over))
        bundle = None
        if needs_sealed(guard):
            bundle = open_bundle(platform, platform.registry.get(release.version))
        since = max(start, release.since or start)
        answers = answers_of(platform, release.version, bundle, since=since)
        results.append(judge_guard(guard, answers, outcome.kind, outcome.horizon_days))
    return results


def _declared_by(platform: Platform, release: Release) -> tuple[Declared, Outcome]:
    found = _declared.get(release.bundle)
    if found is None:
        declaration = open_bundle(platform, platform.registry.get(release.version)).declaration
        found = _declared[release.bundle] = declaration.rollout, declaration.question.outcome
    return found

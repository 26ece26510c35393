"""From built to live: signed yeses, live evidence, stages; and opening a bundle, all checked."""

from dataclasses import dataclass, field
from typing import Any

from bedside.core.errors import Refused
from bedside.core.ids import canonical_json, digest_of
from bedside.core.records.bundle import Bundle
from bedside.core.records.policy import Act, Resource
from bedside.core.records.rollout import Canary
from bedside.core.records.version import SHOWN, ModelVersion, Stage
from bedside.deploy.rollout.evidence import live_evidence
from bedside.deploy.rollout.gates import LiveResult, judge_live
from bedside.lifecycle.deciding import Hand
from bedside.lifecycle.door import enter
from bedside.lifecycle.live_answers import answers_of
from bedside.lifecycle.local_evidence import validated_here
from bedside.lifecycle.opening import opened
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.promotion import may_be_shown
from bedside.lifecycle.step_decisions import Yes, approve_step, still_decided
from bedside.lifecycle.suspending import may_go_further
from bedside.registry.life import may_release

__all__ = ["LiveCase", "approve", "live_case", "open_bundle", "release"]


def open_bundle(platform: Platform, version: ModelVersion) -> Bundle:
    """The bundle of a version, its digests and its signature checked.

    Raises:
        Refused: a byte was changed, a file added or removed, or the signature does not hold.
    """
    return opened(platform.bundles, version.bundle, platform.signer)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveCase:
    """What a version has shown in the stage where it is.

    `evidence` is as `live_evidence` makes it, with the version, its bundle, its stage and since
    when; `digest` is that of the evidence, under which an approval names it.
    """

    evidence: dict[str, Any]
    bundle: Bundle
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest", digest_of(self.evidence))

    def judged(self, stage: Stage) -> tuple[LiveResult, ...]:
        """Each live gate on the way to a stage."""
        return judge_live(self.bundle.declaration.rollout.gates, self.evidence, stage)


def live_case(platform: Platform, version: ModelVersion) -> LiveCase:
    """What a version has answered since it came to the stage where it is, measured.

    What it did before that does not count: after a step back, the evidence begins anew.

    Raises:
        Refused: the bundle is not intact.
    """
    bundle = open_bundle(platform, version)
    rollout, evaluation = bundle.declaration.rollout, bundle.declaration.evaluation
    since = next((r.since for r in platform.registry.releases() if r.version == version.id), None)
    outcome = bundle.declaration.question.outcome
    evidence = live_evidence(
        answers_of(platform, version.id, bundle, since=since),
        outcome.kind,
        horizons=outcome.horizon_days,
        subgroups=sorted({gate.subgroup for gate in rollout.gates if gate.subgroup}),
        minimum_subgroup=evaluation.minimum_subgroup,
    )
    told = {"version": version.id, "bundle": version.bundle, "stage": version.stage.value}
    return LiveCase(evidence=told | {"since": since} | evidence, bundle=bundle)


def approve(
    platform: Platform,
    version_id: str,
    *,
    name: str,
    meaning: str,
    step: Stage = Stage.SILENT,
    without_evidence: str | None = None,
    hand: Hand | None = None,
) -> ModelVersion:
    """Sign a person's yes to one step of a version; it is bound to what the person was shown.

    The version is approved once the decision on the step has every signature that it needs.

    Args:
        platform: The workspace.
        version_id: Which version.
        name: The printed name.
        meaning: What the person confirms.
        step: Silent (the first yes, by the gates of the build), canary or live (by live gates).
        without_evidence: Why the yes is given though the live gates have not passed.
        hand: What the person signs with; the workspace's own key while nobody holds a role.

    Raises:
        Refused: a gate failed, the bundle is not intact, the version cannot take that step, it
            comes from a hub and was not validated here (see `validated_here`), or the signature
            does not count (see `sign_decision`).
    """
    enter(platform, Act.APPROVE, Resource(name=version_id))
    version = platform.registry.get(version_id)
    open_bundle(platform, version)
    if not version.gates_passed:
        may_release(version)
    validated_here(platform, version)
    if not name.strip() or not meaning.strip():
        raise Refused(
            "An approval needs the printed name and what it means.",
            fix="give --name and --meaning.",
        )
    case = None
    if step in SHOWN:
        may_release(version, Stage.SILENT)
        case = _case_for(platform, version, step, without_evidence)
    return approve_step(
        platform,
        version,
        Yes(
            name=name,
            meaning=meaning,
            step=step,
            digest=None if case is None else case.digest,
            evidence=None if case is None else case.evidence,
            without_evidence=without_evidence,
        ),
        hand,
    )


def release(
    platform: Platform,
    version_id: str,
    stage: Stage,
    *,
    canary: Canary | None = None,
    without_evidence: str | None = None,
) -> ModelVersion:
    """Move an approved version to silent, canary, live or retired.

    Before clinicians see it (canary, live), its live gates must pass on what it answered in the
    stage where it is, and a person must have approved that step.

    Args:
        platform: The workspace.
        version_id: Which version.
        stage: Where to.
        canary: Who sees it in canary; None: as declared.
        without_evidence: Why it goes on though its live gates have not passed; kept in the ledger.

    Raises:
        Refused: a gate failed (codes `gates_failed`, `live_gates`), nobody approved it
            (`not_approved`, `step_not_approved`), the hazard log or an open incident forbids it
            (see `may_be_shown`), the bundle is not intact, no such step, or it
            comes from a hub and was not validated here (see `validated_here`).
    """
    enter(platform, Act.RELEASE, Resource(name=version_id))
    version = platform.registry.get(version_id)
    details: dict[str, Any] = {"version": version.id, "stage": stage.value}
    case = None
    try:
        if stage is not Stage.RETIRED:
            may_release(version, Stage.SILENT)
            validated_here(platform, version)
            still_decided(platform, version, stage)
            bundle = open_bundle(platform, version)
            may_be_shown(platform, version, bundle, stage)
            may_go_further(platform, version, stage)
            if stage is Stage.CANARY:
                canary = canary or bundle.declaration.rollout.canary
                details |= {"share": canary.share, "wards": list(canary.wards)}
        if stage in SHOWN:
            case = _case_for(platform, version, stage, without_evidence)
            details |= _signed(platform, version, stage, case)
        details |= {} if without_evidence is None else {"without_evidence": without_evidence}
        sealed = None if case is None else canonical_json({"evidence": case.evidence})
        with platform.together():
            moved = platform.registry.move(version.id, stage, canary=canary)
            platform.ledger.append(platform.actor, "release", details, sealed=sealed)
    except Refused as refusal:
        refused = {"version": version.id, "stage": stage.value, "code": refusal.code}
        platform.ledger.append(platform.actor, "release.refused", refused)
        raise
    return moved


def _case_for(
    platform: Platform, version: ModelVersion, stage: Stage, without_evidence: str | None
) -> LiveCase:
    """The live evidence for a step, once every gate has passed or a reason is given why not."""
    if without_evidence is not None and not without_evidence.strip():
        raise Refused(
            "A step without evidence needs its reason.", fix="say why after --without-evidence."
        )
    case = live_case(platform, version)
    missing = [one for one in case.judged(stage) if one.state != "passed"]
    if missing and without_evidence is None:
        told = "; ".join(f"{one.state}: {one.text}" for one in missing)
        raise Refused(
            f"The live evidence does not let {version.id} become {stage}: {told}.",
            fix=_what_helps(version, any(one.state == "failed" for one in missing)),
            code="live_gates",
        )
    return case


def _what_helps(version: ModelVersion, failed: bool) -> str:
    if version.stage is Stage.APPROVED:
        return f"let it answer in silence first: bedside release {version.id} --stage silent."
    if failed:
        return f"look at bedside rollout {version.name}; improve the model and build again."
    return f"wait for more answers and outcomes; see bedside rollout {version.name}."


def _signed(
    platform: Platform, version: ModelVersion, stage: Stage, case: LiveCase
) -> dict[str, Any]:
    """What the ledger says of the yes for a step: the evidence then, and the evidence now.

    The yes that the registry knows must stand in the ledger too, which nobody can quietly change.
    """
    may_release(version, stage)
    yes = version.approved_for(stage)
    if yes is None:
        return {"evidence": case.digest}
    wanted = {"version": version.id, "bundle": version.bundle, "step": stage.value}
    wanted["evidence"] = yes.evidence or ""
    if not any(
        entry.action == "approve" and wanted.items() <= entry.details.items()
        for entry in platform.ledger.entries()
    ):
        raise Refused(
            f"The approval of {version.id} for {stage} does not stand in the ledger.",
            fix=f"approve it again: bedside approve {version.id} --for {stage}.",
            code="approval_not_in_ledger",
        )
    return {"evidence": case.digest, "approved_evidence": yes.evidence}

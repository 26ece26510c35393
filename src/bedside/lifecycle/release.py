"""From built to live: a signed yes, then a stage; and opening a bundle with every byte checked."""

from bedside.core.clock import iso
from bedside.core.errors import Refused
from bedside.core.ids import canonical_json
from bedside.core.records.bundle import Bundle
from bedside.core.records.version import Approval, ModelVersion, Stage
from bedside.lifecycle.opening import opened
from bedside.lifecycle.platform import Platform
from bedside.registry.life import may_release

__all__ = ["approve", "open_bundle", "release"]


def open_bundle(platform: Platform, version: ModelVersion) -> Bundle:
    """The bundle of a version, its digests and its signature checked.

    Raises:
        Refused: a byte was changed, a file added or removed, or the signature does not hold.
    """
    return opened(platform.bundles, version.bundle, platform.signer)


def approve(platform: Platform, version_id: str, *, name: str, meaning: str) -> ModelVersion:
    """Record a person's approval of a version whose gates passed.

    Raises:
        Refused: a gate failed, the bundle is not intact, or the version is past approval.
    """
    version = platform.registry.get(version_id)
    open_bundle(platform, version)
    if not version.gates_passed:
        may_release(version)
    if not name.strip() or not meaning.strip():
        raise Refused(
            "An approval needs the printed name and what it means.",
            fix="give --name and --meaning.",
        )
    approval = Approval(
        version=version.id,
        name=name,
        actor=platform.actor.name,
        meaning=meaning,
        approved_at=iso(platform.clock.now()),
    )
    approved = platform.registry.record_approval(approval)
    platform.ledger.append(
        platform.actor,
        "approve",
        {"version": version.id, "bundle": version.bundle, "meaning": meaning},
        sealed=canonical_json({"name": name}),
    )
    return approved


def release(platform: Platform, version_id: str, stage: Stage) -> ModelVersion:
    """Move an approved version to silent, live or retired.

    Raises:
        Refused: a gate failed, nobody approved it, the bundle is not intact, or no such step.
    """
    version = platform.registry.get(version_id)
    try:
        if stage is not Stage.RETIRED:
            may_release(version)
            open_bundle(platform, version)
        moved = platform.registry.move(version.id, stage)
    except Refused as refusal:
        platform.ledger.append(
            platform.actor,
            "release.refused",
            {"version": version.id, "stage": stage.value, "code": refusal.code},
        )
        raise
    platform.ledger.append(platform.actor, "release", {"version": version.id, "stage": stage.value})
    return moved

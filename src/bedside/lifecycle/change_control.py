"""Whether a new version is a change that the version before it planned; a decision is kept."""

import json
from dataclasses import asdict
from typing import Any

import msgspec

from bedside.core.errors import Invalid
from bedside.core.ids import canonical_json, digest_bytes, digest_of
from bedside.core.records.bundle import EVIDENCE, FEATURES, LEARNT, MODEL, Bundle
from bedside.core.records.change_control import ChangePlan, Modification
from bedside.core.records.policy import Act, Resource
from bedside.core.records.version import ModelVersion, Stage
from bedside.deploy.package.sealing import read_facts
from bedside.governance.changes.parts import Side
from bedside.governance.changes.verdict import Verdict, verdict_of
from bedside.lifecycle.door import enter
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle

__all__ = ["allowed_change", "modification_of", "parent_of", "verdict_told"]

_BEFORE = (Stage.LIVE, Stage.CANARY, Stage.SUPERSEDED, Stage.SILENT, Stage.APPROVED)


def allowed_change(
    platform: Platform,
    version_id: str,
    parent_id: str | None = None,
    *,
    decides: bool = False,
) -> Verdict:
    """Hold a version against the plan of changes of the version before it.

    Nothing is released by it. A step that trusts the verdict asks with `decides`, so that the
    ledger keeps what was decided on which evidence.

    Args:
        platform: The workspace.
        version_id: The new version.
        parent_id: The version before; None: see `parent_of`.
        decides: Whether a decision rests on it.

    Raises:
        NotFound: there is no such version.
        Invalid: it is compared with itself, or with a version of another model.
        Refused: a bundle is not intact.
    """
    enter(platform, Act.DESCRIBE, Resource(name=version_id))
    new = platform.registry.get(version_id)
    parent = parent_of(platform, new) if parent_id is None else platform.registry.get(parent_id)
    if parent.id == new.id or parent.name != new.name:
        raise Invalid(
            f"{new.id} is no change of {parent.id}.",
            fix=f"name another version of '{new.name}': bedside versions.",
        )
    before, after = open_bundle(platform, parent), open_bundle(platform, new)
    plan = before.declaration.change_control
    found = verdict_of(plan, _side(platform, parent, before), _side(platform, new, after))
    if decides:
        told = verdict_told(found)
        details = {
            "version": new.id,
            "parent": parent.id,
            "standing": found.standing,
            "modification": found.modification,
            "verdict": digest_of(told),
        }
        sealed = canonical_json({"verdict": told})
        platform.ledger.append(platform.actor, "change.judged", details, sealed=sealed)
    return found


def parent_of(platform: Platform, version: ModelVersion) -> ModelVersion:
    """The version whose plan counts: that which it recalibrates, else what is in use.

    In use: live, else in canary, else what was live last, else silent, else approved; else the
    newest that was built before it.

    Raises:
        Invalid: it is the first of its model.
    """
    others = [one for one in platform.registry.versions(version.name) if one.id != version.id]
    facts = read_facts(platform.bundles, version.bundle)
    bundle = facts.get("recalibrated", {}).get("parent")
    found = [one for one in others if one.bundle == bundle]
    for stage in _BEFORE:
        found = found or [one for one in others if one.stage is stage]
    earlier = [one for one in others if one.built_at <= version.built_at]
    found = found or sorted(earlier, key=lambda one: one.built_at)
    if not found:
        raise Invalid(
            f"{version.id} is the first version of '{version.name}': there is nothing it changes.",
            fix="name the version before it with --from.",
        )
    return found[-1]


def modification_of(platform: Platform, verdict: Verdict) -> Modification | None:
    """The planned modification that a version is, with its update procedure; None: it is none."""
    plan = open_bundle(platform, platform.registry.get(verdict.parent)).declaration.change_control
    if not isinstance(plan, ChangePlan):
        return None
    return next((one for one in plan.modifications if one.id == verdict.modification), None)


def verdict_told(verdict: Verdict) -> dict[str, Any]:
    """A verdict, ready for JSON."""
    told: dict[str, Any] = asdict(verdict)
    for change in told["changes"]:
        del change["value"]
    return told


def _side(platform: Platform, version: ModelVersion, bundle: Bundle) -> Side:
    facts = read_facts(platform.bundles, version.bundle)
    features = json.loads(bundle.files[FEATURES])["features"]
    model, calibration = _learnt(bundle)
    return Side(
        id=version.id,
        declared=msgspec.to_builtins(bundle.declaration),
        evidence=json.loads(bundle.files[EVIDENCE]),
        features=tuple(one["name"] for one in features),
        snapshot=str(facts.get("snapshot", "")),
        model=digest_of([features, model]),
        calibration=calibration,
        software={"bedside": str(facts.get("code", "")), **facts.get("environment", {})},
        gates=version.gates,
        built_at=version.built_at,
    )


def _learnt(bundle: Bundle) -> tuple[str, str]:
    """Digests of what was learnt, and of its calibration; of an older bundle both are one."""
    learnt = bundle.files.get(LEARNT)
    if learnt is None:
        whole = digest_bytes(bundle.files[MODEL])
        return whole, whole
    told = json.loads(learnt)
    calibration = told.pop("calibration", None)
    return digest_of(told), digest_of(calibration)

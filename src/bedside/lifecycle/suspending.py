"""Letting a version abstain from every answer until a person lifts it, and lifting it."""

from dataclasses import dataclass

from bedside.core.errors import Invalid, Refused
from bedside.core.records.policy import Act, Resource
from bedside.core.records.rollout import Release
from bedside.core.records.version import SHOWN, ModelVersion, Stage
from bedside.lifecycle.door import enter
from bedside.lifecycle.platform import Platform

__all__ = ["Suspended", "is_suspended", "may_go_further", "refuse_suspended", "resume", "suspend"]

_ORDER = (Stage.LIVE, Stage.CANARY, Stage.SILENT, Stage.SUPERSEDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspended:
    """A version that abstains now, or no longer; `changed` says whether that is new."""

    version: str
    stage: Stage
    suspended: bool
    changed: bool
    reason: str


def suspend(platform: Platform, reference: str, *, reason: str) -> Suspended:
    """Let each answer of a version be an abstention with the reason `suspended`.

    Every server follows within a second, as with a rollback; clinicians see on every wire that
    there is no score, and why. Unlike a rollback it needs no version to go back to.

    Args:
        platform: The workspace.
        reference: The version, or its model: then the live one, else in canary, else silent.
        reason: Why; kept in the ledger.

    Raises:
        NotFound: there is no such version.
        Refused: no server runs it (code `not_released`).
    """
    enter(platform, Act.WITHDRAW, Resource(name=reference))
    return _set(platform, _meant(platform, reference, suspended=False), reason, suspended=True)


def resume(platform: Platform, reference: str, *, reason: str) -> Suspended:
    """Let a suspended version give scores again; its live evidence begins anew.

    Args:
        platform: The workspace.
        reference: The version, or its model: then the suspended one that is seen most.
        reason: What was found; kept in the ledger.

    Raises:
        NotFound: there is no such version.
        Invalid: no reason is given.
        Refused: no server runs it (code `not_released`).
    """
    if not reason.strip():
        raise Invalid("Nothing says why it is lifted.", fix="say what was found with --reason.")
    enter(platform, Act.RELEASE, Resource(name=reference))
    return _set(platform, _meant(platform, reference, suspended=True), reason, suspended=False)


def is_suspended(platform: Platform, version: ModelVersion) -> bool:
    """Whether it abstains from every answer now."""
    return any(one.version == version.id and one.suspended for one in platform.registry.releases())


def refuse_suspended(release: Release) -> None:
    """Refuse to bring a suspended version further.

    Raises:
        Refused: so (code `suspended`).
    """
    if release.suspended:
        raise Refused(
            f"{release.version} is suspended: it abstains from every answer.",
            fix=f"look into its alarms, then: bedside resume {release.version} --reason '…'.",
            code="suspended",
        )


def may_go_further(platform: Platform, version: ModelVersion, stage: Stage) -> None:
    """Refuse a step towards clinicians of a version that is suspended.

    Raises:
        Refused: so (code `suspended`).
    """
    if stage in SHOWN:
        for one in platform.registry.releases():
            if one.version == version.id:
                refuse_suspended(one)


def _meant(platform: Platform, reference: str, *, suspended: bool) -> ModelVersion:
    """The very version, or of a model that which is seen most; among those that would change."""
    named = platform.registry.get(reference)
    if reference != named.name:
        return named
    found = [one for one in platform.registry.releases() if one.name == named.name]
    fit = [one for one in found if one.suspended is suspended] or found
    ranked = sorted(fit, key=lambda one: _ORDER.index(one.stage))
    return platform.registry.get(ranked[0].version) if ranked else named


def _set(platform: Platform, version: ModelVersion, reason: str, *, suspended: bool) -> Suspended:
    with platform.together():
        changed = platform.registry.suspend(version.id, suspended=suspended)
        details = {
            "version": version.id,
            "stage": version.stage.value,
            "reason": reason,
            "changed": changed,
        }
        platform.ledger.append(platform.actor, "suspend" if suspended else "resume", details)
    return Suspended(
        version=version.id,
        stage=version.stage,
        suspended=suspended,
        changed=changed,
        reason=reason,
    )

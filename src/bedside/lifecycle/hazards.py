"""The hazard log of a version as of now: from its evidence, live gates, guards and monitoring."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from bedside.core.records.policy import Act, Resource
from bedside.core.records.version import NEXT_STAGES, SHOWN, ModelVersion, Stage
from bedside.governance.hazard_states import HazardState, Shown, hazard_states
from bedside.lifecycle.door import enter
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import live_case, open_bundle
from bedside.lifecycle.rollout import judge_guards

__all__ = ["hazards_now", "hazards_told", "version_in_use"]

_RUNNING = (Stage.LIVE, Stage.CANARY, Stage.SILENT)
_LIVE = {"passed": "works", "not yet": "not yet", "failed": "broken"}
_GUARDS = {"kept": "works", "too few": "not yet", "broken": "broken"}
_MONITOR = {
    "quiet": ("works", "the last run saw nothing move"),
    "moved": ("broken", "the last run saw something move: look at its report"),
    "cannot_know": ("not yet", "the last run could not know yet"),
}


def version_in_use(platform: Platform, reference: str) -> ModelVersion:
    """The version that is meant: that very one, or of a model the one that is furthest in use.

    Raises:
        NotFound: there is no such model.
    """
    named = platform.registry.get(reference)
    if reference != named.name:
        return named
    versions = platform.registry.versions(named.name)
    for stage in _RUNNING:
        found = [one for one in versions if one.stage is stage]
        if found:
            return found[-1]
    return named


def hazards_now(platform: Platform, reference: str) -> tuple[ModelVersion, tuple[HazardState, ...]]:
    """Each hazard of a version's log, with the state of each control.

    Sealed answers are opened for live gates and guards, which the ledger records.

    Args:
        platform: The workspace.
        reference: A version, or a model's name: see `version_in_use`.

    Raises:
        NotFound: there is no such model.
        Refused: the bundle is not intact.
    """
    enter(platform, Act.DESCRIBE, Resource(name=reference))
    version = version_in_use(platform, reference)
    declaration = open_bundle(platform, version).declaration
    shown = Shown(
        gates=version.gates,
        live=dict(_live(platform, version)),
        guards=dict(_guards(platform, version)),
        monitor=_monitored(platform, version),
    )
    states = hazard_states(declaration, shown)
    told = {
        "version": version.id,
        "hazards": len(states),
        "open": [one.hazard.id for one in states if one.is_open],
    }
    platform.ledger.append(platform.actor, "hazards.show", told)
    return version, states


def hazards_told(version: ModelVersion, states: tuple[HazardState, ...]) -> dict[str, Any]:
    """The log, ready for JSON."""
    return {
        "version": version.id,
        "stage": version.stage.value,
        "hazards": [
            {
                **asdict(one.hazard),
                "risk_before": one.before,
                "risk_after": one.after,
                "accepted": one.accepted,
                "open": one.is_open,
                "controls": [
                    {
                        "kind": each.control.kind,
                        "name": each.control.name,
                        "subgroup": each.control.subgroup,
                        "state": each.state,
                        "text": each.text,
                    }
                    for each in one.controls
                ],
            }
            for one in states
        ],
    }


def _live(platform: Platform, version: ModelVersion) -> Iterator[tuple[Any, Any]]:
    if version.stage not in _RUNNING:
        return
    case = live_case(platform, version)
    ahead = [step for step in SHOWN if step in NEXT_STAGES[version.stage]] or [version.stage]
    for stage in reversed(ahead):  # of a gate on both ways, what the nearer step says counts
        for one in case.judged(stage):
            yield (one.metric, one.subgroup), (_LIVE[one.state], one.text)


def _guards(platform: Platform, version: ModelVersion) -> Iterator[tuple[str, Any]]:
    for one in judge_guards(platform, version.name):
        if one.version == version.id:
            yield one.result.guard.metric, (_GUARDS[one.result.state], one.result.text)


def _monitored(platform: Platform, version: ModelVersion) -> Any:
    last = None
    for entry in platform.ledger.entries():
        if entry.action == "monitor" and entry.details.get("version") == version.id:
            state, text = _MONITOR.get(str(entry.details.get("status")), ("not yet", "unknown"))
            last = state, f"{text} ({entry.at[:10]})"
    return last

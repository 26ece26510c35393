"""Learning a model anew on newer data, by the declaration of the version in use."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from bedside.core.clock import parse_duration, parse_instant
from bedside.core.errors import BedsideError, Invalid, Refused
from bedside.core.records.bundle import DECLARATION_SOURCE, Bundle
from bedside.core.records.version import ModelVersion, Stage
from bedside.lifecycle.asking import Asking, steps_of
from bedside.lifecycle.build import build_declared
from bedside.lifecycle.challenging import Challenge, challenge
from bedside.lifecycle.change_control import verdict_told
from bedside.lifecycle.intake import intake_of
from bedside.lifecycle.patients import facts_of
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle

__all__ = ["champion_of", "due_for_retraining", "retrain", "retrained_before", "retrained_told"]

_IN_USE = (Stage.LIVE, Stage.CANARY, Stage.SILENT, Stage.APPROVED)


def retrain(platform: Platform, model: str, data: Path | None = None, *, because: str) -> Challenge:
    """Build a new version on the data of now, and judge it as a challenger; see `challenge`.

    The declaration is that in the bundle of the version in use, with its questions, features,
    learner and gates. Killed and called again it goes on where it stopped: what is built is found
    again, and each step of the release is taken once. What stands in the workspace is never
    changed: whatever happens, the champion stays.

    Args:
        platform: The workspace.
        model: Its name.
        data: The folder or file of the data, old cases and new; None: what the collected source
            holds now.
        because: Why; kept in the ledger.

    Raises:
        NotFound: there is no such model, or no such data.
        Invalid: no reason is given, or the data are wrong.
        Refused: no version is in use (code `nothing_in_use`), the model was learnt elsewhere
            (`imported`), the data are those of the last build (`nothing_new`), or the build is
            refused, as by the leakage audit.
        Unavailable: the disk is full, or another build holds the workspace.
    """
    if not because.strip():
        raise Invalid("Nothing says why it is learnt anew.", fix="say why with --because.")
    champion = champion_of(platform, model)
    if data is not None and open_bundle(platform, champion).declaration.data.source:
        raise Invalid(
            f"'{champion.name}' learns from a collected source, not from files.",
            fix="collect them first: bedside data collect, and leave --data out.",
            code="collect_first",
        )
    about: dict[str, Any] = {"model": champion.name, "parent": champion.id, "reason": because}
    platform.ledger.append(platform.actor, "retrain.start", about)
    try:
        bundle = open_bundle(platform, champion)
        _refuse_imported(platform, champion)
        _refuse_old_data(platform, champion, bundle, data)
        built = build_declared(platform, bundle.files[DECLARATION_SOURCE], data)
        if built.version.id == champion.id:
            raise _nothing_new(champion)
        done = challenge(platform, built.version, champion, data)
    except BedsideError as error:
        platform.ledger.append(platform.actor, "retrain.refused", about | {"code": error.code})
        raise
    ended = {"version": done.version, "outcome": done.outcome, "stage": done.stage.value}
    platform.ledger.append(platform.actor, "retrain.done", about | ended)
    return done


def champion_of(platform: Platform, model: str) -> ModelVersion:
    """The version in use: live, else in canary, else silent, else approved, the newest.

    Raises:
        NotFound: there is no such model.
        Refused: none of its versions is in use (code `nothing_in_use`).
    """
    name = platform.registry.get(model).name
    versions = platform.registry.versions(name)
    for stage in _IN_USE:
        found = [one for one in versions if one.stage is stage]
        if found:
            return found[-1]
    raise Refused(
        f"No version of '{name}' is in use, so there is nothing to learn anew.",
        fix="build one and approve it: bedside build, bedside approve.",
        code="nothing_in_use",
    )


def due_for_retraining(platform: Platform, version: ModelVersion) -> bool:
    """Whether the declared time has passed since the version was built, or last learnt anew.

    A retraining that was refused counts too: it is tried again a period later, or on an alarm.
    """
    every = open_bundle(platform, version).declaration.monitoring.watch.retrain_every
    if every is None:
        return False
    now, period = platform.clock.now(), parse_duration(every)
    if now - parse_instant(version.built_at) < period:
        return False
    return all(now - one >= period for one in _tried(platform, version.name))


def retrained_before(platform: Platform, model: str, because: str) -> Mapping[str, Any] | None:
    """How a retraining for this very reason ended (`version`, `outcome`, `stage`), if one did."""
    found = [
        entry.details
        for entry in platform.ledger.entries()
        if entry.action == "retrain.done"
        and (entry.details.get("model"), entry.details.get("reason")) == (model, because)
    ]
    return found[-1] if found else None


def retrained_told(done: Challenge) -> dict[str, Any]:
    """What became of a challenger, ready for JSON."""
    told = asdict(done) | {"why": list(done.why), "stage": done.stage.value}
    told["verdict"] = None if done.verdict is None else verdict_told(done.verdict)
    told["page"] = None if done.page is None else str(done.page)
    return told


def _tried(platform: Platform, model: str) -> list[datetime]:
    return [
        parse_instant(entry.at)
        for entry in platform.ledger.entries()
        if entry.action in ("retrain.done", "retrain.refused")
        and entry.details.get("model") == model
    ]


def _refuse_imported(platform: Platform, champion: ModelVersion) -> None:
    if "imported" in facts_of(platform, champion):
        raise Refused(
            f"{champion.id} was learnt elsewhere, so it cannot be learnt anew here.",
            fix="bring the new model: bedside import; or recalibrate: bedside recalibrate.",
            code="imported",
        )


def _refuse_old_data(
    platform: Platform, champion: ModelVersion, bundle: Bundle, data: Path | None
) -> None:
    """Refuse to learn again from the very data of the champion, or of a finished challenger."""
    with platform.lock():
        asking = Asking(
            platform=platform,
            declaration=bundle.declaration,
            intake=intake_of(platform, bundle.declaration, data),
            steps=steps_of(platform, platform.folder / "steps"),
        )
        prepared = asking.prepare(asking.collect())
        snapshot = asking.steps.read(prepared, "snapshot").decode()
    for version in (champion, *_challengers(platform, champion)):
        if facts_of(platform, version).get("snapshot") == snapshot:
            raise _nothing_new(version)


def _challengers(platform: Platform, champion: ModelVersion) -> list[ModelVersion]:
    """Versions that were learnt anew from this champion, and judged to the end."""
    ids = {
        str(entry.details["version"])
        for entry in platform.ledger.entries()
        if entry.action == "retrain.done" and entry.details.get("parent") == champion.id
    }
    return [one for one in platform.registry.versions(champion.name) if one.id in ids]


def _nothing_new(version: ModelVersion) -> Refused:
    return Refused(
        f"The data are those of {version.id}: nothing new can be learnt from them.",
        fix="bring newer cases with --data, or collect them: bedside data collect.",
        code="nothing_new",
    )

"""The dead man's switch of the monitor: a version in use that nobody watched is an alarm itself."""

from dataclasses import dataclass
from datetime import datetime

from bedside.core.clock import iso, parse_duration, parse_instant
from bedside.core.errors import NotFound
from bedside.core.records.policy import Act, Resource
from bedside.core.records.version import ModelVersion, Stage
from bedside.core.records.watch import Alarm
from bedside.lifecycle.alarms import raise_alarms
from bedside.lifecycle.door import enter
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle
from bedside.monitor.causes.drafts import AlarmDraft

__all__ = ["IN_USE", "PATIENCE", "Attended", "attended", "check_runs", "versions_in_use"]

PATIENCE = 2
"""A run is missed where none came within so many times `monitoring.watch.every`."""


IN_USE = (Stage.SILENT, Stage.CANARY, Stage.LIVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attended:
    """Whether a version in use is watched.

    Args:
        version: The version's id.
        stage: Where it is.
        last: When its monitor ran last (ISO 8601); None: never.
        every: How often it should run, as declared.
        due: The latest moment at which it should have run (ISO 8601).
        missed: Whether that has passed.
        alarm: The alarm about it; None: it was not missed.
    """

    version: str
    stage: str
    last: str | None
    every: str
    due: str
    missed: bool
    alarm: Alarm | None = None


def versions_in_use(platform: Platform, model: str | None = None) -> list[ModelVersion]:
    """Every version that answers now: in silent, canary or live.

    Raises:
        NotFound: a model is named, and there is none of this name.
    """
    versions = platform.registry.versions(model)
    if model is not None and not versions:
        raise NotFound("There is no such model.", fix="see which there are: bedside versions.")
    return [one for one in versions if one.stage in IN_USE]


def check_runs(platform: Platform, model: str | None = None) -> list[Attended]:
    """Whether every version in use was watched in time; where not, an alarm is raised.

    A version is due from its release on. The same missed run raises no second alarm while the
    first is not resolved.

    Args:
        platform: The workspace.
        model: Its name; None: every model.

    Raises:
        NotFound: there is no such model.
        Refused: a bundle is not intact.
    """
    enter(platform, Act.MONITOR, Resource(name=model or ""))
    return attended(platform, model)


def attended(platform: Platform, model: str | None = None) -> list[Attended]:
    """The same for a server, which watches on nobody's behalf."""
    since = {one.version: one.since for one in platform.registry.releases()}
    return [
        _attended(platform, one, since.get(one.id) or one.built_at)
        for one in versions_in_use(platform, model)
    ]


def _attended(platform: Platform, version: ModelVersion, since: str) -> Attended:
    watch = open_bundle(platform, version).declaration.monitoring.watch
    run = platform.watch_book.run(version.id)
    begin = parse_instant(since)
    if run is not None:
        begin = max(begin, parse_instant(run.at))
    due = begin + PATIENCE * parse_duration(watch.every)
    alarm = None
    if platform.clock.now() > due:
        draft = _draft(begin, watch.every, ran=run is not None)
        (alarm,) = raise_alarms(platform, version, [draft], owner=watch.owner)
    return Attended(
        version=version.id,
        stage=version.stage.value,
        last=None if run is None else run.at,
        every=watch.every,
        due=iso(due),
        missed=alarm is not None,
        alarm=alarm,
    )


def _draft(begin: datetime, every: str, *, ran: bool) -> AlarmDraft:
    day = begin.date().isoformat()
    what = "its monitor ran last" if ran else "its monitor has not run since it was released"
    return AlarmDraft(
        key="missed_run",
        kind="run",
        severity="high",
        cause="missed_run",
        onset=day,
        text=f"Nobody watches this version: {what} on {day}, and should run every {every}.",
    )

"""How each version in use stands: quiet, moved, not watched, or not known; nothing is changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bedside.core.clock import iso, parse_duration, parse_instant
from bedside.core.errors import BedsideError
from bedside.core.records.policy import Act, Resource
from bedside.core.records.version import ModelVersion
from bedside.core.records.watch import SEVERITIES, Alarm
from bedside.lifecycle.door import enter
from bedside.lifecycle.missed_runs import PATIENCE, versions_in_use
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle

__all__ = ["STANDING", "InUse", "Standing", "in_use", "live_page_of", "open_alarms"]

Standing = Literal["moved", "unwatched", "unknown", "quiet"]

STANDING: dict[Standing, str] = {
    "moved": "something moved",
    "unwatched": "not watched",
    "unknown": "cannot know",
    "quiet": "quiet",
}
"""How a version stands, in plain words, the worst first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InUse:
    """How a version that answers stands.

    Args:
        model: The model's name.
        title: What it is called; the name, where its bundle cannot be opened.
        version: The version's id.
        mark: The first letters of the digest of its bundle, by which its page is asked for.
        stage: Where it is.
        standing: One of `STANDING`.
        why: The same in a sentence.
        watched: When its monitor ran last (ISO 8601); None: never.
        owner: Who is told of its alarms, as declared.
        alarms: How many of its alarms are not resolved.
        has_page: Whether the page of its last run lies in the workspace.
    """

    model: str
    title: str
    version: str
    mark: str
    stage: str
    standing: Standing
    why: str
    watched: str | None
    owner: str
    alarms: int
    has_page: bool


def in_use(platform: Platform) -> list[InUse]:
    """Every version in use, the worst first; no alarm is raised about it.

    Raises:
        Refused: the actor may not watch models.
    """
    enter(platform, Act.MONITOR, Resource())
    since = {one.version: one.since for one in platform.registry.releases()}
    found = [_in_use(platform, one, since) for one in versions_in_use(platform)]
    order = list(STANDING)
    return sorted(found, key=lambda one: (order.index(one.standing), one.model, one.version))


def open_alarms(platform: Platform) -> list[Alarm]:
    """Every alarm that is not resolved, the most severe first, then the oldest.

    Raises:
        Refused: the actor may not watch models.
    """
    enter(platform, Act.MONITOR, Resource())
    found = platform.alarms.all(unresolved=True)
    return sorted(found, key=lambda one: (-SEVERITIES.index(one.severity), one.raised))


def live_page_of(platform: Platform, version: ModelVersion) -> Path | None:
    """The page of the last run of a version's monitor; None: there is none, or it is a link."""
    reports = platform.folder / "reports"
    page = reports / f"{version.id.replace('@', '-')}-live.html"
    if page.is_symlink() or not page.is_file() or page.resolve().parent != reports.resolve():
        return None
    return page


def _in_use(platform: Platform, version: ModelVersion, since: Mapping[str, str | None]) -> InUse:
    alarms = [
        one
        for one in platform.alarms.all(version.name, unresolved=True)
        if one.version == version.id
    ]
    title, owner, watched = version.name, "", None
    try:
        declared = open_bundle(platform, version).declaration
        title, owner = declared.title, declared.monitoring.watch.owner
        run = platform.watch_book.run(version.id)
        watched = None if run is None else run.at
        begin = watched or since.get(version.id) or version.built_at
        standing, why = _standing(
            platform, declared.monitoring.watch.every, begin, watched, len(alarms)
        )
    except BedsideError as error:  # one that cannot be read must not hide the others
        standing, why = "unknown", f"It cannot be told: {error.problem}"
    return InUse(
        model=version.name,
        title=title,
        version=version.id,
        mark=version.bundle[:12],
        stage=version.stage.value,
        standing=standing,
        why=why,
        watched=watched,
        owner=owner,
        alarms=len(alarms),
        has_page=live_page_of(platform, version) is not None,
    )


def _standing(
    platform: Platform, every: str, begin: str, watched: str | None, alarms: int
) -> tuple[Standing, str]:
    since = parse_instant(begin)
    is_late = platform.clock.now() > since + PATIENCE * parse_duration(every)
    day = iso(since)[:10]
    late = f"Nobody has watched it since {day}; its monitor should run every {every}."
    if alarms:
        many = "1 alarm is" if alarms == 1 else f"{alarms} alarms are"
        return "moved", f"{many} not resolved.{f' {late}' if is_late else ''}"
    if is_late:
        return "unwatched", late
    if watched is None:
        return "unknown", "Its monitor has not run yet, and need not have."
    return "quiet", "Nothing that is watched moved beyond chance."

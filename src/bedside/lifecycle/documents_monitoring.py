"""What a workspace knows of a model in use over some days, as one file that documents can cite."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from datetime import date, timedelta
from typing import Any

from bedside.core.clock import iso
from bedside.core.errors import BedsideError, Invalid
from bedside.core.records.declaration import Declaration
from bedside.core.records.evidence import count_shown
from bedside.core.records.incident import SERIOUS, Incident
from bedside.core.records.ledger import LedgerEntry
from bedside.core.records.policy import Act, Resource
from bedside.core.records.version import ModelVersion
from bedside.core.records.watch import CAUSES, Alarm
from bedside.lifecycle.alarm_account import times_of
from bedside.lifecycle.baselines import baseline_of
from bedside.lifecycle.door import enter
from bedside.lifecycle.hazards import hazards_now, hazards_told
from bedside.lifecycle.live_performance import live_performance
from bedside.lifecycle.missed_runs import IN_USE
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle
from bedside.lifecycle.watch_judging import kept_tallies
from bedside.monitor.disclosure import hide_small
from bedside.monitor.judged.windows import Window
from bedside.monitor.stream.tally import summed
from bedside.monitor.stream.tally_maker import TallyMaker

__all__ = ["DEFAULT_DAYS", "facts_of_monitoring", "period_of"]

DEFAULT_DAYS = 90
PURPOSE = "quality and safety"
"""For which answers and outcomes are opened for these documents, whatever the others are for."""

_CHANGES = frozenset(
    {"approve", "build.done", "hold", "monitor.baseline", "promote", "recalibrate", "release",
     "release.refused", "resume", "retrain.done", "retrain.judged", "retrain.promote",
     "retrain.refused", "retrain.start", "rollback", "suspend"}
)  # fmt: skip
_TOLD_OF_CHANGES = ("stage", "to", "outcome", "modification", "code", "restored")
_HOURS = 3600.0


def period_of(platform: Platform, since: str | None, until: str | None) -> Window:
    """The days that are meant; by itself the last 90, today among them.

    Args:
        platform: Its clock says what today is.
        since: The first day (ISO date, UTC); None: 89 days before the last.
        until: The last day; None: today.

    Raises:
        Invalid: these are no days, or they end before they begin.
    """
    try:
        last = platform.clock.now().date() if until is None else date.fromisoformat(until)
        first = (
            last - timedelta(days=DEFAULT_DAYS - 1) if since is None else date.fromisoformat(since)
        )
    except ValueError:
        raise Invalid("That is no day.", fix="write it as 2026-10-01.") from None
    return Window(since=first, until=last)


def facts_of_monitoring(
    platform: Platform, version: ModelVersion, period: Window
) -> dict[str, Any]:
    """The facts about the model of a version, for canonical JSON.

    Nobody is named by a patient's value, and counts of one to ten patients are not told. Where
    answers cannot be judged, or may not be by this actor, the reason stands in their place.

    Args:
        platform: The workspace.
        version: Whose model is meant; its declaration says what is watched.
        period: Of which days.

    Raises:
        Refused: the actor may not watch models for quality and safety, or a bundle is not intact.
    """
    platform = replace(platform, actor=replace(platform.actor, purpose=PURPOSE))
    enter(platform, Act.MONITOR, Resource(name=version.name))
    declared = open_bundle(platform, version).declaration
    every = platform.registry.versions(version.name)
    used = [one for one in every if _was_used(platform, one, period)]
    alarms = [one for one in platform.alarms.all(version.name) if _touches(one, period)]
    incidents = [
        one
        for one in platform.incidents.all(version.name)
        if one.is_open or period.holds(one.noticed) or any(period.holds(s.at) for s in one.steps)
    ]
    entries = _of_the_model(platform, {one.id for one in every}, version.name, period)
    return {
        "model": version.name,
        "title": declared.title,
        "declared_by": version.id,
        "made_at": iso(platform.clock.now()),
        "period": {
            "since": period.since.isoformat(),
            "until": period.until.isoformat(),
            "days": (period.until - period.since).days + 1,
        },
        "intended_use": asdict(declared.intended_use),
        "versions": [
            {"version": one.id, "stage": one.stage.value, "built_at": one.built_at} for one in used
        ],
        "watch": _watch(declared),
        "volumes": [_volume(platform, one, period) for one in used],
        "performance": [_performance(platform, one, period) for one in used],
        "runs": [_runs(platform, one, entries) for one in used],
        "alarm_count": len(alarms),
        "alarms": [_alarm(one) for one in alarms],
        "incident_count": len(incidents),
        "incidents": [_incident(one) for one in incidents],
        "changes": [_change(one) for one in entries if one.action in _CHANGES],
        "responses": [_response(one) for one in entries if one.action == "respond"],
        "plan": _plan(declared),
        "hazards": _hazards(platform, version),
    }


def _was_used(platform: Platform, version: ModelVersion, period: Window) -> bool:
    """Whether it answers now, or answers of these days were counted."""
    after = (period.until + timedelta(days=1)).isoformat()
    kept = platform.watch_book.tallies(version.id, since=period.since.isoformat(), until=after)
    return version.stage in IN_USE or next(iter(kept), None) is not None


def _touches(alarm: Alarm, period: Window) -> bool:
    """Whether it was raised by the end of these days, and not resolved before them."""
    last = alarm.steps[-1].at[:10] if alarm.state == "resolved" else period.until.isoformat()
    return alarm.raised[:10] <= period.until.isoformat() and last >= period.since.isoformat()


def _of_the_model(
    platform: Platform, versions: set[str], model: str, period: Window
) -> list[LedgerEntry]:
    wanted = _CHANGES | {"monitor.live", "respond"}
    return [
        one
        for one in platform.ledger.entries()
        if one.action in wanted
        and period.holds(one.at)
        and (one.details.get("version") in versions or one.details.get("model") == model)
    ]


def _watch(declared: Declaration) -> dict[str, Any]:
    watch = declared.monitoring.watch
    return {
        "false_alarms": watch.false_alarms,
        "per": watch.per,
        "budget": watch.budget,
        "every": watch.every,
        "owner": watch.owner,
        "retrain_every": watch.retrain_every,
        "respond": [
            {"when": list(one.when), "causes": list(one.causes), "severity": one.severity,
             "then": one.then}
            for one in watch.respond
        ],
        "recovery": asdict(watch.recovery),
    }  # fmt: skip


def _volume(platform: Platform, version: ModelVersion, period: Window) -> dict[str, Any]:
    """Answers of the days that the monitor counted; small counts are hidden."""
    about = {"version": version.id}
    after = (period.until + timedelta(days=1)).isoformat()
    try:
        baseline = baseline_of(platform, version, open_bundle(platform, version))
        kept = list(
            kept_tallies(platform, version.id, TallyMaker(baseline),
                         since=period.since.isoformat(), until=after)
        )  # fmt: skip
    except BedsideError as error:
        return about | {"why": error.problem}
    if not kept:
        return about | {"why": "the monitor counted no day of these"}
    whole = summed(kept)
    scores, abstentions, failures = hide_small(whole.outcomes)
    return about | {
        "days": len(kept),
        "scores": _or_few(scores),
        "abstentions": _or_few(abstentions),
        "failures": _or_few(failures),
        "alerts": count_shown(int(whole.alerts)),
        "shown": count_shown(int(whole.shown)),
    }


def _performance(platform: Platform, version: ModelVersion, period: Window) -> dict[str, Any]:
    """How its predictions came true; why that is not told, where it is not."""
    about = {"version": version.id}
    try:
        told = live_performance(
            platform,
            version.id,
            since=period.since.isoformat(),
            until=period.until.isoformat(),
        )
    except BedsideError as error:
        return about | {"why": error.problem}
    everybody = told["care"]["all"]
    return about | {
        "outcome": told["outcome"],
        "coverage": told["coverage"],
        "subjects": everybody["subjects"],
        "with_outcome": everybody["with_outcome"],
        "metrics": everybody["metrics"],
        "read_as": everybody["says"],
        "care": {name: one for name, one in told["care"].items() if name != "all"},
        "subgroups": told["subgroups"],
        "burden": told["burden"],
        "feedback": told["feedback"],
        "treated": told["treated"],
        "gates": told["gates"],
        "unknown": told["unknown"],
    }


def _runs(platform: Platform, version: ModelVersion, entries: list[LedgerEntry]) -> dict[str, Any]:
    run = platform.watch_book.run(version.id)
    mine = [one for one in entries if one.action == "monitor.live"]
    return {
        "version": version.id,
        "runs": sum(one.details.get("version") == version.id for one in mine),
        "last": None if run is None else run.at,
    }


def _alarm(alarm: Alarm) -> dict[str, Any]:
    times = times_of(alarm)
    by_person = alarm.state == "resolved" and not alarm.closed_itself
    found = alarm.steps[-1].text if by_person else None
    return {
        "id": alarm.id,
        "version": alarm.version,
        "severity": alarm.severity,
        "kind": alarm.kind,
        "text": alarm.text,
        "likely": CAUSES[alarm.cause],
        "found": None if found is None else CAUSES.get(found, found),  # type: ignore[call-overload]
        "groups": list(alarm.groups),
        "raised": alarm.raised[:10],
        "state": alarm.state,
        "standing": alarm.standing,
        "owner": alarm.owner,
        "hours_to_acknowledge": _hours(times.to_acknowledge),
        "hours_to_resolve": _hours(times.to_resolve),
        "responses": [one.text for one in alarm.steps if one.kind == "responded"],
    }


def _incident(incident: Incident) -> dict[str, Any]:
    closed = next((one.at[:10] for one in incident.steps if one.kind == "close"), None)
    return {
        "id": incident.id,
        "version": incident.version,
        "severity": incident.severity,
        "serious": incident.severity in SERIOUS,
        "noticed": incident.noticed[:10],
        "closed": closed,
        "hazard": incident.hazard,
        "deviation": incident.deviation,
    }


def _change(entry: LedgerEntry) -> dict[str, Any]:
    told = {
        name: value
        for name in _TOLD_OF_CHANGES
        if isinstance(value := entry.details.get(name), str)
    }
    return {
        "sequence": entry.sequence,
        "day": entry.at[:10],
        "action": entry.action,
        "version": entry.details.get("version") or entry.details.get("model"),
        "by": entry.actor,
        "told": told,
    }


def _response(entry: LedgerEntry) -> dict[str, Any]:
    details = entry.details
    return {
        "sequence": entry.sequence,
        "day": entry.at[:10],
        "alarm": details.get("alarm"),
        "wanted": details.get("wanted"),
        "outcome": details.get("outcome"),
    }


def _plan(declared: Declaration) -> list[dict[str, str]]:
    told = declared.change_control
    modifications = getattr(told, "modifications", ())
    return [{"id": one.id, "kind": one.kind, "text": one.description} for one in modifications]


def _hazards(platform: Platform, version: ModelVersion) -> dict[str, Any]:
    try:
        _, states = hazards_now(platform, version.name)
    except BedsideError as error:
        return {"why": error.problem, "log": []}
    told = hazards_told(version, states)["hazards"]
    return {"log": list(_each(told))}


def _each(told: list[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for one in told:
        yield {
            "id": one["id"],
            "hazard": one["hazard"],
            "harm": one["harm"],
            "severity": one["severity"],
            "risk_after": one["risk_after"],
            "open": one["open"],
            "controls": [
                {"name": each["name"], "kind": each["kind"], "state": each["state"]}
                for each in one["controls"]
                if each["state"] != "works"
            ],
        }


def _or_few(count: int | None) -> int | str:
    return "10 or fewer" if count is None else count


def _hours(length: timedelta | None) -> float | None:
    return None if length is None else round(length.total_seconds() / _HOURS, 1)

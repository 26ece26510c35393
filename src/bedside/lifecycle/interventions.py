"""Which alerts of a version were followed by what its declaration calls an intervention."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from bedside.cohorts.question.entries import NEVER, Ints
from bedside.cohorts.question.following import Followed, followed
from bedside.cohorts.question.predicates import Shard
from bedside.core.clock import HOUR, microseconds, parse_duration, parse_instant, since_1970
from bedside.core.errors import Invalid
from bedside.core.ids import canonical_json
from bedside.core.records.declaration import Declaration
from bedside.core.records.intervention import Intervention
from bedside.core.records.ledger import LedgerDraft
from bedside.core.records.policy import Act, Resource
from bedside.core.records.prediction import Prediction
from bedside.core.records.question import CodePattern, Predicate
from bedside.core.records.snapshot import Zone
from bedside.governance.predictions import NOTE
from bedside.lifecycle.door import enter
from bedside.lifecycle.live_interventions import newest_marks
from bedside.lifecycle.order_drafts import draft_orders
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.predictions import opened_predictions
from bedside.lifecycle.release import open_bundle
from bedside.lifecycle.respond import seen

__all__ = ["Interventions", "find_interventions", "predicate_of", "shown_by"]

_AT_ONCE = 500  # entries


@dataclass(frozen=True, slots=True, kw_only=True)
class Interventions:
    """What `find_interventions` found of a version's alerts.

    `followed` counts the alerts that an intervention followed, `settled` those that none did,
    `noted` those of both that are new or told anew. Of `open` ones it is too early to tell;
    `unmatched` ones are of patients whom the data do not hold, or of nobody.
    """

    version: str
    alerts: int
    followed: int
    settled: int
    noted: int
    open: int
    unmatched: int


@dataclass(frozen=True, slots=True)
class _Alerts:
    """n alerts, and whose they are."""

    names: tuple[str, ...]
    subjects: Ints
    times: Ints


def find_interventions(platform: Platform, version_id: str, data: Path | None) -> Interventions:
    """Note on every alert of a version whether a declared intervention followed it.

    Events count as they stand by now: what was not seen yet, or was taken back, does not. Run
    again, only what is new or told differently is noted, and the newest note counts.

    Args:
        platform: The workspace.
        version_id: Which version.
        data: Folder or file of the data, as for a build; None: what its source brings.

    Raises:
        NotFound: there is no such version, or no such file.
        Invalid: it declares no intervention (code `no_interventions`), or the data cannot be read.
        Unavailable: another process works on this workspace, or the ledger could not keep it all;
            run it again.
    """
    enter(platform, Act.MONITOR, Resource(name=version_id, zone=Zone.IDENTIFIED))
    version = platform.registry.get(version_id)
    declared = open_bundle(platform, version).declaration
    if not declared.monitoring.watch.interventions:
        raise Invalid(
            "This version declares no intervention.",
            fix="name them under monitoring.watch.interventions, and build again.",
            code="no_interventions",
        )
    clean, _ = seen(platform, declared, data)
    with platform.lock():
        found = list(platform.predictions.find(version=version.id))[::-1]
        alerts, nobody = _alerts(opened_predictions(platform, found))
        drafts = draft_orders(platform, declared, version.name, since=_first_at(found))
        marks = _marks(platform, declared, clean, drafts, alerts)
        before = newest_marks(platform, list(marks))
        new = [
            _draft(platform, name, subject, mark)
            for name, (subject, mark) in marks.items()
            if mark != before.get(name) and (not _is_open(mark) or name in before)
        ]
        for begin in range(0, len(new), _AT_ONCE):
            platform.ledger.append_all(new[begin : begin + _AT_ONCE])
        told = [mark for _, mark in marks.values()]
        result = Interventions(
            version=version.id,
            alerts=len(alerts.names) + nobody,
            followed=sum(_is_followed(mark) for mark in told),
            settled=sum(not _is_followed(mark) and not _is_open(mark) for mark in told),
            noted=len(new),
            open=sum(_is_open(mark) for mark in told),
            unmatched=nobody + len(alerts.names) - len(marks),
        )
        counts = {f"{name}_count": getattr(result, name) for name in ("alerts", "followed")}
        platform.ledger.append(
            platform.actor, "prediction.interventions", {"version": version.id} | counts
        )
        return result


def _marks(
    platform: Platform,
    declared: Declaration,
    clean: pl.DataFrame,
    drafts: pl.DataFrame,
    alerts: _Alerts,
) -> dict[str, tuple[int, dict[str, dict[str, Any]]]]:
    """By alert, its subject and what followed it; of whom the data hold, or something followed."""
    now = platform.clock.now()
    known = clean.filter(pl.col("known_at") <= now)
    there = np.isin(alerts.subjects, known["subject_id"].unique().to_numpy())
    told = shown_by(declared, known, drafts, alerts.subjects, alerts.times, now=now)
    every = zip(alerts.names, alerts.subjects.tolist(), told, there, strict=True)
    return {
        name: (subject, mark)
        for name, subject, mark, is_there in every
        if is_there or _is_followed(mark)
    }


def shown_by(
    declared: Declaration,
    events: pl.DataFrame,
    drafts: pl.DataFrame,
    subjects: Ints,
    times: Ints,
    *,
    now: datetime,
) -> list[dict[str, dict[str, Any]]]:
    """Of n alerts, by intervention: its `state`, and of what followed `hours` and `by` what.

    `running`: it was so before the alert already; `followed`; `none`; `open`: the data end too
    early to know.

    Args:
        declared: Its interventions, signals, and how late events may come.
        events: Those that are known; columns of the event table.
        drafts: Draft orders: subject_id, time, known_at, code, and whether it is `signed`.
        subjects: Shape (n,).
        times: Shape (n,), microseconds since 1970 UTC.
        now: Nothing is known later.
    """
    interventions = declared.monitoring.watch.interventions
    named = {name: predicate_of(declared, one) for name, one in interventions.items()}
    mine = events.filter(pl.col("subject_id").is_in(np.unique(subjects).tolist()))
    shard = Shard(mine, dict(named))
    end = _end_of(declared, events, now)
    marks: list[dict[str, dict[str, Any]]] = [{} for _ in times]
    for name, one in interventions.items():
        within = microseconds(parse_duration(one.within))
        before = None if one.not_within is None else microseconds(parse_duration(one.not_within))
        by: dict[str, Followed] = {
            one.shows: followed(shard, name, subjects, times, within=within, before=before)
        }
        ordered = _of_drafts(one, name, named[name], drafts)
        if ordered is not None:
            other = followed(ordered, name, subjects, times, within=within, before=before)
            by["order"] = _either(by["order"], other) if "order" in by else other
        first = np.minimum.reduce([found.first for found in by.values()])
        running = np.logical_or.reduce([found.before for found in by.values()])
        is_over = times + within <= end
        for at, mark in enumerate(marks):
            if running[at]:
                mark[name] = {"state": "running"}
            elif first[at] != NEVER:
                sources = sorted(kind for kind, found in by.items() if found.first[at] != NEVER)
                hours = round(float(first[at] - times[at]) / HOUR, 4)
                mark[name] = {"state": "followed", "hours": hours, "by": sources}
            else:
                mark[name] = {"state": "none" if is_over[at] else "open"}
    return marks


def predicate_of(declared: Declaration, one: Intervention) -> Predicate:
    """The events that show an intervention."""
    if one.event is not None:
        return one.event
    return Predicate(code=CodePattern(any=declared.signals[one.signal].codes))


def _of_drafts(
    one: Intervention, name: str, predicate: Predicate, drafts: pl.DataFrame
) -> Shard | None:
    """The draft orders that show it; None: they cannot, or are not to."""
    tells_code_alone = replace(predicate, code=None) == Predicate()  # as an order does
    if one.drafts == "none" or not tells_code_alone:
        return None
    some = drafts if one.drafts == "selected" else drafts.filter("signed")
    return None if some.is_empty() else Shard(some.drop("signed"), {name: predicate})


def _either(one: Followed, other: Followed) -> Followed:
    return Followed(np.minimum(one.first, other.first), one.before | other.before)


def _end_of(declared: Declaration, events: pl.DataFrame, now: datetime) -> int:
    """Until when absence is known, microseconds since 1970 UTC."""
    question = declared.question
    last = events["known_at"].max()
    if question.data_end is not None:
        last = parse_instant(question.data_end)
    if not isinstance(last, datetime):
        return -NEVER
    return since_1970(min(last, now)) - microseconds(parse_duration(question.settles_after))


def _alerts(opened: Iterable[tuple[Prediction, Mapping[str, Any]]]) -> tuple[_Alerts, int]:
    """The answers that alerted, and of how many more nobody is named, or was erased since."""
    names, subjects, times, nobody = [], [], [], 0
    for one, sealed in opened:
        outcome = (sealed.get("answer") or {}).get("outcome") or {}
        if one.outcome != "score" or not outcome.get("alert"):
            continue
        subject = sealed.get("subject")
        if not isinstance(subject, int):
            nobody += 1
            continue
        names.append(one.prediction_id)
        subjects.append(subject)
        times.append(since_1970(parse_instant(one.as_of)))
    columns = (np.array(some, dtype=np.int64) for some in (subjects, times))
    return _Alerts(tuple(names), *columns), nobody


def _first_at(found: Sequence[Prediction]) -> str | None:
    return min((one.at for one in found), default=None)


def _is_followed(mark: Mapping[str, Mapping[str, Any]]) -> bool:
    return any(one["state"] == "followed" for one in mark.values())


def _is_open(mark: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether nothing followed yet, and something still may."""
    return not _is_followed(mark) and any(one["state"] == "open" for one in mark.values())


def _draft(
    platform: Platform, name: str, subject: int, mark: Mapping[str, Mapping[str, Any]]
) -> LedgerDraft:
    kind = "intervened" if _is_followed(mark) else "not_intervened"
    return LedgerDraft(
        actor=platform.actor,
        action=NOTE,
        details={"prediction_id": name, "kind": kind},
        sealed=canonical_json({"interventions": mark}),
        subject=subject,
    )

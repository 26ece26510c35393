"""The baseline that a version is watched by: that of its bundle, or one that a person set since."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import numpy as np

from bedside.core.clock import iso
from bedside.core.errors import Invalid, Refused
from bedside.core.ids import canonical_json
from bedside.core.ports.watch import WatchedSubject
from bedside.core.records.bundle import REFERENCE, Bundle
from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.core.records.lineage import Edge, Node
from bedside.core.records.policy import Act, Resource
from bedside.core.records.version import ModelVersion
from bedside.features.definition import FeatureSet
from bedside.lifecycle.door import enter
from bedside.lifecycle.held_out import MOST_EXPLAINED, baseline_of_features
from bedside.lifecycle.live_answers import AnswerReader
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle
from bedside.lifecycle.watched_answers import (
    explainer_for,
    midnight_after,
    read_day,
    with_contributions,
)
from bedside.lifecycle.watching import watched_value
from bedside.monitor.stream.answers import Answers
from bedside.monitor.stream.baseline import Baseline, baseline_from_json, baseline_to_json
from bedside.monitor.stream.draws import drawn, span_of
from bedside.monitor.stream.tally import tally_days
from bedside.monitor.stream.uneven_days import as_wide_as_days

__all__ = ["BASELINE_SET", "BaselineSet", "baseline_of", "set_baseline"]

BASELINE_SET = "monitor.baseline"
"""The action of the ledger's entry; the baseline and the reason lie sealed in it."""

_JOB = "baseline"
_FIX = (
    "take days on which it answered as it should: bedside monitor MODEL --baseline SINCE UNTIL, "
    "or build the version again."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineSet:
    """A baseline that a person set.

    Args:
        version: The version.
        baseline: By which it is watched from its next run on.
        sequence: The ledger's entry about it.
    """

    version: ModelVersion
    baseline: Baseline
    sequence: int


def baseline_of(platform: Platform, version: ModelVersion, bundle: Bundle) -> Baseline:
    """The baseline by which a version is watched now.

    Args:
        platform: The workspace.
        version: The version.
        bundle: Its bundle, opened and verified.

    Raises:
        Refused: it has none (code `no_baseline`): its bundle is of before there were any, and
            nobody has set one since; or what lies there cannot be read (`baseline_unreadable`).
    """
    since = _set_since(platform, version)
    if since is not None:
        return since
    told = json.loads(bundle.files[REFERENCE]).get("streams")
    if told is None:
        raise Refused(
            f"The bundle of {version.id} does not say how its answers were.",
            fix=_FIX,
            code="no_baseline",
        )
    return replace(baseline_from_json(told), version=version.id)


def set_baseline(
    platform: Platform, version_id: str, since: str, until: str, *, reason: str
) -> BaselineSet:
    """Watch a version by how it answered on these days, from its next run on.

    What was counted so far was counted by another baseline, and is counted anew.

    Args:
        platform: The workspace.
        version_id: Which version.
        since: The first day (ISO date, UTC).
        until: The last day, which must be over.
        reason: Why, in a person's words; sealed.

    Raises:
        NotFound: there is no such version.
        Invalid: these are no days that are over, or there is no reason.
        Refused: too few patients were asked about on them (code `too_few_answers`), or the
            policies do not permit it.
    """
    enter(platform, Act.MONITOR, Resource(name=version_id))
    version = platform.registry.get(version_id)
    days = _days(platform, since, until)
    if not reason.strip():
        raise Invalid("It is not said why these days are the baseline.", fix="say why.")
    bundle = open_bundle(platform, version)
    with platform.lock(), platform.progress.step("baseline"):
        baseline = _made(platform, version, bundle, days)
        told = baseline_to_json(baseline)
        platform.store.catalogue.record([_edge(platform, version, baseline)])
        entry = platform.ledger.append(
            platform.actor,
            BASELINE_SET,
            {
                "version": version.id,
                "since": since,
                "until": until,
                "baseline": baseline.digest,
                "streams_count": len(baseline.streams),
                "subjects_count": baseline.subjects,
            },
            sealed=canonical_json({"baseline": told, "reason": reason.strip()}),
        )
    return BaselineSet(version=version, baseline=baseline, sequence=entry.sequence)


def _set_since(platform: Platform, version: ModelVersion) -> Baseline | None:
    """The baseline that a person set last; the lineage says quickly that nobody did."""
    edges = platform.store.catalogue.made_from(Node(kind="version", id=version.id))
    if not any(edge.job == _JOB for edge in edges):
        return None
    found = [
        entry.sequence
        for entry in platform.ledger.entries()
        if entry.action == BASELINE_SET and entry.details.get("version") == version.id
    ]
    if not found:
        return None
    sealed: dict[str, Any] = json.loads(platform.ledger.unseal(found[-1]))
    return baseline_from_json(sealed["baseline"])


def _edge(platform: Platform, version: ModelVersion, baseline: Baseline) -> Edge:
    return Edge(
        at=iso(platform.clock.now()),
        job=_JOB,
        run=str(uuid4()),
        source=Node(kind="version", id=version.id),
        output=Node(kind="report", id=baseline.digest),
    )


def _days(platform: Platform, since: str, until: str) -> list[str]:
    try:
        first, last = date.fromisoformat(since), date.fromisoformat(until)
    except ValueError:
        raise Invalid(
            "These are no two days.", fix="give them as 2026-03-01, the first and the last."
        ) from None
    today = platform.clock.now().date()
    if not first <= last < today:
        raise Invalid(
            "The last day of the baseline comes before the first, or is not over.",
            fix=f"give a last day from the first on and before {today.isoformat()} (UTC).",
        )
    return [(first + timedelta(days=at)).isoformat() for at in range((last - first).days + 1)]


def _made(
    platform: Platform, version: ModelVersion, bundle: Bundle, days: Sequence[str]
) -> Baseline:
    declaration = bundle.declaration
    reader = AnswerReader(bundle)
    seed, minimum = declaration.learner.seed, declaration.monitoring.minimum_subjects
    answers = _answers(platform, version, bundle, reader, days)
    baseline = None
    if answers is not None:
        explain = explainer_for(platform, bundle, reader)
        rows = drawn(answers, seed=seed, span_hours=span_of(answers, seed=seed)).rows
        rows[np.flatnonzero(rows)[MOST_EXPLAINED:]] = False
        baseline = baseline_of_features(
            reader.features,
            with_contributions(answers, rows, explain),
            threshold=None if bundle.group_thresholds else bundle.threshold,
            seed=seed,
            minimum=minimum,
            made_from=f"the answers of {days[0]} to {days[-1]}",
            version=version.id,
            live=True,
        )
        baseline = as_wide_as_days(baseline, tally_days(baseline, answers))
    if baseline is None or not baseline.streams:
        least = max(minimum, SUPPRESS_AT_OR_BELOW + 1)
        raise Refused(
            f"On these days {version.id} answered about fewer than {least} patients that can be "
            "told apart.",
            fix="take more days.",
            code="too_few_answers",
        )
    return baseline


def _answers(
    platform: Platform,
    version: ModelVersion,
    bundle: Bundle,
    reader: AnswerReader,
    days: Sequence[str],
) -> Answers | None:
    """Every answer of these days, with the labels that were told until now; None: there is none."""
    kind = bundle.declaration.question.outcome.kind
    known: dict[str, WatchedSubject] = {}
    parts = []
    today = platform.clock.now().date().isoformat()
    for day in days:
        found = platform.predictions.find(
            version=version.id, since=day, until=iso(midnight_after(day))
        )
        sequences = sorted(one.sequence for one in found)
        if not sequences:
            continue
        read = read_day(
            platform,
            reader,
            version.id,
            today,
            answers=sequences,
            labelled=(),
            known=known,
            binary=partial(watched_value, kind),
        )
        known |= read.subjects
        parts.append(read.answers)
    return _together(parts, reader.features) if parts else None


def _together(parts: Sequence[Answers], features: FeatureSet) -> Answers:
    """All of these answers, without contributions."""

    def column(name: str) -> Any:
        return np.concatenate([getattr(part, name) for part in parts])

    names = ("day", "subject", "hours", "outcome", "reason", "risk", "alert", "shown")
    more = ("latency_ms", "matrix", "label", "label_day", "acted", "codes")
    dimensions: Mapping[str, Any] = parts[0].groups
    return Answers(
        features=features.names,
        groups={name: np.concatenate([part.groups[name] for part in parts]) for name in dimensions},
        **{name: column(name) for name in (*names, *more)},
    )

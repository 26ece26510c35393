"""The report of a watched version as one JSON document: what moved, is it chance, what to do."""

import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np

from bedside.core.clock import day_number, day_text
from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.core.records.watch import CAUSES, Alarm, Finding, Watch
from bedside.metrics.intervals import Z
from bedside.monitor.causes.attribution import attributed
from bedside.monitor.causes.explained import plain
from bedside.monitor.detectors.detecting import bars
from bedside.monitor.detectors.watching import evidence_by_day
from bedside.monitor.figure_words import what_moved
from bedside.monitor.live_page.live_figures import (
    area_of,
    by_care,
    by_group,
    by_month,
    calibration,
    in_periods,
    mean_figure,
)
from bedside.monitor.live_page.live_words import ADVICE, state_of
from bedside.monitor.stream.cells import Layout
from bedside.monitor.stream.streams import Baseline
from bedside.monitor.stream.tally import Tally, summed

__all__ = ["FORM", "live_report"]

FORM = "bedside.live-report/1"
MOST_SIGNALS = 12
_ENOUGH_DAYS = 5
_FIGURES = 3  # findings of an alarm


def live_report(
    baseline: Baseline,
    watch: Watch,
    tallies: Sequence[Tally],
    *,
    model: str,
    version: str,
    at: str,
    alarms: Sequence[Alarm] = (),
    coverage: Mapping[str, Any] | None = None,
    unknown: Sequence[str] = (),
    next_due: str = "",
    done: Sequence[Mapping[str, Any]] = (),
    estimates: Mapping[str, Any] | None = None,
    titles: Mapping[str, str] | None = None,
    performance: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Put together what the page shows; every count of ten patients or fewer is left out.

    Args:
        baseline: Of the version.
        watch: Its declared watch.
        tallies: Of the days to show, in order.
        model: The model's name, or title.
        version: The version's id.
        at: When the monitor ran (ISO 8601).
        alarms: Of the version, also resolved ones.
        coverage: Of labels: `since`, `until`, `scores`, `judged`, `share`, `not_judged` by reason.
        unknown: What cannot be known yet, in plain words.
        next_due: When the monitor should run next (ISO 8601).
        done: Responses: `alarm`, `wanted`, `outcome`, `text`.
        estimates: Of performance before outcomes are known: by name `value`, `low`, `high`.
        titles: What signals are called.
        performance: What came true, as `lifecycle.live_performance` tells it.
    """
    whole = summed(tallies) if tallies else None
    open_alarms = [alarm for alarm in alarms if alarm.state != "resolved"]
    judged = 0 if whole is None else int(whole.by_care[:, 0].sum())
    shown_judged = judged if judged > SUPPRESS_AT_OR_BELOW else None
    state, sentence = state_of(
        days=len(tallies),
        drawn=0 if whole is None else whole.drawn,
        alarms=open_alarms,
        judged=shown_judged,
        streams=len(baseline.streams),
    )
    return {
        "form": FORM,
        "model": model,
        "version": version,
        "at": at,
        "state": state,
        "sentence": sentence,
        "baseline": baseline.made_from,
        "first": day_text(tallies[0].day) if tallies else None,
        "last": day_text(tallies[-1].day) if tallies else None,
        "patients": None if whole is None or whole.drawn <= SUPPRESS_AT_OR_BELOW else whole.drawn,
        "judged": shown_judged,
        "streams": len(baseline.streams),
        "false_alarms": watch.false_alarms,
        "per": watch.per,
        "budget": watch.budget,
        "owner": watch.owner,
        "alarms": [_alarm(alarm, at) for alarm in reversed(alarms)],
        "coverage": None if coverage is None else dict(coverage),
        "unknown": list(dict.fromkeys([*unknown, *baseline.unwatched])),
        "next_due": next_due,
        "done": [dict(one) for one in done],
        "estimates": None if estimates is None else dict(estimates),
        "performance": None if performance is None else dict(performance),
        "onsets": sorted({alarm.onset for alarm in open_alarms}),
        **_figures(baseline, watch, tallies, whole, open_alarms, titles or {}),
    }


def _figures(
    baseline: Baseline,
    watch: Watch,
    tallies: Sequence[Tally],
    whole: Tally | None,
    alarms: Sequence[Alarm],
    titles: Mapping[str, str],
) -> dict[str, Any]:
    if whole is None:
        none = ("risks", "alerts", "calibration", "evidence", "signals", "area")
        return dict.fromkeys(none) | {"months": [], "groups": [], "care": []}
    layout = Layout.of(baseline)
    ids = {stream.id for stream in baseline.streams}
    return {
        "risks": _told(baseline, tallies, "score") if "score" in ids else None,
        "alerts": _told(baseline, tallies, "alert") if "alert" in ids else None,
        "calibration": in_periods(tallies, calibration(baseline)) if baseline.calibrated else None,
        "evidence": _path(baseline, watch, tallies, "residual"),
        "months": by_month(baseline, tallies) if baseline.calibrated else [],
        "area": _area(baseline, layout, whole),
        "signals": _signals(baseline, tallies, alarms, titles),
        "groups": by_group(baseline, whole),
        "care": by_care(whole),
    }


def _told(baseline: Baseline, tallies: Sequence[Tally], stream: str) -> dict[str, Any]:
    place = baseline.index(stream)
    then = baseline.streams[place].mean if place is not None else None
    return {"then": then, **in_periods(tallies, mean_figure(baseline, stream))}


def _area(baseline: Baseline, layout: Layout, whole: Tally) -> dict[str, Any] | None:
    """AUROC in the baseline and now."""
    place = baseline.index("placement_case")
    if place is None:
        return None
    then = baseline.streams[place]
    half = Z * then.sd / math.sqrt(max(then.n, 1))
    return {
        "then": {"estimate": then.mean, "low": then.mean - half, "high": then.mean + half},
        "now": area_of(layout, whole),
    }


def _path(
    baseline: Baseline, watch: Watch, tallies: Sequence[Tally], stream: str
) -> dict[str, Any] | None:
    """The evidence that a stream moved, day by day from the first of these, and its bar."""
    place = baseline.index(stream)
    if place is None:
        return None
    up, down = evidence_by_day(baseline, tallies, place).round(4).T.tolist()
    return {
        "bar": round(float(bars(baseline, watch)[place]), 4),
        "days": [day_text(tally.day) for tally in tallies],
        "up": up,
        "down": down,
    }


def _signals(
    baseline: Baseline,
    tallies: Sequence[Tally],
    alarms: Sequence[Alarm],
    titles: Mapping[str, str],
) -> dict[str, Any] | None:
    """What each signal adds to the shift of the mean log-odds since the first open onset."""
    since = min((day_number(alarm.onset) for alarm in alarms), default=tallies[0].day)
    days = [tally for tally in tallies if tally.day >= since and tally.contributed > 0]
    if not days:
        return None
    whole = summed(days)
    signals = {feature.name: feature.signal for feature in baseline.features}
    found = attributed(
        baseline.names,
        signals,
        np.array(baseline.contributions),
        whole.contributions,
        whole.contributed,
    )
    if found is None or found.n <= SUPPRESS_AT_OR_BELOW:
        return None
    names = [signals.get(name) or name for name in baseline.names]
    shares = [
        {
            "signal": signal,
            "name": titles.get(signal) or plain(signal),
            "estimate": effect,
            **_interval(days, np.array([name == signal for name in names]), effect),
        }
        for signal, effect in found.ranked()[:MOST_SIGNALS]
    ]
    return {"since": day_text(since), "shift": found.shift, "n": found.n, "effects": shares}


def _interval(days: Sequence[Tally], mine: Any, effect: float) -> dict[str, float | None]:
    """The 95 % interval of a mean contribution, by how it differs from day to day."""
    if len(days) < _ENOUGH_DAYS:
        return {"low": None, "high": None}
    n = np.array([tally.contributed for tally in days], dtype=np.float64)
    total = np.array([tally.contributions[:-1][mine].sum() for tally in days])
    off = total - n * total.sum() / n.sum()
    count = len(days)
    half = Z * math.sqrt(float((off**2).sum()) * count / (count - 1)) / float(n.sum())
    return {"low": effect - half, "high": effect + half}


def _alarm(alarm: Alarm, at: str) -> dict[str, Any]:
    first = alarm.findings[0] if alarm.findings else None
    opened = date.fromisoformat(alarm.raised[:10])
    came = [date.fromisoformat(step.at[:10]) for step in alarm.steps if step.kind == "reopened"]
    back = came[-1] if came else None
    return {
        "id": alarm.id,
        "groups": list(alarm.groups),
        "severity": alarm.severity,
        "kind": alarm.kind,
        "cause": alarm.cause,
        "because": CAUSES[alarm.cause],
        "text": alarm.text,
        "onset": alarm.onset,
        "raised": alarm.raised,
        "state": alarm.state,
        "standing": alarm.standing,
        "owner": alarm.owner,
        "days_open": max((date.fromisoformat(at[:10]) - opened).days, 0),
        "days_back": None if back is None else max((date.fromisoformat(at[:10]) - back).days, 0),
        "score_share": alarm.score_share,
        "advice": ADVICE[alarm.cause],
        "findings": len(alarm.findings),
        "over_bar": None if first is None else round(first.log_evidence - first.bar, 4),
        "figures": [_figure(one) for one in _told_first(alarm.findings)],
        "steps": [
            {"kind": step.kind, "at": step.at, "by": step.by, "text": step.text}
            for step in alarm.steps
        ],
    }


def _told_first(findings: Sequence[Finding]) -> list[Finding]:
    """The strongest, those with figures of places first."""
    return sorted(findings, key=lambda one: not one.places)[:_FIGURES]


def _figure(finding: Finding) -> dict[str, Any]:
    """What a finding's stream was and is: of all places, in each that is named, and elsewhere."""
    everywhere = {"place": None, "then": finding.then, "now": finding.now, "n": finding.n}
    places = [
        {"place": one.place, "then": one.then, "now": one.now, "n": one.n} for one in finding.places
    ]
    return {
        "stream": finding.stream,
        "what": what_moved(finding.text),
        "since": finding.since,
        "figures": [everywhere, *places],
    }

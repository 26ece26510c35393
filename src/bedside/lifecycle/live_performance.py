"""What the predictions of some days show once it is known what came true, and before."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import date, timedelta
from math import isfinite
from typing import Any

from bedside.core.clock import day_number, iso
from bedside.core.errors import Refused
from bedside.core.records.bundle import Bundle
from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.core.records.policy import Act, Resource
from bedside.core.records.version import ModelVersion
from bedside.lifecycle.baselines import baseline_of
from bedside.lifecycle.door import enter
from bedside.lifecycle.hazards import version_in_use
from bedside.lifecycle.live_burden import burden_of, feedback_of, lead_of
from bedside.lifecycle.live_interventions import treated_of
from bedside.lifecycle.live_judging import (
    NO_ESTIMATES,
    followed_in,
    judged_by_care,
    judged_in_groups,
)
from bedside.lifecycle.live_rows import LiveRead, read_rows, watched
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle
from bedside.lifecycle.watch_coverage import WHY_NOT
from bedside.monitor.disclosure import hide_small
from bedside.monitor.judged.by_month import calibration_by_month
from bedside.monitor.judged.gates import judge_again
from bedside.monitor.judged.rows import CARE
from bedside.monitor.judged.windows import Window, last_days, month_of
from bedside.monitor.stream.estimating import estimated_performance, tracked_performance

__all__ = ["FORM", "PATH_DAYS", "live_performance", "window_of"]

FORM = "bedside.live-performance/1"
PATH_DAYS = 182
"""How far back, from the last day, the path by month and the record of estimates look."""

MOST, MOST_BY_ITSELF = 200_000, 20_000
"""Answers: with more, the path is that of the window alone; and a run of the monitor does not judge
a window of more by itself."""

REPLICATES = 500
"""Resamples of patients at most; the declaration's, if they are fewer."""

_NUMBERED = ("binary", "multiclass", "ordinal")


def window_of(
    platform: Platform, bundle: Bundle, *, window: str | None = None, month: str | None = None
) -> Window:
    """Which days are meant: so many until today, or a month; by itself what the watch declares.

    Raises:
        Invalid: it is no length, or no month.
    """
    if month is not None:
        return month_of(month)
    length = window or bundle.declaration.monitoring.watch.window
    return last_days(length, platform.clock.now().date())


def live_performance(
    platform: Platform,
    reference: str,
    *,
    since: str | None = None,
    until: str | None = None,
    window: str | None = None,
    month: str | None = None,
    by_itself: bool = False,
) -> dict[str, Any]:
    """Judge the predictions of some days by the newest outcomes, ready for JSON.

    Sealed answers and outcomes are opened for it, which the ledger records. Every figure has its
    95 % interval and its n; what rests on ten patients or fewer, or would tell of them, is hidden.

    Args:
        platform: The workspace.
        reference: A version, or a model's name: its version that is furthest in use.
        since: The first day of predictions (ISO date, UTC); None: by `window` or `month`.
        until: The last of them; None: today, if `since` is given.
        window: So many days until today, such as `28d`; None: as `monitoring.watch.window` says.
        month: A month of the calendar, such as `2026-10`.
        by_itself: Whether nobody asked for it, so that more than `MOST_BY_ITSELF` answers are not
            opened; `left_out` then says so.

    Returns:
        `coverage`, `follow_up` (of a time until an event, what is known at each horizon), `care`
        (by `CARE`: every metric of the evaluation), `subgroups` and `fairness` (with ward and
        site), `calibration`, `net_benefit`, `burden`, `feedback`, `lead`, `gates` (those of the
        release, judged again), `estimates` (before outcomes) and `tracked` (how such estimates
        turned out), `unknown` in plain words.

    Raises:
        NotFound: there is no such model.
        Invalid: these are no days.
        Refused: the policies do not permit it, or the bundle or a sealed part was changed.
    """
    enter(platform, Act.MONITOR, Resource(name=reference))
    version = version_in_use(platform, reference)
    bundle = open_bundle(platform, version)
    days = window_of(platform, bundle, window=window, month=month)
    if since is not None:
        last = platform.clock.now().date() if until is None else date.fromisoformat(until)
        days = Window(since=date.fromisoformat(since), until=last)
    most = MOST_BY_ITSELF if by_itself else MOST
    path = Window(
        since=min(days.since, days.until - timedelta(days=PATH_DAYS - 1)), until=days.until
    )
    if by_itself and _is_more(platform, version, days, most):
        return _left_out(platform, version, days)
    begin, end = (days if _is_more(platform, version, path, most) else path).ends
    given = platform.predictions.find(version=version.id, since=begin, until=end)
    longer = read_rows(platform, version.id, bundle, list(given))
    read = longer.within(days)
    told = _told(platform, version, bundle, days, (read, longer))
    platform.ledger.append(
        platform.actor,
        "monitor.performance",
        {"version": version.id, "since": days.since.isoformat(), "until": days.until.isoformat()},
    )
    return told


def _is_more(platform: Platform, version: ModelVersion, days: Window, most: int) -> bool:
    """Whether more than so many answers were given on these days."""
    since, until = days.ends
    found = platform.predictions.many(version.id, since=since, until=until, limit=most + 1)
    return found > most


def _left_out(platform: Platform, version: ModelVersion, days: Window) -> dict[str, Any]:
    return {
        "form": FORM,
        "version": version.id,
        "at": iso(platform.clock.now()),
        "since": days.since.isoformat(),
        "until": days.until.isoformat(),
        "left_out": f"These are more than {MOST_BY_ITSELF:,} predictions, which are judged when "
        f"they are asked for: bedside monitor {version.name} --window {days.days}d",
    }


def _told(
    platform: Platform,
    version: ModelVersion,
    bundle: Bundle,
    days: Window,
    reads: tuple[LiveRead, LiveRead],
) -> dict[str, Any]:
    read, longer = reads
    declared, rows = bundle.declaration, read.rows
    bootstrap = min(declared.evaluation.bootstrap, REPLICATES)
    care = judged_by_care(rows, declared, bootstrap)
    groups = judged_in_groups(rows, declared, bootstrap)
    evidence = {"metrics": care["all"]["metrics"], **groups}
    kind = declared.question.outcome.kind
    passed = _days_passed(platform, days)
    before = _before_outcomes(platform, version, bundle, longer, days)
    told: dict[str, Any] = {
        "form": FORM,
        "version": version.id,
        "at": iso(platform.clock.now()),
        "since": days.since.isoformat(),
        "until": days.until.isoformat(),
        "outcome": kind,
        "coverage": _coverage(read),
        "follow_up": followed_in(rows, declared),
        "care": care,
        **groups,
        "calibration": {
            "observed_expected": _inverted(care["all"]["metrics"]),
            "slope": care["all"]["metrics"].get("calibration_slope"),
            "by_month": calibration_by_month(longer.rows) if kind in _NUMBERED else [],
        },
        "threshold": bundle.threshold,
        "net_benefit": care["all"]["metrics"].get("net_benefit"),
        "burden": burden_of(rows, passed),
        "feedback": feedback_of(platform, read, declared),
        "lead": lead_of(rows),
        "treated": treated_of(platform, read, declared),
        "gates": [asdict(one) for one in judge_again(declared.gates, evidence)],
        **before,
    }
    return told | {"unknown": list(_unknown(told))}


def _days_passed(platform: Platform, days: Window) -> int:
    """Days of the window that have begun."""
    last = min(days.until, platform.clock.now().date())
    return max((last - days.since).days + 1, 0)


def _coverage(read: LiveRead) -> dict[str, Any]:
    """How many scores can be judged, and why the others cannot; what is small is hidden."""
    counts = Counter(read.states)
    judged, *others = hide_small([counts["judged"], *(counts[name] for name in WHY_NOT)])
    scores = sum(count for state, count in counts.items() if state)
    corrected = read.corrected
    return {
        "scores": scores if scores > SUPPRESS_AT_OR_BELOW or not scores else None,
        "judged": judged,
        "share": None if not scores or judged is None else judged / scores,
        "not_judged": dict(zip(WHY_NOT, others, strict=True)),
        "corrected": corrected if corrected > SUPPRESS_AT_OR_BELOW or not corrected else None,
    }


def _inverted(metrics: Mapping[str, Any]) -> dict[str, Any] | None:
    """Observed over expected, from expected over observed."""
    told = metrics.get("expected_observed_ratio")
    if told is None or told["estimate"] is None:
        return told
    ends = {"estimate": told["estimate"], "low": told["high"], "high": told["low"]}
    return {**told, **{name: None if not end else 1.0 / end for name, end in ends.items()}}


def _before_outcomes(
    platform: Platform,
    version: ModelVersion,
    bundle: Bundle,
    longer: LiveRead,
    window: Window,
) -> dict[str, Any]:
    """Estimates of these days from risks alone, and how earlier ones turned out."""
    if bundle.declaration.question.outcome.kind not in _NUMBERED:
        return {"estimates": None, "tracked": {}, "why_no_estimates": NO_ESTIMATES}
    try:
        baseline = baseline_of(platform, version, bundle)
    except Refused as refused:
        return {"estimates": None, "tracked": {}, "why_no_estimates": refused.problem}
    answers = watched(platform, version.id, longer)
    days = [day_number(one.isoformat()) for one in (window.since, window.until)]
    made = estimated_performance(
        baseline, answers.take((answers.day >= days[0]) & (answers.day <= days[1]))
    )
    why = None if made["figures"] else "ten patients or fewer"
    return {
        "estimates": made,
        "tracked": {
            name: {key: value if isfinite(value) else None for key, value in one.items()}
            for name, one in tracked_performance(baseline, answers).items()
        },
        "why_no_estimates": why,
    }


def _unknown(told: Mapping[str, Any]) -> Iterator[str]:
    """What these days cannot tell, in plain words."""
    coverage = told["coverage"]
    if coverage["scores"] == 0:
        yield "everything: no score was given on these days"
        return
    if coverage["judged"] == 0:
        yield "whether the risks came true: no outcome of these days has come"
    elif coverage["share"] is not None and coverage["share"] < 1:
        yield (
            f"how it did for {1 - coverage['share']:.0%} of the predictions: their outcome is not "
            "known, and those that are known first may be others"
        )
    for name in CARE:
        one = told["care"][name]
        if name == "all" and "why" in one and coverage["judged"] != 0:
            yield f"performance: {one['why']}"
        if name == "not_shown" and not one["metrics"] and "same_as" not in one:
            yield f"how it does where it changed nothing: {one['why']}"
    if "why" in told["lead"]:
        yield f"how early alerts come: {told['lead']['why']}"

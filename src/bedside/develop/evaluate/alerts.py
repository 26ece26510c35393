"""What alerts over time find and cost: events, lead times, alerts by patient-day, with a snooze.

An alert is early when an event comes within `lead` after it. It is late when none does, but its
row is labelled positive (such as when the event is already there). Both are right; any other is
false. An event counts where the subject was asked about at least once within `lead` before it, as
no other could be found; it is found when an alert came within that time, and its lead time is that
of the first such alert. After an alert, the same subject causes no other until the snooze is over.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.clock import hours_of
from bedside.core.records.declaration import Alerts, Evaluation
from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW, Estimate
from bedside.develop.evaluate.disclosure import hidden_cells
from bedside.develop.evaluate.statistics import Rows
from bedside.features.compiled import entry
from bedside.metrics.bootstrap import estimate_from, left_out, replicate_blocks

__all__ = ["ALERT_METRICS", "Timeline", "Walked", "alert_evidence", "timeline_of"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

ALERT_METRICS = (
    "event_sensitivity",
    "median_lead_hours",
    "alerts_per_patient_day",
    "false_alerts_per_patient_day",
    "alert_ppv",
    "alerts_per_true_alert",
    "late_alert_share",
)
THRESHOLDS = 200
SNOOZES = (0.0, 3.0, 6.0, 12.0, 24.0)  # hours
GRID = (*ALERT_METRICS, "subjects_alerted_share")
FOUND = [GRID.index(name) for name in ("event_sensitivity", "median_lead_hours")]
LEAD_BINS, A_BIN = 12, 15  # of a histogram at most; subjects for each
AT_ONCE = 50  # drawings of the subjects
DIGITS = 4  # of the figures of the grid
NEAR = 1e-6  # hours: less than a hundredth of a second


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Rows and events by subject, on one clock in hours.

    `first` and `first_event` hold, for each subject, where its own begin, and the end of all.
    `lead` is how long before an event an alert is of use.
    """

    hours: Floats
    positive: Bools
    first: Ints
    event: Floats
    first_event: Ints
    lead: float
    days: Floats

    @property
    def event_subject(self) -> Ints:
        """Shape (events,)."""
        return np.repeat(np.arange(len(self.first) - 1), np.diff(self.first_event))


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """What happens when some rows would alert.

    `counts` is of shape (subjects, 3): alerts, early ones, late ones. `lead` is of shape (events,):
    hours from the first alert in time to the event; -1: missed.
    """

    counts: Ints
    lead: Floats


def timeline_of(rows: Rows, lead: float) -> Timeline:
    """The rows and those of their events that alerts could have found.

    Where the rows do not tell when events came, a run of positive rows is one event, and it comes
    at the last of them; where they do not tell when they were asked, they follow each other by
    their `days`.

    Args:
        rows: By subject, then time.
        lead: Hours.
    """
    first = np.searchsorted(rows.subject, np.arange(rows.subjects + 1))
    hours = rows.hours if rows.hours is not None else _by_days(rows, first)
    positive = rows.label == 1
    whose, event = _events(rows, hours, positive)
    timeline = Timeline(
        hours=np.ascontiguousarray(hours, dtype=np.float64),
        positive=positive,
        first=first,
        event=event,
        first_event=np.searchsorted(whose, np.arange(rows.subjects + 1)),
        lead=lead,
        days=np.bincount(rows.subject, rows.days, rows.subjects).astype(np.float64),
    )
    asked = walk(timeline, np.ones(len(hours), dtype=np.bool_), 0.0).lead >= 0
    kept = whose[asked]
    return Timeline(
        hours=timeline.hours,
        positive=positive,
        first=first,
        event=event[asked],
        first_event=np.searchsorted(kept, np.arange(rows.subjects + 1)),
        lead=lead,
        days=timeline.days,
    )


def _by_days(rows: Rows, first: Ints) -> Floats:
    passed = np.cumsum(rows.days) - rows.days
    return 24 * (passed - passed[first[rows.subject]])


def _events(rows: Rows, hours: Floats, positive: Bools) -> tuple[Ints, Floats]:
    """The subject and the hour of each event, in this order."""
    if rows.event_hours is None:
        other = np.append(rows.subject[1:] != rows.subject[:-1], True)
        ends = positive & (other | ~np.append(positive[1:], False))
        return rows.subject[ends], hours[ends].astype(np.float64)
    told = ~np.isnan(rows.event_hours)
    pairs = np.unique(np.column_stack([rows.subject[told], rows.event_hours[told]]), axis=0)
    return pairs[:, 0].astype(np.int64), np.ascontiguousarray(pairs[:, 1])


@entry()
def _walk(
    over: Bools,
    hours: Floats,
    positive: Bools,
    first: Ints,
    event: Floats,
    first_event: Ints,
    snooze: float,
    lead: float,
    counts: Ints,
    found: Floats,
) -> None:  # pragma: no cover - compiled
    """Fill `counts` and `found` of `Walked`, subject by subject."""
    for subject in range(len(first) - 1):
        last = -np.inf
        ahead = first_event[subject]
        end = first_event[subject + 1]
        for row in range(first[subject], first[subject + 1]):
            now = hours[row]
            while ahead < end and event[ahead] < now - NEAR:
                ahead += 1
            if not over[row] or now - last < snooze - NEAR:
                continue
            last = now
            counts[subject, 0] += 1
            one = ahead
            while one < end and event[one] - now <= lead + NEAR:
                if found[one] < 0:
                    found[one] = max(event[one] - now, 0.0)
                one += 1
            if one > ahead:
                counts[subject, 1] += 1
            elif positive[row]:
                counts[subject, 2] += 1


def walk(timeline: Timeline, over: Bools, snooze: float) -> Walked:
    """Go through the rows in order of time.

    Args:
        timeline: The rows and events.
        over: Shape (n,), whether a row's risk reaches the threshold.
        snooze: Hours in which a subject causes no other alert.
    """
    counts = np.zeros((len(timeline.first) - 1, 3), dtype=np.int64)
    found = np.full(len(timeline.event), -1.0)
    _walk(
        over, timeline.hours, timeline.positive, timeline.first, timeline.event,
        timeline.first_event, snooze, timeline.lead, counts, found,
    )  # fmt: skip
    return Walked(counts=counts, lead=found)


def alert_evidence(
    rows: Rows, threshold: float | Floats, options: Evaluation, seed: int
) -> dict[str, Any]:
    """The part `alerts` of the evidence.

    `figures`: an `Estimate` for each of `ALERT_METRICS`, at the threshold and the declared snooze,
    with intervals by resampling subjects. `lead_time`: a histogram of the hours from the first
    alert in time to the event, with small cells hidden. `grid`: figures at many thresholds and
    some snoozes, for `bedside.develop.evaluate.burden`.

    Args:
        rows: Predictions by subject, then time.
        threshold: Risks of at least this alert; one for all rows, or shape (n,).
        options: How alerts are counted, and with how many resamples.
        seed: Of the resampling.
    """
    alerts = options.alerts
    timeline = timeline_of(rows, hours_of(alerts.lead))
    walked = walk(timeline, rows.risk >= threshold, hours_of(alerts.snooze))
    subjects = len(np.unique(timeline.event_subject))
    few_events = subjects <= SUPPRESS_AT_OR_BELOW
    return {
        "lead_hours": timeline.lead,
        "snooze_hours": hours_of(alerts.snooze),
        "events": None if few_events else len(timeline.event),
        "event_subjects": None if few_events else subjects,
        "told": rows.event_hours is not None,
        "figures": _figures(timeline, walked, options, seed),
        "lead_time": _lead_times(timeline, walked),
        "grid": _grid(rows, timeline, threshold, alerts),
    }


def _figures(
    timeline: Timeline, walked: Walked, options: Evaluation, seed: int
) -> dict[str, dict[str, Any]]:
    subjects = len(timeline.days)
    point = _measured(timeline, walked, np.ones((1, subjects)))[0]
    blocks = replicate_blocks(subjects, options.bootstrap, seed, AT_ONCE)
    drawn = [_measured(timeline, walked, block.astype(np.float64)) for block in blocks]
    table = np.concatenate(drawn)
    without = None
    if options.interval == "bca":
        groups = left_out(subjects, AT_ONCE)
        without = np.concatenate([_measured(timeline, walked, group.T) for group in groups])
    alerted = int((walked.counts[:, 0] > 0).sum())
    ill = len(np.unique(timeline.event_subject))
    hit = len(np.unique(timeline.event_subject[walked.lead >= 0]))
    behind = (ill, hit, subjects, alerted, alerted, alerted, alerted)
    why = (
        "10 subjects or fewer with an event",
        "10 subjects or fewer were found in time",
        "10 subjects or fewer",
        *["10 subjects or fewer were alerted"] * 4,
    )
    return {
        name: estimate_from(
            point[at],
            table[:, at],
            len(timeline.hours),
            interval=options.interval,
            jackknife=None if without is None else without[:, at],
        ).as_json()
        if behind[at] > SUPPRESS_AT_OR_BELOW
        else Estimate(estimate=None, low=None, high=None, n=None, why=why[at]).as_json()
        for at, name in enumerate(ALERT_METRICS)
    }


def _measured(timeline: Timeline, walked: Walked, weights: Floats) -> Floats:
    """Shape (len(weights), len(ALERT_METRICS)): the figures of each drawing of the subjects."""
    alerts, early, late = walked.counts.T.astype(np.float64)
    whose, subjects = timeline.event_subject, len(alerts)
    hit = np.bincount(whose, walked.lead >= 0, subjects)
    events = np.bincount(whose, minlength=subjects)
    right = early + late
    table = np.column_stack([alerts, right, late, timeline.days, events, hit])
    alert, right, late, day, event, hit = (weights @ table).T
    with np.errstate(divide="ignore", invalid="ignore"):
        made = [
            hit / event,
            _medians(timeline, walked, weights),
            alert / day,
            (alert - right) / day,
            right / alert,
            alert / right,
            late / alert,
        ]
    return np.column_stack(made)


def _medians(timeline: Timeline, walked: Walked, weights: Floats) -> Floats:
    """The least lead time that half of the found events do not exceed; NaN where none is found."""
    found = walked.lead >= 0
    lead, whose = walked.lead[found], timeline.event_subject[found]
    if not len(lead):
        return np.full(len(weights), np.nan)
    order = np.argsort(lead, kind="stable")
    passed = np.cumsum(weights[:, whose[order]], axis=1)
    middle = (passed >= passed[:, -1:] / 2).argmax(axis=1)
    return np.where(passed[:, -1] > 0, lead[order][middle], np.nan)


def _lead_times(timeline: Timeline, walked: Walked) -> dict[str, Any]:
    found = walked.lead >= 0
    subjects = len(np.unique(timeline.event_subject[found]))
    bins = min(max(subjects // A_BIN, 2), LEAD_BINS)
    edges = np.linspace(0, timeline.lead, bins + 1)
    place = np.clip(np.searchsorted(edges, walked.lead[found], side="right") - 1, 0, bins - 1)
    pairs = np.unique(np.column_stack([place, timeline.event_subject[found]]), axis=0)
    counts = np.bincount(pairs[:, 0].astype(np.int64), minlength=bins)
    hidden = hidden_cells(counts, [range(bins)])
    return {
        "hours": edges.tolist(),
        "subjects": [None if few else int(n) for n, few in zip(counts, hidden, strict=True)],
    }


def _grid(
    rows: Rows, timeline: Timeline, threshold: float | Floats, alerts: Alerts
) -> dict[str, Any]:
    """Figures by snooze, then by threshold, to four digits; None where ten or fewer are behind."""
    thresholds = _thresholds(rows.risk, threshold)
    snoozes = sorted({*SNOOZES, hours_of(alerts.snooze)})
    one = np.ones((1, len(timeline.days)))
    made = np.full((len(GRID), len(snoozes), len(thresholds)), np.nan)
    for across, bar in enumerate(thresholds):
        over = rows.risk >= bar
        for down, snooze in enumerate(snoozes):
            walked = walk(timeline, over, snooze)
            figures = _measured(timeline, walked, one)[0]
            alerted = walked.counts[:, 0] > 0
            if alerted.sum() <= SUPPRESS_AT_OR_BELOW:
                continue
            made[:-1, down, across] = figures
            made[-1, down, across] = alerted.mean()
            hit = np.unique(timeline.event_subject[walked.lead >= 0])
            if len(hit) <= SUPPRESS_AT_OR_BELOW:
                made[FOUND, down, across] = np.nan
    return {
        "threshold": thresholds.tolist(),
        "snooze_hours": snoozes,
        **{name: _told(part) for name, part in zip(GRID, made, strict=True)},
    }


def _told(figures: Floats) -> list[list[float | None]]:
    return [
        [float(f"{figure:.{DIGITS}g}") if np.isfinite(figure) else None for figure in row]
        for row in figures
    ]


def _thresholds(risk: Floats, chosen: float | Floats) -> Floats:
    """Thresholds over which ever more rows alert, rounded, so that none is a patient's risk."""
    shares = np.geomspace(1e-4, 1, THRESHOLDS)
    bars = np.quantile(risk, 1 - shares)
    made = {float(f"{bar:.3g}") for bar in bars}
    if isinstance(chosen, float):
        made.add(chosen)
    return np.array(sorted(made))

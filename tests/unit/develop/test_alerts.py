"""Alerts over time: what is found in time, what it costs, and what a snooze changes."""

import numpy as np
import pytest

from bedside.core.records.declaration import Alerts, Evaluation, Threshold
from bedside.develop.evaluate.alerts import alert_evidence, timeline_of, walk
from bedside.develop.evaluate.statistics import Rows


def rows_of(*patients, told=True) -> Rows:
    """Rows from (risks by the hour, hour of the event or None, hours before it that are 1)."""
    parts = [[], [], [], [], []]
    for number, (risks, event, horizon) in enumerate(patients):
        hours = np.arange(len(risks), dtype=float)
        when = np.nan if event is None else float(event)
        for part, values in zip(
            parts,
            (risks, hours - when >= -horizon, [number] * len(risks), hours, [when] * len(risks)),
            strict=True,
        ):
            part.extend(values)
    risk, label, subject, hours, event = map(np.asarray, parts)
    return Rows(
        risk=risk,
        label=label.astype(np.int64),
        subject=subject,
        days=np.full(len(risk), 1 / 24),
        hours=hours,
        event_hours=event if told else None,
    )


def walked(rows: Rows, *, lead: float, snooze: float = 0.0, threshold: float = 0.5):
    timeline = timeline_of(rows, lead)
    return timeline, walk(timeline, rows.risk >= threshold, snooze)


def test_an_event_is_found_by_the_first_alert_within_the_lead_before_it():
    rows = rows_of(([0.9, 0.1, 0.1, 0.9, 0.9, 0.1, 0.1, 0.1], 6, 4))

    _, done = walked(rows, lead=4)

    assert done.lead.tolist() == [3.0]
    assert done.counts.tolist() == [[3, 2, 0]]  # the alert at hour 0 came too early


def test_an_alert_after_the_event_is_late_but_right():
    rows = rows_of(([0.1, 0.1, 0.1, 0.1, 0.9, 0.9], 3, 2))

    _, done = walked(rows, lead=4)

    assert done.lead.tolist() == [-1.0]
    assert done.counts.tolist() == [[2, 0, 2]]


def test_an_event_before_which_nobody_was_asked_is_not_counted():
    rows = rows_of(([0.9, 0.9], -1, 3), ([0.1, 0.1, 0.1], 2, 3))

    timeline, done = walked(rows, lead=4)

    assert timeline.event.tolist() == [2.0]
    assert timeline.event_subject.tolist() == [1]
    assert done.counts[0].tolist() == [2, 0, 2]


def test_a_snooze_leaves_a_patient_in_peace_and_can_hide_an_event():
    risks = [0.9] + [0.1] * 8 + [0.9, 0.1]
    often = ([0.9] * 6, None, 0)

    timeline, done = walked(rows_of((risks, 10, 2), often), lead=2, snooze=3)
    _, hidden = walked(rows_of((risks, 10, 2), often), lead=2, snooze=10)

    assert done.lead.tolist() == [1.0]
    assert done.counts[1].tolist() == [2, 0, 0]  # at hours 0 and 3
    assert hidden.lead.tolist() == [-1.0]
    assert len(timeline.event) == 1


def test_without_times_of_events_a_run_of_positive_rows_ends_with_one():
    rows = rows_of(([0.1, 0.1, 0.9, 0.1], 3, 1), ([0.1, 0.1], None, 0), told=False)

    timeline, done = walked(rows, lead=12)

    assert timeline.event.tolist() == [3.0]
    assert done.lead.tolist() == [1.0]


def slowly(rows: Rows, lead: float, snooze: float, threshold: float):
    """The definitions of the module, row by row."""
    counts, leads = [], []
    for subject in range(rows.subjects):
        mine = np.flatnonzero(rows.subject == subject)
        events = sorted(set(rows.event_hours[mine][~np.isnan(rows.event_hours[mine])]))
        hours = rows.hours[mine]
        events = [e for e in events if any(0 <= e - h <= lead for h in hours)]
        alerts: list[int] = []
        for row in mine:
            quiet = alerts and rows.hours[row] - rows.hours[alerts[-1]] < snooze
            if rows.risk[row] >= threshold and not quiet:
                alerts.append(row)
        early = [r for r in alerts if any(0 <= e - rows.hours[r] <= lead for e in events)]
        late = [r for r in alerts if r not in early and rows.label[r] == 1]
        counts.append([len(alerts), len(early), len(late)])
        for e in events:
            before = [e - rows.hours[r] for r in alerts if 0 <= e - rows.hours[r] <= lead]
            leads.append(max(before, default=-1.0))
    return counts, leads


@pytest.mark.parametrize("seed", range(5))
def test_the_compiled_walk_is_the_slow_one_with_several_events_a_patient(seed):
    generator = np.random.default_rng(seed)
    subject = np.sort(generator.integers(0, 30, 600))
    subject = np.unique(subject, return_inverse=True)[1]
    hours = np.concatenate(
        [np.sort(generator.integers(0, 90, n)) for n in np.bincount(subject)]
    ).astype(float)
    event = np.where(generator.random(600) < 0.3, hours + generator.integers(-5, 20, 600), np.nan)
    rows = Rows(
        risk=generator.random(600),
        label=(~np.isnan(event)).astype(np.int64),
        subject=subject,
        days=np.ones(600),
        hours=hours,
        event_hours=event,
    )

    for snooze in (0.0, 4.0, 12.0):
        _, done = walked(rows, lead=8, snooze=snooze, threshold=0.6)
        counts, leads = slowly(rows, 8, snooze, 0.6)
        assert done.counts.tolist() == counts
        assert done.lead.tolist() == leads


def a_ward(patients: int, ill: int, seed: int = 3) -> Rows:
    generator = np.random.default_rng(seed)
    made = []
    for number in range(patients):
        event = int(generator.integers(5, 24)) if number < ill else None
        risks = generator.uniform(0, 0.6, 24)
        if event is not None:
            risks[max(event - 6, 0) : event] += 0.3
        made.append((risks, event, 6))
    return rows_of(*made)


def options(**alerts) -> Evaluation:
    return Evaluation(
        threshold=Threshold(value=0.5), burden_per="day", bootstrap=200, alerts=Alerts(**alerts)
    )


def test_figures_are_the_counts_themselves_and_their_intervals_are_by_patient():
    rows = a_ward(300, 60)
    timeline, done = walked(rows, lead=6, snooze=3)

    figures = alert_evidence(rows, 0.5, options(lead="6 h", snooze="3 h"), 1)["figures"]

    alerts, early, late = done.counts.sum(axis=0)
    found = done.lead[done.lead >= 0]
    expected = {
        "event_sensitivity": len(found) / len(done.lead),
        "median_lead_hours": np.median(found),
        "alerts_per_patient_day": alerts / timeline.days.sum(),
        "false_alerts_per_patient_day": (alerts - early - late) / timeline.days.sum(),
        "alert_ppv": (early + late) / alerts,
        "alerts_per_true_alert": alerts / (early + late),
        "late_alert_share": late / alerts,
    }
    assert {name: figure["estimate"] for name, figure in figures.items()} == pytest.approx(expected)
    own = done.counts[:, 0] / timeline.days
    spread = own.std() / np.sqrt(300)
    wide = figures["alerts_per_patient_day"]["high"] - figures["alerts_per_patient_day"]["low"]
    assert wide / (2 * 1.96 * spread) == pytest.approx(1, abs=0.2)


def test_few_patients_with_an_event_give_no_figure_of_events():
    evidence = alert_evidence(a_ward(200, 9), 0.5, options(lead="6 h"), 1)

    assert evidence["events"] is None
    assert evidence["figures"]["event_sensitivity"]["estimate"] is None
    assert evidence["figures"]["event_sensitivity"]["n"] is None
    assert evidence["figures"]["alerts_per_patient_day"]["estimate"] is not None
    assert all(cell is None for row in evidence["grid"]["event_sensitivity"] for cell in row)


def test_the_grid_has_the_chosen_threshold_and_no_cell_with_few_patients():
    rows = a_ward(300, 60)

    grid = alert_evidence(rows, 0.5, options(lead="6 h"), 1)["grid"]

    assert 0.5 in grid["threshold"]
    assert grid["snooze_hours"] == [0, 3, 6, 12, 24]
    per_day = np.array(grid["alerts_per_patient_day"], dtype=float)
    assert (np.diff(per_day, axis=1) <= 0)[~np.isnan(np.diff(per_day, axis=1))].all()
    assert (np.diff(per_day, axis=0) <= 1e-9)[~np.isnan(np.diff(per_day, axis=0))].all()
    alerted = [len(np.unique(rows.subject[rows.risk >= bar])) for bar in grid["threshold"]]
    hidden = np.isnan(per_day[0])
    assert hidden.tolist() == [n <= 10 for n in alerted]


def test_lead_times_hide_few_patients_and_what_would_tell_them():
    cells = alert_evidence(a_ward(300, 60), 0.5, options(lead="6 h"), 1)["lead_time"]["subjects"]

    assert all(cell is None or cell == 0 or cell > 10 for cell in cells)
    assert cells.count(None) != 1

"""A version in use is watched: each day once, the same whenever it is counted, and told."""

import json
import re
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from bedside.core.clock import iso, parse_instant
from bedside.core.errors import Unavailable
from bedside.core.records.bundle import FEATURES
from bedside.features.definition import feature_set_from_json
from bedside.interop.sealed_answer import opened_answer
from bedside.lifecycle import live_watch
from bedside.lifecycle.alarms import resolve
from bedside.lifecycle.baselines import baseline_of
from bedside.lifecycle.live_watch import watch_live
from bedside.lifecycle.missed_runs import check_runs
from bedside.lifecycle.watch_state import DayEntries, Progress
from bedside.lifecycle.where_seen import WhereSeen
from bedside.monitor.stream.tally_bytes import tally_from_bytes
from bedside.wiring.run_watch import RunWatch
from live_ward import FIRST, Ward, a_built_workspace, a_ward

DAYS, EACH = 10, 40


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return a_built_workspace(tmp_path_factory.mktemp("built") / "w")


@pytest.fixture
def ward(built, tmp_path):
    return a_ward(built, tmp_path / "w")


@pytest.fixture
def other(built, tmp_path):
    return a_ward(built, tmp_path / "other")


def lived(ward, days=DAYS, *, daily, changed=None):
    """So many days, watched each day or only at the end."""
    answered(ward, days, changed=changed, watched=daily)
    ward.clock.at = ward.on(days, 2.0)
    return watch_live(ward.platform, "diagnosis")


def answered(ward, days, *, changed=None, watched=False):
    """Some patients are asked about again, some labels come late, and some are corrected."""
    drawn = np.random.default_rng(5)
    came = []
    for day in range(days):
        rows = drawn.integers(0, len(ward.risk), EACH)
        whose = np.where(drawn.random(EACH) < 0.2, 5_000 + rows % 7, 10_000 + 100 * day + rows)
        matrix = ward.matrix[rows] if changed is None else changed(day, ward.matrix[rows])
        for hour, half in ((9.0, slice(0, EACH // 2)), (15.0, slice(EACH // 2, EACH))):
            parts = {"subjects": whose[half].tolist(), "matrix": matrix[half]}
            came.append(ward.answer(day, rows[half].tolist(), hour=hour, **parts))
        if day >= 1:
            ward.came(day, came[2 * day - 1])
        if day == 4:
            ward.came(day, came[1][:3], [1 - ward.label[one.row] for one in came[1][:3]])
        if watched:
            ward.clock.at = ward.on(day + 1, 2.0)
            watch_live(ward.platform, "diagnosis")


def counted(ward):
    """Everything that is counted, without the numbers of entries."""
    book, version = ward.platform.watch_book, ward.version.id
    run = book.run(version)
    progress = Progress.of(run, read(run)["baseline"])
    return {
        "tallies": list(book.tallies(version)),
        "detectors": progress.detectors.to_json(),
        "through": (progress.begun, progress.through),
        "subjects": {
            tag: replace(one, drawn=None)
            for tag, one in book.subjects(version, book.subject_tags(version)).items()
        },
        "alarms": [replace(one, id="", raised="", steps=()) for one in alarms(ward)],
    }


def read(run):
    return json.loads(run.state)


def alarms(ward):
    return ward.platform.alarms.all()


def tally(ward, day):
    baseline = baseline_of(ward.platform, ward.version, ward.bundle)
    wanted = (FIRST + timedelta(days=day)).isoformat()
    (content,) = [
        told for at, told in ward.platform.watch_book.tallies(ward.version.id) if at == wanted
    ]
    return tally_from_bytes(baseline, content)


def test_days_counted_as_they_pass_are_the_days_counted_at_the_end(ward, other):
    as_they_pass = lived(ward, daily=True)
    at_the_end = lived(other, daily=False)

    assert (as_they_pass.days, at_the_end.days) == (0, DAYS)
    assert counted(ward) == counted(other)
    assert as_they_pass.coverage == at_the_end.coverage
    assert tally(ward, 4).corrected == 3
    assert sum(tally(ward, day).answers for day in range(DAYS)) == EACH * DAYS


def test_every_patient_is_drawn_once_and_only_answers_of_the_day_are_counted(ward):
    lived(ward, daily=True)

    book = ward.platform.watch_book
    drawn = [
        sequence
        for day, _ in book.tallies(ward.version.id)
        for sequence in DayEntries.of(book.entries(ward.version.id, day)).drawn
    ]
    tags = [one.subject_tag for one in ward.platform.predictions.entered(drawn)]
    assert len(tags) == len(set(tags)) == len(book.subject_tags(ward.version.id))
    assert sum(tally(ward, day).drawn for day in range(DAYS)) == len(drawn)


def test_a_second_run_of_the_same_day_changes_nothing(ward):
    lived(ward, daily=False)
    before = counted(ward)

    again = watch_live(ward.platform, "diagnosis")

    assert (again.days, again.raised, again.grown) == (0, (), ())
    assert counted(ward) == before


def in_another_unit(day, matrix):
    """From the third day on, the radius comes in another unit."""
    if day >= 3:
        matrix[:, 0] /= 10.0
    return matrix


def test_a_change_is_raised_once_and_starts_anew_once_a_person_resolved_it(ward):
    watched = lived(ward, 6, daily=False, changed=in_another_unit)
    assert watched.alarms
    assert set(watched.raised) == {one.id for one in watched.alarms}
    assert watch_live(ward.platform, "diagnosis").raised == ()
    for alarm in watched.alarms:
        resolve(ward.platform, alarm.id, action="the unit is declared now")

    ward.answer(6, range(40))
    ward.clock.at = ward.on(7, 2.0)
    after = watch_live(ward.platform, "diagnosis")

    assert (after.days, after.alarms, after.raised) == (1, (), ())
    assert read(ward.platform.watch_book.run(ward.version.id))["resets"]

    ward.answer(5, range(30))  # late: days are counted again, and nothing is raised again
    ward.clock.at = ward.on(7, 3.0)
    again = watch_live(ward.platform, "diagnosis")

    assert again.again == ("answers of days that were counted came late",)
    assert (again.days, again.alarms, again.raised) == (2, (), ())


class Killed(BaseException):
    """As a process that is killed: nothing catches it."""


def test_a_run_that_is_killed_anywhere_is_finished_by_the_next(ward, other, monkeypatch):
    expected = lived(other, 6, daily=False, changed=in_another_unit)
    answered(ward, 6, changed=in_another_unit)
    ward.clock.at = ward.on(6, 2.0)
    monkeypatch.setattr(live_watch, "_DAYS_AT_ONCE", 2)
    steps = [
        (ward.platform.watch_book, "keep"),
        (ward.platform.alarms, "put"),
        (ward.platform.ledger, "append"),
    ]
    left = {"calls": 0}

    def dying(owner, name):
        whole = getattr(owner, name)

        def step(*arguments, **named):
            left["calls"] -= 1
            if left["calls"] == 0:
                raise Killed
            done = whole(*arguments, **named)
            left["calls"] -= 1
            if left["calls"] == 0:
                raise Killed
            return done

        return step

    for owner, name in steps:
        monkeypatch.setattr(owner, name, dying(owner, name))
    kills = 0
    for calls in range(1, 60):
        left["calls"] = calls
        try:
            watch_live(ward.platform, "diagnosis")
        except Killed:
            kills += 1
        else:
            break

    assert kills >= 4
    assert counted(ward) == counted(other)
    raised = [one for one in ward.platform.ledger.entries() if one.action == "alarm.raise"]
    kept = {one.steps[0].entry for one in alarms(ward)}
    assert len(alarms(ward)) == len(expected.alarms)
    assert kept <= {one.sequence for one in raised}


def test_an_erased_patient_is_counted_no_more_and_the_days_since_are_counted_again(ward):
    lived(ward, daily=True)
    gone = next(iter(ward.platform.predictions.find(limit=1)))
    before = tally(ward, DAYS - 1)
    ward.platform.ledger.forget(subject_of(ward, gone))

    watched = watch_live(ward.platform, "diagnosis")

    assert watched.again == ("somebody was erased",)
    after = tally(ward, DAYS - 1)
    assert (after.answers, after.drawn) == (before.answers, before.drawn - 1)
    assert after.erased == before.erased + 1
    tags = ward.platform.watch_book.subject_tags(ward.version.id)
    assert gone.subject_tag not in tags
    assert tags.keys() == ward.platform.predictions.subject_tags(ward.version.id)


def subject_of(ward, made):
    return opened_answer(ward.platform.ledger.unseal(made.sequence))["subject"]


def test_what_is_left_after_an_erasure_is_what_a_count_from_the_start_gives(ward):
    lived(ward, daily=True)
    ward.platform.ledger.forget(5_003)
    watch_live(ward.platform, "diagnosis")
    before = counted(ward)

    watch_live(ward.platform, "diagnosis", anew=True)

    assert counted(ward) == before


def test_a_late_answer_brings_the_monitor_back_to_its_day(ward):
    lived(ward, daily=True)
    ward.answer(7, range(12), hour=20.0)
    ward.clock.at = ward.on(DAYS, 3.0)

    watched = watch_live(ward.platform, "diagnosis")

    assert (watched.days, watched.first) == (3, (FIRST + timedelta(days=7)).isoformat())
    assert tally(ward, 7).answers == 52
    before = counted(ward)
    watch_live(ward.platform, "diagnosis", anew=True)
    assert counted(ward) == before


def test_an_answer_from_the_future_is_told_and_counts_on_its_day(ward):
    lived(ward, 2, daily=False)
    ward.answer(5, range(15))
    ward.clock.at = ward.on(2, 3.0)

    told = watch_live(ward.platform, "diagnosis")
    ward.clock.at = ward.on(6, 3.0)
    later = watch_live(ward.platform, "diagnosis")

    assert (told.ahead, told.days) == (15, 0)
    assert (later.ahead, later.days, later.answers) == (0, 4, 15)
    assert tally(ward, 5).answers == 15


def test_today_is_not_counted_before_it_is_over(ward):
    ward.answer(0, range(20))

    early = watch_live(ward.platform, "diagnosis")
    ward.clock.at = ward.on(1, 0.5)
    late = watch_live(ward.platform, "diagnosis")

    assert (early.through, early.waiting, early.days) == (None, 20, 0)
    assert (late.through, late.waiting, late.answers) == (FIRST.isoformat(), 0, 20)


def test_today_may_be_counted_before_it_is_over_and_is_counted_again(ward):
    ward.answer(0, range(20))
    early = watch_live(ward.platform, "diagnosis", today=True)
    ward.answer(0, range(20, 30), hour=20.0)
    ward.clock.at = ward.on(1, 0.5)

    late = watch_live(ward.platform, "diagnosis")

    assert (early.through, early.answers, early.waiting) == (FIRST.isoformat(), 20, 0)
    assert (late.through, late.answers, late.days) == (FIRST.isoformat(), 30, 1)
    assert tally(ward, 0).answers == 30


def test_who_names_nobody_and_whose_outcome_is_not_known_is_said(ward):
    ward.answer(0, range(15), subjects=[None] * 15)
    ward.came(0, ward.answer(0, range(15, 45)))
    ward.answer(0, range(45, 60))
    ward.clock.at = ward.on(1, 1.0)

    coverage = watch_live(ward.platform, "diagnosis").coverage

    assert (coverage.scores, coverage.judged, coverage.share) == (60, 30, 0.5)
    assert coverage.not_judged["nobody"] == 15
    assert sum(count or 0 for count in coverage.not_judged.values()) == 30


def test_two_runs_at_once_are_one_run(ward):
    with ward.platform.lock(), pytest.raises(Unavailable) as busy:
        watch_live(ward.platform, "diagnosis")
    assert busy.value.code == "workspace_busy"


def test_a_version_that_nobody_watches_is_an_alarm_and_one_that_is_watched_is_none(ward):
    (released,) = ward.platform.registry.releases()
    ward.clock.at = ward.on(0)
    begin = max(released.since, iso(ward.clock.at))
    ward.clock.at = parse_instant(begin) + timedelta(days=1, hours=20)
    (fine,) = check_runs(ward.platform)
    ward.clock.at += timedelta(hours=9)
    (missed,) = check_runs(ward.platform, "diagnosis")
    check_runs(ward.platform)

    assert not fine.missed
    assert missed.missed
    assert [(one.kind, one.cause) for one in alarms(ward)] == [("run", "missed_run")]

    watch_live(ward.platform, "diagnosis")
    (watched,) = check_runs(ward.platform)

    assert not watched.missed


def test_a_server_notices_that_nobody_watches_and_tells_prometheus_when_somebody_did(ward):
    watching = RunWatch(ward.platform)
    ward.clock.at = parse_instant(ward.platform.registry.releases()[0].since) + timedelta(days=3)

    (before,) = watching.look()
    watch_live(ward.platform, "diagnosis")
    (after,) = watching.look()

    assert (before.missed, after.missed) == (True, False)
    assert [one.steps[0].by for one in alarms(ward)] == ["service:run-watch"]
    (told,) = [
        float(line.split()[-1])
        for line in watching.metrics.text().decode().splitlines()
        if line.startswith("bedside_monitor_run_timestamp_seconds{")
    ]
    assert told == ward.clock.at.timestamp()


def at_sites(ward, days, hit):
    """These days, of patients of two sites; one input comes 25.4 times as high where it hits."""
    column = feature_set_from_json(ward.bundle.files[FEATURES]).names.index("mean_smoothness.last")
    for day in days:
        rows = np.random.default_rng(day).integers(0, len(ward.risk), 60)
        whose = 10_000 + 60 * day + np.arange(60)
        matrix = ward.matrix[rows].copy()
        matrix[np.isin(whose % 2, hit), column] *= 25.4
        ward.answer(day, rows.tolist(), subjects=whose.tolist(), matrix=matrix)
    ward.clock.at = ward.on(days[-1] + 1, 2.0)
    return watch_live(ward.platform, "diagnosis")


def test_an_alarm_says_at_which_site_it_is_seen_until_it_has_spread(ward, monkeypatch):
    plain, look, looks = Ward._draft, WhereSeen._answers, []

    def of_a_site(self, one, subject, row, risk, shown):
        draft = plain(self, one, subject, row, risk, shown)
        message = f"MSH|^~\\&|LAB|S{subject % 2}|B|X\rPID|1\rPV1|1|I|W{subject % 3}^1"
        sealed = opened_answer(draft.sealed) | {"request": message}
        return replace(draft, sealed=json.dumps(sealed).encode())

    monkeypatch.setattr(Ward, "_draft", of_a_site)
    monkeypatch.setattr(WhereSeen, "_answers", lambda *told: looks.append(1) or look(*told))
    at_sites(ward, range(8), [])
    assert (alarms(ward), looks) == ([], [])  # nothing is opened again

    at_sites(ward, range(8, 12), [1])
    (first,) = alarms(ward)
    at_sites(ward, range(12, 21), [0, 1])
    (second,) = alarms(ward)

    assert first.groups == ("site: S1",)
    assert {"site: S0", "site: S1"} <= tally(ward, 3).groups.keys()
    moved = next(one for one in first.findings if one.stream.startswith("rank:mean_smoothness"))
    there, elsewhere = moved.places
    assert (there.place, elsewhere.place) == ("site: S1", "elsewhere")
    assert there.now > there.then + 0.3
    assert abs(elsewhere.now - elsewhere.then) < 0.15
    assert re.search(r" at site S1,? since .*[;,] elsewhere as before", first.text)
    assert (second.id, second.groups) == (first.id, ())
    assert not any(one.places for one in second.findings)
    assert " at site " not in second.text

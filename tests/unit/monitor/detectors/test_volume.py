"""The number of questions a day: nothing from a weekly rhythm, soon seen where it changes."""

import json
from dataclasses import replace

import numpy as np
import pytest

from bedside.core.records.watch import Watch
from bedside.monitor.causes.causes import likely
from bedside.monitor.detectors.detecting import shares_of
from bedside.monitor.detectors.volume import (
    LEARN_DAYS,
    SILENCE,
    VOLUME,
    DayCount,
    Volume,
    watch_volume,
)
from bedside.monitor.stream.families import FAMILIES
from detected import a_baseline, a_day, a_stream

ALL = a_baseline(*[a_stream(name, family=name) for name in FAMILIES if name != "volume"])
WEEK = np.array([1.2, 1.15, 1.1, 1.1, 1.05, 0.75, 0.65])
BEGIN = 20_000  # a Thursday


def days(seed, mean=30, length=60, change=None, times=0.0):
    """A weekly rhythm; from day `change` on so many times as many."""
    rng = np.random.default_rng(seed)
    made = []
    for at in range(length):
        now = mean * WEEK[at % 7] * (times if change is not None and at >= change else 1.0)
        patients = int(rng.poisson(now))
        made.append(DayCount(BEGIN + at, patients + int(rng.binomial(patients, 0.3)), patients))
    return made


def watched(counts, volume=None, **more):
    return watch_volume(ALL, Watch(), volume or Volume(), counts, **more)


def first_day(by_day):
    return by_day[0][0] - BEGIN if by_day else None


def test_a_weekly_rhythm_is_no_finding():
    share = shares_of(ALL)["volume"]

    alarms = sum(len(watched(days(seed, length=LEARN_DAYS + 91))[2]) for seed in range(20))

    assert alarms <= 1
    assert share < 0.03


def test_a_day_without_a_question_is_found_on_that_day():
    _, by_day, found = watched(days(1, change=45, length=46))

    assert first_day(by_day) == 45
    assert [one.stream for one in found] == [SILENCE]
    assert (found[0].kind, found[0].side, found[0].now, found[0].n) == (
        "volume",
        "down",
        None,
        None,
    )
    assert found[0].log_evidence >= found[0].bar
    assert found[0].text.startswith("no question came on 2024-11-18, where about ")


@pytest.mark.parametrize(("times", "side"), [(0.5, "down"), (2.0, "up")])
def test_half_as_many_or_twice_as_many_are_found_within_three_weeks(times, side):
    _, by_day, found = watched(days(2, change=45, length=66, times=times))

    assert 45 < first_day(by_day) < 66
    assert {one.stream for one in found} <= set(VOLUME)
    assert {one.side for one in found} == {side}
    assert 43 <= min(int(one.since[-2:]) for one in found) - 18 + 45 <= 50
    assert all(one.now < one.then if side == "down" else one.now > one.then for one in found)


def test_one_odd_day_such_as_a_holiday_is_no_finding():
    counts = days(3, mean=200)
    odd = counts[50]
    counts[50] = DayCount(odd.day, odd.questions // 3, odd.patients // 3)

    assert watched(counts)[2] == ()


def test_nothing_is_judged_before_four_weeks_are_learnt():
    _, by_day, _ = watched(days(4, change=10, length=LEARN_DAYS))

    assert by_day == ()


def test_days_that_are_only_learnt_from_move_nothing():
    volume, by_day, found = watched(days(5, change=45), learn=BEGIN + 59)

    assert (by_day, found) == ((), ())
    assert volume.day == BEGIN + 59


def test_a_model_that_is_not_asked_at_the_weekend_is_not_silent_there():
    counts = [
        DayCount(one.day, 0, 0) if at % 7 in (5, 6) else one
        for at, one in enumerate(days(6, length=90))
    ]

    assert watched(counts)[2] == ()


def test_day_by_day_is_the_same_as_in_one_go_and_counted_days_move_nothing_again():
    counts = days(7, change=45, times=0.4)
    volume = None
    for one in counts:
        volume, _, found = watched([one], volume)
        volume = Volume.from_json(json.loads(json.dumps(volume.to_json())))

    at_once = watched(counts)
    again = watched(counts, volume)

    assert (at_once[2], at_once[0].to_json()) == (found, volume.to_json())
    assert (again[0].to_json(), again[1]) == (volume.to_json(), ())


def test_once_resolved_the_change_is_what_is_usual():
    volume, by_day, _ = watched(days(8, length=66, change=45, times=0.4))
    assert by_day

    anew = volume.restarted(frozenset(VOLUME))
    later = [
        DayCount(one.day + 66, one.questions, one.patients) for one in days(9, mean=12, length=120)
    ]
    known = watched(later, anew)

    assert min(one.day for one in anew.days) >= BEGIN + 43
    assert known[1] == ()
    assert len(known[0].days) >= LEARN_DAYS


def test_silence_that_is_resolved_is_forgotten_and_found_again():
    counts = days(10, change=45, length=46)
    volume, _, _ = watched(counts)
    usual = days(10, length=60)[46:52]
    volume = volume.restarted(frozenset({SILENCE}))

    back, by_day, _ = watched(usual, volume)
    _, _, again = watched([DayCount(BEGIN + 52, 0, 0)], back)

    assert by_day == ()
    assert BEGIN + 45 not in {one.day for one in back.days}
    assert [one.stream for one in again] == [SILENCE]


def test_the_cause_is_the_volume():
    counts = days(2, change=45, length=66, times=0.5)
    found = watched(counts)[2]
    tallies = [
        replace(a_day(ALL, one.day, {}), answers=one.questions, subjects=one.patients)
        for one in counts
    ]

    (draft,) = likely(ALL, found, tallies, units={})

    assert (draft.cause, draft.kind, draft.key) == ("volume", "volume", "volume:volume")
    assert draft.severity == "medium"
    assert "questions come in a day" in draft.text

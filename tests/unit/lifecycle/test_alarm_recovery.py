"""An alarm whose every stream is back is over: told by the service, once, and opened again."""

from dataclasses import replace
from datetime import timedelta

import pytest

from alarming import VERSION, a_draft, a_finding, an_alarming_platform
from bedside.core.clock import FixedClock
from bedside.core.records.watch import Recovery, Watch
from bedside.lifecycle import alarm_recovery
from bedside.lifecycle.alarm_account import times_of
from bedside.lifecycle.alarms import (
    acknowledge,
    raise_alarms,
    resolve,
    resolved_streams,
)
from bedside.monitor.detectors.watching import watch_days
from bedside.monitor.recovered import back_since
from recovering import AWAY, BACK, BASELINE, CREATININE, LACTATE, days, recovered


@pytest.fixture
def platform(tmp_path):
    return an_alarming_platform(tmp_path / "w")


def kinds(platform, alarm):
    return [one.kind for one in platform.alarms.get(alarm.id).steps]


def test_what_is_back_closes_itself_in_the_name_of_the_service(platform):
    (alarm,) = raise_alarms(platform, VERSION, [a_draft()])
    tallies = days(alarm, *[AWAY] * 3, *[BACK] * 20)

    (now,) = recovered(platform, tallies)
    again = recovered(platform, tallies)

    assert again == []
    assert (now.state, now.standing) == ("resolved", "recovered, closed")
    assert kinds(platform, alarm) == ["raised", "recovered", "resolved"]
    assert {one.by for one in now.steps[1:]} == {"service:bedside"}
    entry = platform.ledger.entry(now.steps[1].entry)
    assert (entry.action, entry.details["alarm"]) == ("alarm.recover", alarm.id)
    assert entry.details["told"].startswith("what it rests on is back where it was since")
    assert resolved_streams(platform, VERSION) == {CREATININE}
    assert times_of(now).to_resolve is not None


@pytest.mark.parametrize(
    ("shares", "recovery"),
    [
        ([AWAY] * 60, Recovery()),
        ([(0.2, 0.1)] * 60, Recovery()),  # better, and not in the range
        ([*[AWAY] * 3, *[BACK] * 6], Recovery(error=0.99, patients=1)),  # not yet seven days
        ([BACK] * 20, Recovery(patients=2_000)),
        ([*[BACK] * 20, *[AWAY] * 3], Recovery()),  # it was back, and left again
        ([(0.0, 0.1)] * 40, Recovery()),  # out at the other end
        ([BACK] * 3, Recovery(after="1 d")),  # not sure enough
    ],
)
def test_what_is_not_surely_back_for_long_enough_stays_open(platform, shares, recovery):
    (alarm,) = raise_alarms(platform, VERSION, [a_draft()])

    assert recovered(platform, days(alarm, *shares), recovery) == []
    assert platform.alarms.get(alarm.id).state == "open"


def test_every_stream_must_be_back_and_one_that_nobody_can_judge_waits(platform):
    both = a_draft(a_finding(), a_finding(LACTATE, signal="lactate"))
    volume = a_draft(a_finding("volume:questions", kind="volume", signal=None), key="volume")
    one, other = raise_alarms(platform, VERSION, [both, volume])
    tallies = days(other, *[(0.1, 0.9)] * 30)
    assert recovered(platform, tallies) == []

    (now,) = recovered(platform, days(other, *[BACK] * 30))

    assert now.id == one.id
    assert "all 2 figures that it rests on are back" in now.steps[-2].text
    assert platform.alarms.get(other.id).state == "open"


def test_a_stream_of_the_patients_of_a_day_is_judged_by_the_one_that_it_repeats(platform):
    today = a_finding(f"today:{CREATININE}")
    (alarm,) = raise_alarms(platform, VERSION, [a_draft(today)])

    assert len(recovered(platform, days(alarm, *[BACK] * 20))) == 1


def test_a_grave_alarm_is_marked_and_waits_for_a_person_however_it_is_declared(platform):
    (alarm,) = raise_alarms(platform, VERSION, [a_draft(severity="high")])
    tallies = days(alarm, *[BACK] * 20)

    (now,) = recovered(platform, tallies)
    seen = acknowledge(platform, alarm.id)

    assert (now.state, seen.standing) == ("recovered", "recovered, waits for a person")
    assert recovered(platform, tallies) == []
    done = resolve(platform, alarm.id, action="The interface converts again.")
    assert done.standing == "resolved"
    assert resolved_streams(platform, VERSION) == {CREATININE}


def test_the_declaration_says_what_closes(platform):
    (low,) = raise_alarms(platform, VERSION, [a_draft(severity="low")])

    (now,) = recovered(platform, days(low, *[BACK] * 20), Recovery(closes=None))

    assert now.state == "recovered"


def test_a_crash_between_marking_and_closing_is_made_good(platform, monkeypatch):
    (alarm,) = raise_alarms(platform, VERSION, [a_draft()])
    tallies = days(alarm, *[BACK] * 20)

    def crash(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(alarm_recovery, "_closed", crash)
        recovered(platform, tallies)
    assert platform.alarms.get(alarm.id).state == "recovered"
    recovered(platform, tallies)

    assert kinds(platform, alarm) == ["raised", "recovered", "resolved"]


def test_what_comes_back_opens_the_same_alarm_and_later_another(platform):
    (alarm,) = raise_alarms(platform, VERSION, [a_draft()])
    recovered(platform, days(alarm, *[BACK] * 20))
    clock = FixedClock(platform.clock.now() + timedelta(days=20))
    later = replace(platform, clock=clock)

    (again,) = raise_alarms(later, VERSION, [a_draft(severity="low", onset="2026-03-20")])
    same = raise_alarms(later, VERSION, [a_draft()])

    assert (again.id, again.state, again.severity) == (alarm.id, "open", "medium")
    assert (again.onset, again.steps[-1].kind) == ("2026-03-20", "reopened")
    assert again.steps[-1].text == "it came back after it had recovered"
    assert times_of(again).to_resolve is None
    assert same == [again] == later.alarms.all(unresolved=True)
    recovered(later, days(again, *[BACK] * 20))
    clock.at += timedelta(days=60)
    (other,) = raise_alarms(later, VERSION, [a_draft()])
    assert other.id != alarm.id
    assert kinds(platform, alarm)[-3:] == ["reopened", "recovered", "resolved"]


def test_what_comes_back_while_a_person_is_waited_for_opens_it_and_a_person_s_word_ends_it(
    platform,
):
    (alarm,) = raise_alarms(platform, VERSION, [a_draft(severity="high")])
    recovered(platform, days(alarm, *[BACK] * 20))

    (again,) = raise_alarms(platform, VERSION, [a_draft(severity="high")])
    recovered(platform, days(again, *[BACK] * 20))
    resolve(platform, alarm.id, action="It is over.")
    (other,) = raise_alarms(platform, VERSION, [a_draft(severity="high")])

    assert (again.id, again.state) == (alarm.id, "open")
    assert other.id != alarm.id


def test_detectors_that_start_anew_after_a_recovery_are_quiet_until_it_is_away_again(platform):
    (alarm,) = raise_alarms(platform, VERSION, [a_draft()])
    away, back = days(alarm, *[AWAY] * 3), days(alarm, *[BACK] * 20, first=4)
    watch = Watch()
    seen = watch_days(BASELINE, watch, None, [*away, *back])
    assert seen.findings  # evidence alone never goes back under its bar so soon
    recovered(platform, [*away, *back])

    streams = resolved_streams(platform, VERSION)
    quiet = days(alarm, *[BACK] * 3, first=24)
    anew = watch_days(BASELINE, watch, seen.detectors, quiet, resolved=streams)
    gone = watch_days(BASELINE, watch, anew.detectors, days(alarm, AWAY, first=27))

    assert anew.findings == ()
    assert [one.stream for one in gone.findings] == [CREATININE]


def test_no_days_or_findings_of_nothing_are_no_recovery():
    assert back_since(BASELINE, Recovery(), [a_finding()], [], after=0) is None
    assert back_since(BASELINE, Recovery(), [], [], after=0) is None

"""How many questions a version in use gets is watched: silence is found at the next run, once."""

import json
from dataclasses import replace

import numpy as np
import pytest

from bedside.core.clock import iso
from bedside.lifecycle.alarms import resolve
from bedside.lifecycle.live_watch import watch_live
from bedside.monitor.detectors.volume import SILENCE, Volume
from live_ward import a_built_workspace, a_ward

LEARNT, EACH = 36, 30


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return a_built_workspace(tmp_path_factory.mktemp("built") / "w")


@pytest.fixture
def ward(built, tmp_path):
    return a_ward(built, tmp_path / "w")


@pytest.fixture
def asked(ward):
    """A ward of five weeks, watched once at the end."""
    drawn = np.random.default_rng(3)
    for day in range(LEARNT):
        ward.answer(day, drawn.choice(ward.held_out, int(drawn.poisson(EACH))).tolist())
    ward.clock.at = ward.on(LEARNT, 2.0)
    return ward


def watched(ward, day, hour=2.0, **more):
    ward.clock.at = ward.on(day, hour)
    return watch_live(ward.platform, "diagnosis", **more)


def volume_of(ward):
    run = ward.platform.watch_book.run(ward.version.id)
    return Volume.from_json(json.loads(run.state)["volume"])


def silences(told):
    return [one for one in told.alarms if any(found.stream == SILENCE for found in one.findings)]


def test_a_day_without_answers_is_found_at_the_next_run_and_raised_once(asked):
    before = watched(asked, LEARNT)
    found = watched(asked, LEARNT + 1)
    again = watched(asked, LEARNT + 1, 3.0)

    assert silences(before) == []
    (alarm,) = silences(found)
    assert (alarm.cause, alarm.kind) == ("volume", "volume")
    assert alarm.id in found.raised
    assert alarm.onset == asked.on(LEARNT).date().isoformat()
    assert again.raised == again.grown == ()

    resolve(asked.platform, alarm.id, action="the interface was down")
    asked.answer(LEARNT + 1, asked.held_out[:EACH].tolist())
    after = watched(asked, LEARNT + 2)
    assert silences(after) == []
    assert volume_of(asked).silence is None


def test_a_day_that_is_not_over_is_not_silent(asked):
    watched(asked, LEARNT)

    early = watched(asked, LEARNT, 3.0, today=True)
    late = watched(asked, LEARNT + 1)

    assert silences(early) == []
    assert len(silences(late)) == 1


def test_counted_again_from_the_start_it_is_the_same(asked):
    watched(asked, LEARNT)
    watched(asked, LEARNT + 2)
    before = volume_of(asked)

    watched(asked, LEARNT + 2, 3.0, anew=True)
    assert volume_of(asked).to_json() == before.to_json()

    asked.answer(LEARNT - 2, asked.held_out[:3].tolist())  # late: the days since are counted again
    watched(asked, LEARNT + 2, 4.0)
    counts = {one.day: one.questions for one in before.days}
    now = {one.day: one.questions for one in volume_of(asked).days}
    day = max(before.days, key=lambda one: one.day).day
    assert sum(now.values()) == sum(counts.values()) + 3
    assert volume_of(asked).day == before.day == day + 2


def test_days_out_of_use_are_not_silence(asked, monkeypatch):
    watched(asked, LEARNT)
    asked.answer(LEARNT + 5, asked.held_out[:EACH].tolist())
    registry = asked.platform.registry
    came_back = iso(asked.on(LEARNT + 5))
    told = [replace(one, since=came_back) for one in registry.releases()]
    monkeypatch.setattr(registry, "releases", lambda: told)

    back = watched(asked, LEARNT + 6)
    assert silences(back) == []
    gone = watched(asked, LEARNT + 8)
    assert len(silences(gone)) == 1

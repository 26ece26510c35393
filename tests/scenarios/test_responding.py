"""Alarms are answered as the declaration says: each once, by its guard, or a person is asked."""

import shutil

import polars as pl
import pytest

from bedside.core.records.version import Stage
from bedside.data.collect.bundled import breast_cancer
from bedside.lifecycle import responding
from bedside.lifecycle.alarms import raise_alarms
from bedside.lifecycle.responding import respond
from bedside.lifecycle.suspending import resume
from bedside.monitor.causes.drafts import AlarmDraft
from planned_ward import a_planned_workspace, asked, cases, make_live, platform_on, told

pytestmark = pytest.mark.xdist_group("responding")  # its fixtures are made once


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    return a_planned_workspace(tmp_path_factory.mktemp("planned"))


@pytest.fixture
def ward(first, tmp_path):
    """A copy of it for one test, and the champion."""
    shutil.copytree(first[0], tmp_path / "w")
    return tmp_path / "w", first[1]


def an_alarm(platform, version, kind, *, cause="unknown", severity="high"):
    """An alarm as the monitor raises it."""
    draft = AlarmDraft(
        key=f"{cause} {kind}",
        kind=kind,
        severity=severity,
        cause=cause,
        onset="2026-01-04",
        text="Something moved.",
    )
    return raise_alarms(platform, platform.registry.get(version), [draft])


def answered(platform, version, alarms, **more):
    return respond(platform, platform.registry.get(version), alarms, **more)


def test_a_changed_unit_lets_the_version_abstain_on_the_wire_until_it_is_resumed(ward):
    folder, champion = ward
    platform = platform_on(folder)
    make_live(platform, champion)
    alarms = an_alarm(platform, champion, "input", cause="unit_change")

    (done,) = answered(platform, champion, alarms)
    (suspended,) = asked(platform, breast_cancer()[:1])
    again = answered(platform, champion, platform.alarms.all("diagnosis"))
    resume(platform, "diagnosis", reason="the analyser reports the old unit again")
    (score,) = asked(platform, breast_cancer()[:1])

    assert (done.outcome, done.wanted) == ("done", "abstain")
    assert suspended["parameters"]["reason"] == "suspended"
    assert {one["name"] for one in suspended["outputs"]} == {"outcome"}
    assert {"risk", "alert"} <= {one["name"] for one in score["outputs"]}
    assert again == []
    (entry,) = told(platform, "respond")
    assert (entry["alarm"], entry["outcome"]) == (alarms[0].id, "done")
    (alarm,) = platform.alarms.all("diagnosis")
    assert [step.kind for step in alarm.steps] == ["raised", "responded"]


@pytest.mark.parametrize("kind", ["output", "fairness"])
def test_a_live_version_is_held_or_rolled_back_and_nobody_is_shown_it(ward, kind):
    folder, champion = ward
    platform = platform_on(folder)
    make_live(platform, champion)

    (done,) = answered(platform, champion, an_alarm(platform, champion, kind))

    assert done.outcome == "done"
    assert platform.registry.get(champion).stage is Stage.SILENT


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("labels", "10 or fewer judged answers are too few; 200 are asked"),
        ("performance", "it learns from files, which somebody must bring"),
        ("volume", "the plan of changes lets people make it"),
        ("run", "is asked"),
    ],
)
def test_what_a_guard_forbids_or_nobody_declared_is_asked_of_the_owner(ward, kind, why):
    folder, champion = ward
    platform = platform_on(folder)

    (done,) = answered(platform, champion, an_alarm(platform, champion, kind))

    assert done.outcome == "asked"
    assert why in done.text
    assert done.text.startswith("the head of the laboratory")
    assert told(platform, "retrain.start") == []


def test_a_bad_refit_after_an_alarm_leaves_the_champion_and_the_alarm_and_is_not_tried_again_soon(
    ward, tmp_path
):
    folder, champion = ward
    platform = platform_on(folder, days=100)
    wrong = breast_cancer().with_columns(malignant=1 - pl.col("malignant").shift(3).fill_null(0))
    alarms = an_alarm(platform, champion, "performance", severity="medium")

    (done,) = answered(platform, champion, alarms, data=cases(tmp_path, wrong))

    assert done.outcome == "asked"
    assert f"is refused, and {champion} stays" in done.text
    assert platform.registry.get(champion).stage is Stage.SILENT
    assert [one.state for one in platform.alarms.all("diagnosis")] == ["open"]
    assert told(platform, "retrain.done")[0]["outcome"] == "refused"


def test_an_alarm_is_answered_once_although_a_crash_came_after_the_retraining(
    ward, tmp_path, monkeypatch
):
    folder, champion = ward
    platform, data = platform_on(folder, days=100), cases(tmp_path, breast_cancer())
    alarms = an_alarm(platform, champion, "performance", severity="medium")

    def killed(*_arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(responding, "_challenge_words", killed)
        with pytest.raises(KeyboardInterrupt):
            answered(platform, champion, alarms, data=data)
    (done,) = answered(platform, champion, alarms, data=data)
    second = answered(platform, champion, an_alarm(platform, champion, "performance"), data=data)

    assert done.outcome == "done"
    assert platform.registry.get(done.version).stage is Stage.SILENT
    assert len(told(platform, "retrain.start")) == 1
    assert second == []  # the alarm grew, but the same response was given

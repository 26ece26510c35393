"""Two real builds of the diagnosis: the second is a planned change of the first, or is not."""

import json
import shutil

import polars as pl
import pytest

from bedside.core.errors import Invalid, Refused
from bedside.core.records.policy import Role
from bedside.core.records.version import Stage
from bedside.data.collect.bundled import breast_cancer
from bedside.lifecycle import challenging
from bedside.lifecycle.people import grant_role
from bedside.lifecycle.promoting import promote_inside_plan
from bedside.lifecycle.retraining import due_for_retraining, retrain
from bedside.lifecycle.rollout import rollback
from planned_ward import (
    DAY,
    a_planned_workspace,
    asked,
    cases,
    make_live,
    outcomes_came,
    platform_on,
    told,
)

pytestmark = pytest.mark.xdist_group("retraining")  # its fixtures are made once


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    return a_planned_workspace(tmp_path_factory.mktemp("planned"))


@pytest.fixture
def ward(first, tmp_path):
    """A copy of it for one test, and the champion."""
    shutil.copytree(first[0], tmp_path / "w")
    return tmp_path / "w", first[1]


def test_a_refit_on_more_cases_inside_the_signed_plan_answers_in_silence_by_itself(ward, tmp_path):
    folder, champion = ward
    platform = platform_on(folder, days=100)

    done = retrain(platform, "diagnosis", cases(tmp_path, breast_cancer()), because="120 new cases")

    assert done.verdict is not None, done.why
    assert (done.verdict.standing, done.verdict.modification) == ("inside", "refit"), done.verdict
    assert (done.outcome, done.stage, done.parent) == ("silent", Stage.SILENT, champion)
    assert done.comparison["patients"] == challenging.SAME
    assert done.comparison["metrics"]["auroc"]["difference"]["low"] is not None
    new = platform.registry.get(done.version)
    assert new.approval.name == f"plan of {champion}"
    assert "planned modification 'refit'" in new.approval.meaning
    (judged,), (ended,) = told(platform, "retrain.judged"), told(platform, "retrain.done")
    assert (judged["standing"], ended["outcome"]) == ("inside", "silent")
    (entry,) = (one for one in platform.ledger.entries() if one.action == "retrain.judged")
    account = json.loads(platform.ledger.unseal(entry.sequence))["account"]
    assert account["verdict"]["standing"] == "inside"


def test_the_same_cases_again_are_refused_and_the_fix_is_told(ward, tmp_path):
    folder, champion = ward
    platform = platform_on(folder, days=100)

    with pytest.raises(Refused) as error:
        retrain(
            platform, "diagnosis", cases(tmp_path, breast_cancer().head(430)), because="why not"
        )

    assert error.value.code == "nothing_new"
    assert "--data" in error.value.fix
    assert told(platform, "retrain.refused")[0]["code"] == "nothing_new"
    assert [one.id for one in platform.registry.versions()] == [champion]


def test_a_refit_too_soon_after_the_one_before_waits_for_a_person(ward, tmp_path):
    folder, _ = ward
    platform = platform_on(folder, days=10)

    done = retrain(platform, "diagnosis", cases(tmp_path, breast_cancer()), because="eager")

    assert (done.outcome, done.stage) == ("waits", Stage.BUILT)
    assert any("10.0 d after the one before" in one for one in done.why)


def test_a_challenger_that_learnt_from_wrong_labels_is_refused_and_the_champion_stays(
    ward, tmp_path
):
    folder, champion = ward
    platform = platform_on(folder, days=100)
    wrong = breast_cancer().with_columns(
        malignant=pl.when(pl.int_range(pl.len()) % 4 == 0)
        .then(1 - pl.col("malignant"))
        .otherwise(pl.col("malignant"))
    )

    done = retrain(platform, "diagnosis", cases(tmp_path, wrong), because="a bad feed")

    assert (done.outcome, done.stage) == ("refused", Stage.BUILT)
    assert any("gate 'auroc' failed" in one for one in done.why)
    assert platform.registry.get(champion).stage is Stage.SILENT


def test_killed_in_the_middle_it_goes_on_where_it_stopped(ward, tmp_path, monkeypatch):
    folder, _ = ward
    platform, data = platform_on(folder, days=100), cases(tmp_path, breast_cancer())

    def killed(*_arguments, **_options):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(challenging, "release", killed)
        with pytest.raises(KeyboardInterrupt):
            retrain(platform, "diagnosis", data, because="120 new cases")
    half = platform.registry.versions("diagnosis")[-1]
    done = retrain(platform, "diagnosis", data, because="120 new cases")

    assert half.stage is Stage.APPROVED
    assert (done.version, done.outcome) == (half.id, "silent")
    assert len(platform.registry.versions("diagnosis")) == 2
    assert len(told(platform, "approve")) == 2


def test_it_is_due_after_the_declared_time_and_not_again_at_once(ward):
    folder, champion = ward
    before, after = platform_on(folder, days=89), platform_on(folder, days=91)
    version = after.registry.get(champion)

    assert (due_for_retraining(before, version), due_for_retraining(after, version)) == (
        False,
        True,
    )


def test_a_reason_is_asked_for(ward):
    with pytest.raises(Invalid, match="why"):
        retrain(platform_on(ward[0]), "diagnosis", because=" ")


def test_a_challenger_goes_to_canary_and_live_by_itself_once_it_was_silent_and_gates_pass(
    ward, tmp_path
):
    folder, champion = ward
    platform = platform_on(folder)
    make_live(platform, champion)
    platform.clock.at += 100 * DAY
    made = retrain(platform, "diagnosis", cases(tmp_path, breast_cancer()), because="new cases")
    some = breast_cancer()[1::5]
    asked(platform, some)
    outcomes_came(platform, breast_cancer())

    platform.clock.at += 5 * DAY
    early = promote_inside_plan(platform, "diagnosis")
    platform.clock.at += 10 * DAY
    canary = promote_inside_plan(platform, "diagnosis")
    soon = promote_inside_plan(platform, "diagnosis")
    asked(platform, some)
    live = promote_inside_plan(platform, "diagnosis")

    assert (early.outcome, early.stage) == ("waits", Stage.SILENT)
    assert "5.0 d; the plan says 14 d" in early.why[0]
    assert (canary.outcome, canary.stage) == ("promoted", Stage.CANARY), canary.why
    assert (soon.outcome, soon.stage) == ("waits", Stage.CANARY)
    assert "not yet" in soon.why[0]
    assert (live.outcome, live.version, live.stage) == ("promoted", made.version, Stage.LIVE)
    assert platform.registry.get(champion).stage is Stage.SUPERSEDED
    steps = [one["outcome"] for one in told(platform, "retrain.promote")]
    assert steps == ["waits", "promoted", "waits", "promoted"]
    assert platform.ledger.verify() == []


def test_a_challenger_waits_for_a_person_while_no_version_is_live(ward, tmp_path):
    folder, champion = ward
    platform = platform_on(folder, days=100)
    made = retrain(platform, "diagnosis", cases(tmp_path, breast_cancer()), because="new cases")
    asked(platform, breast_cancer()[1::5])
    outcomes_came(platform, breast_cancer())
    platform.clock.at += 20 * DAY

    done = promote_inside_plan(platform, "diagnosis")

    assert (done.version, done.outcome, done.stage) == (made.version, "waits", Stage.SILENT)
    assert f"{champion} is not live" in done.why[0]
    assert all(one.stage is Stage.SILENT for one in platform.registry.versions("diagnosis"))


def test_what_was_rolled_back_does_not_come_back_by_itself(ward, tmp_path):
    folder, champion = ward
    platform = platform_on(folder)
    make_live(platform, champion)
    platform.clock.at += 100 * DAY
    retrain(platform, "diagnosis", cases(tmp_path, breast_cancer()), because="new cases")
    some = breast_cancer()[1::5]
    for days in (15, 1):
        asked(platform, some)
        outcomes_came(platform, breast_cancer())
        platform.clock.at += days * DAY
        assert promote_inside_plan(platform, "diagnosis").outcome == "promoted"
    rollback(platform, "diagnosis", reason="a nurse doubts it")
    platform.clock.at += 20 * DAY

    with pytest.raises(Refused, match="waits for its next step"):
        promote_inside_plan(platform, "diagnosis")


def test_where_roles_count_the_plan_alone_lets_nothing_go_on(ward, tmp_path):
    folder, _ = ward
    platform = platform_on(folder, days=100)
    grant_role(platform, platform.actor.name, Role.ADMINISTRATOR)

    done = retrain(platform, "diagnosis", cases(tmp_path, breast_cancer()), because="new cases")

    assert (done.outcome, done.stage) == ("waits", Stage.BUILT)

"""Two real builds of the diagnosis: the second is a planned change of the first, or is not."""

import json
import shutil
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from bedside.core.clock import FixedClock
from bedside.core.errors import Invalid, Refused
from bedside.core.records.version import Stage
from bedside.data.collect.bundled import breast_cancer
from bedside.lifecycle import challenging
from bedside.lifecycle.build import build
from bedside.lifecycle.release import approve, release
from bedside.lifecycle.retraining import due_for_retraining, retrain
from bedside.usecases import folder_of
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace

pytestmark = pytest.mark.xdist_group("retraining")  # its fixtures are made once

DAY = timedelta(days=1)
BEGIN = datetime(2026, 1, 5, 8, tzinfo=UTC)
DECLARED = (folder_of("diagnosis") / "bedside.yaml").read_text()
PLANNED = (
    DECLARED.replace("made: manual", "made: automatic", 1)
    .replace("subjects_at_least: 569", "subjects_at_least: 500")
    .replace("bootstrap: 1000", "bootstrap: 200")
    .replace("sensitivity, falls_at_most: 0.02", "sensitivity, falls_at_most: 0.05")
    + "\nmonitoring:\n  watch:\n    retrain_every: 90 d\n"
)  # fmt: skip


def platform_on(folder, days=0):
    clock = FixedClock(BEGIN + days * DAY)
    who = actor_of("t", "test")
    return open_workspace(folder, actor=who, progress=LineProgress(), clock=clock)


def cases(folder, rows):
    path = folder / "cases.parquet"
    rows.write_parquet(path)
    return path


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A workspace with a live version that learnt from the first 430 of the real cases."""
    folder = tmp_path_factory.mktemp("retraining")
    model = folder / "model"
    model.mkdir()
    (model / "bedside.yaml").write_text(PLANNED)
    platform = platform_on(folder / "w")
    version = build(platform, model, cases(folder, breast_cancer().head(430))).version
    approve(platform, version.id, name="Dr A", meaning="fit for silent use")
    release(platform, version.id, Stage.SILENT)
    return folder / "w", version.id


@pytest.fixture
def ward(first, tmp_path):
    """A copy of it for one test, and the champion."""
    shutil.copytree(first[0], tmp_path / "w")
    return tmp_path / "w", first[1]


def told(platform, action):
    return [one.details for one in platform.ledger.entries() if one.action == action]


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

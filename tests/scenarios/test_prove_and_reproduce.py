"""A version is proven on other patients, compared, recalibrated, and rebuilt with causes named."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import bedside.usecases
from bedside.core.errors import Invalid, NotFound, Refused
from bedside.core.ids import digest_of
from bedside.data.collect.bundled import breast_cancer
from bedside.lifecycle.build import build
from bedside.lifecycle.comparing import compare_versions
from bedside.lifecycle.documents import write_documents
from bedside.lifecycle.erase import erase
from bedside.lifecycle.evaluating import evaluate_version
from bedside.lifecycle.history import history
from bedside.lifecycle.recalibrating import recalibrate
from bedside.lifecycle.release import approve
from bedside.lifecycle.reproduce import TOLERANCE, reproduce
from bedside.wiring.elsewhere import collect_elsewhere
from bedside.wiring.progress import LineProgress
from bedside.wiring.sources import collect_for
from bedside.wiring.workspace import actor_of, open_workspace
from data_folder import data_folder

pytestmark = pytest.mark.xdist_group("prove_and_reproduce")  # its fixtures are made once

USECASES = Path(bedside.usecases.__file__).parent
SOURCE = (USECASES / "diagnosis" / "bedside.yaml").read_text()


def opened(folder):
    return open_workspace(folder, actor=actor_of("test", "test"), progress=LineProgress())


def quick(text):
    """The same model with fewer trees and resamples."""
    return text.replace("bootstrap: 1000", "bootstrap: 100").replace("rounds: 120", "rounds: 40")


def a_folder(place, text):
    place.mkdir(parents=True, exist_ok=True)
    (place / "bedside.yaml").write_text(text)
    return place


def names_of(platform):
    return {entry.name for entry in platform.store.entries()}


@pytest.fixture(scope="module")
def ward(tmp_path_factory):
    """A workspace with two versions of one question; the second has other trees."""
    folders = [
        a_folder(tmp_path_factory.mktemp("first"), quick(SOURCE)),
        a_folder(
            tmp_path_factory.mktemp("second"),
            quick(SOURCE).replace("num_leaves: 8", "num_leaves: 3"),
        ),
    ]
    platform = opened(tmp_path_factory.mktemp("ward"))
    return platform, folders, [build(platform, folder, None).version.id for folder in folders]


@pytest.fixture(scope="module")
def other_hospital(tmp_path_factory):
    """Every second mass, measured by a worse microscope, under another file name."""
    table = breast_cancer().gather_every(2)
    random = np.random.default_rng(3)
    noisy = {
        name: np.abs(table[name] + random.normal(0, 0.6 * float(table[name].std()), table.height))
        for name in table.columns
        if table.schema[name] == pl.Float64
    }
    path = tmp_path_factory.mktemp("elsewhere") / "masses of another hospital.parquet"
    table.with_columns(**noisy).write_parquet(path)
    return path


@pytest.fixture
def copied(ward, tmp_path):
    """The same workspace, to be changed; opened by the same code."""
    shutil.copytree(ward[0].folder, tmp_path / "w")
    made = opened(tmp_path / "w")
    return replace(made, source=ward[0].source, code=ward[0].code)


def test_patients_whom_the_model_learnt_from_are_left_out_and_the_rest_are_those_held_out(ward):
    made = evaluate_version(ward[0], ward[2][0], parts=("figures",))

    done = made.evidence
    assert done["counts"]["subjects"] == "125"
    assert done["familiar"]["held_out"] == "125"
    assert "they are not other patients" in made.page.read_text()
    assert made.figures.name not in write_documents(ward[0], ward[2][0]).evaluations
    assert done["familiar"]["left_out"] == "444"
    assert done["metrics"]["auroc"] == done["internal"]["auroc"]
    assert done["difference"]["auroc"]["estimate"] == 0


def test_other_patients_are_judged_beside_the_build_without_touching_its_data(ward, other_hospital):
    platform, _, versions = ward
    before = names_of(platform)

    made = evaluate_version(platform, versions[0], other_hospital)

    done = made.evidence
    assert made.figures.name in write_documents(platform, versions[0]).evaluations
    assert done["counts"]["subjects"] == "285"
    assert done["familiar"]["left_out"] == "0"
    assert int(done["familiar"]["same_identifier"]) > 200, "they number their patients alike"
    assert done["difference"]["brier"]["low"] > 0, "a worse microscope"
    assert len(done["case_mix"]["features"]) == 30
    recalibrated = done["recalibration"]
    assert (
        recalibrated["intercept"]["log_loss"]["estimate"]
        < (recalibrated["as_it_is"]["log_loss"]["estimate"])
    )
    assert {name for name in names_of(platform) if "elsewhere" not in name} == {
        name for name in before if "elsewhere" not in name
    }
    assert made.page.read_text().count("<svg") == 3
    assert json.loads(made.figures.read_bytes()) == done
    value = pl.read_parquet(other_hospital)["worst area"].to_numpy()[0].tobytes()
    files = [path for path in platform.folder.rglob("*") if path.is_file()]
    assert not any(value in path.read_bytes() for path in files), "what came is encrypted"


def test_a_version_on_a_collected_source_is_judged_on_another_delivery(tmp_path):
    source = data_folder("uci-heart-disease")
    deliveries = {}
    for name in ("cleveland", "hungarian"):
        (found,) = source.glob(f"*{name}*")
        (tmp_path / name).mkdir()
        deliveries[name] = Path(shutil.copy(found, tmp_path / name)).parent
    text = (USECASES / "heart_disease" / "bedside.yaml").read_text()
    text = re.sub(r"(?m)^  (folds|bootstrap): \d+$", "", text)
    text = re.sub(r"split: \{.*\}", "split: {train: 0.6, tuning: 0.2, held_out: 0.2}", text)
    folder = a_folder(tmp_path / "heart_disease", text)
    platform = opened(tmp_path / "w")
    collect_for(platform, folder, deliveries["cleveland"])
    version = build(platform, folder, None).version.id

    collect_elsewhere(platform, version, deliveries["hungarian"], None)
    done = evaluate_version(platform, version, deliveries["hungarian"]).evidence

    assert done["counts"]["subjects"] == "294"
    assert done["familiar"] == {
        "checked": True,
        "left_out": "0",
        "same_identifier": "0",
        "held_out": "0",
    }
    assert done["metrics"]["auroc"]["low"] > 0.7
    assert done["case_mix"]["membership"]["c_statistic"] > 0.6, "other vessels, other patients"


def test_recalibration_gives_a_version_of_its_own_that_ranks_as_its_parent(ward, other_hospital):
    platform, parent = ward[0], ward[2][0]
    before = evaluate_version(platform, parent, other_hospital, parts=("figures",)).evidence

    built = recalibrate(platform, parent, other_hospital)

    manifest = json.loads((platform.bundles / built.version.bundle / "manifest.json").read_bytes())
    facts = manifest["facts"]
    assert facts["recalibrated"]["parent"] == platform.registry.get(parent).bundle
    assert facts["recalibrated"]["method"] == "intercept", "fewer than 200 events"
    ratio = built.evidence["metrics"]["expected_observed_ratio"]["estimate"]
    assert abs(ratio - 1) < 0.02 < abs(before["metrics"]["expected_observed_ratio"]["estimate"] - 1)
    for name in ("sensitivity", "specificity"):  # whoever alerted alerts still
        assert built.evidence["metrics"][name]["estimate"] == pytest.approx(
            before["metrics"][name]["estimate"], abs=0.02
        )
    assert reproduce(platform, built.version.id).outcome == "exact"
    with pytest.raises(Invalid, match="fitted on every one"):
        evaluate_version(platform, built.version.id, other_hospital)


def test_two_versions_are_compared_on_the_patients_that_both_held_out(ward):
    made = compare_versions(ward[0], *ward[2])

    done = made.document
    assert done["counts"]["subjects"] == "125"
    assert done["made_otherwise"]["declaration"] == ["learner.parameters.num_leaves: 8, then 3"]
    assert done["made_otherwise"]["same_snapshot"]
    difference = done["metrics"]["auroc"]["difference"]
    assert difference["estimate"] == pytest.approx(done["auroc"]["difference"], abs=1e-9)
    assert difference["low"] <= difference["estimate"] <= difference["high"]
    assert made.page.read_text().count("<svg") == 1


def test_versions_that_held_out_other_patients_need_patients_for_both(
    ward, copied, other_hospital, tmp_path
):
    text = quick(SOURCE).replace("\n  bootstrap", "\n  split: {salt: new}\n  bootstrap")
    other = build(copied, a_folder(tmp_path / "other", text), None).version.id

    with pytest.raises(Refused, match="did not hold out the same patients"):
        compare_versions(copied, ward[2][0], other)
    done = compare_versions(copied, ward[2][0], other, other_hospital).document

    assert done["counts"]["subjects"] == "285"


def test_the_history_tells_versions_approvals_and_evaluations(ward, copied, other_hospital):
    approve(copied, ward[2][0], name="A B", meaning="reviewed")
    evaluate_version(copied, ward[2][0], other_hospital, parts=("figures",))

    done = history(copied, "diagnosis")

    first, second = (one for one in done.versions if one["version"] in ward[2])
    assert first["approval"]["name"] == "A B"
    assert ["masses of another hospital.parquet"] in [one["files"] for one in first["evaluations"]]
    assert second["changes"][0] == "learner.parameters.num_leaves: 8, then 3"
    assert done.page.read_text().count("<svg") == 1
    with pytest.raises(NotFound):
        history(copied, "nobody")


def test_a_rebuild_on_this_machine_is_the_same_to_the_byte(ward):
    done = reproduce(ward[0], ward[2][0])

    assert (done.outcome, done.causes, done.differing) == ("exact", (), ())


def test_an_edited_declaration_is_named_as_the_cause(ward):
    done = reproduce(ward[0], ward[2][0], ward[1][1])

    assert done.outcome == "different"
    assert done.causes == ("The declaration was edited: learner.parameters.num_leaves: 8, then 3.",)
    assert done.differing[0] == "declaration.json"
    assert done.first == "declaration.json differs first at learner.parameters.num_leaves, by 5"
    assert done.worst > TOLERANCE


def test_an_edited_comment_changes_no_prediction_and_is_named(ward, tmp_path):
    folder = a_folder(tmp_path / "commented", quick(SOURCE) + "\n# seen by nobody\n")

    done = reproduce(ward[0], ward[2][0], folder)

    assert done.outcome == "equal within tolerance"
    assert done.differing == ("bedside.yaml",)
    assert "only its comments" in done.causes[0]


def test_another_library_version_is_named_as_the_cause(ward, copied, tmp_path):
    there = {**copied.environment, "lightgbm": "4.0.0"}
    elsewhere = replace(copied, environment=there, code=digest_of([copied.source, there]))
    text = quick(SOURCE).replace("min_data_in_leaf: 8", "min_data_in_leaf: 9")
    version = build(elsewhere, a_folder(tmp_path / "model", text), None).version.id

    done = reproduce(copied, version)

    here = copied.environment["lightgbm"]
    assert done.causes == (f"Lightgbm was 4.0.0 there and is {here} here.",)
    assert done.outcome == "equal within tolerance"
    assert done.worst == 0


def test_an_erased_patient_is_named_as_the_cause(ward, copied):
    erase(copied, "0017")

    done = reproduce(copied, ward[2][0])

    assert done.outcome == "different"
    assert "1 subject was erased" in done.causes[0]
    with pytest.raises(Refused, match="was erased from the data"):
        compare_versions(copied, *ward[2])

"""Augmentation and imputation are of training subjects alone, and a build with them repeats."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import polars.selectors as cs
import pytest
import yaml

import bedside.usecases
from bedside.cohorts.splits import side_of
from bedside.core.ids import subject_pseudonym
from bedside.core.records.bundle import CARD, EVIDENCE, LEARNT, MODEL, REPORT
from bedside.core.records.event import Event
from bedside.core.records.split import Split
from bedside.core.records.training import augmentation_text
from bedside.lifecycle.build import build
from bedside.lifecycle.lineage import lineage
from bedside.lifecycle.release import open_bundle
from bedside.lifecycle.reproduce import reproduce
from bedside.serve.scoring import Scorer
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace
from data_folder import data_folder

pytestmark = pytest.mark.xdist_group("properties_training_only")  # its fixtures are made once

SHIPPED = Path(bedside.usecases.__file__).parent / "early_warning" / "bedside.yaml"
IMPUTATION = {
    "default": {"method": "median", "indicator": True},
    "aggregates": {"hours_since": {"method": "constant", "value": 72}},
    "signals": {"sex": {"method": "most_frequent"}},
    "features": {"lactate.last": {"method": "normal"}},
}
AUGMENTATION = [
    {"jitter": {"signals": ["heart_rate", "map"], "sd": 0.05, "copies": 2}},
    {"time_warp": {"sd": 0.1}},
    {"resample": {"method": "smote", "ratio": 0.5}},
]


def a_model(folder, **more):
    """The early warning with few features and few trees, and more of a declaration."""
    told = yaml.safe_load(SHIPPED.read_text())
    told["signals"]["lactate"]["normal"] = 1.0
    told["features"] = [
        {
            "signals": ["heart_rate", "map"],
            "aggregates": ["last", "hours_since", "mean"],
            "windows": ["6h"],
        },
        {
            "signals": ["lactate"],
            "aggregates": ["last", "hours_since", "count"],
            "windows": ["24h"],
        },
        {"signals": ["age", "sex"], "aggregates": ["last"]},
    ]
    told["learner"] |= {"rounds": 25, "threads": 1}
    told["evaluation"] |= {"bootstrap": 100}
    folder.mkdir()
    (folder / "bedside.yaml").write_text(
        yaml.safe_dump(
            {**told, "gates": [], "hazards": [], "change_control": [], "monitoring": {}, **more}
        )
    )
    return folder


@pytest.fixture(scope="module")
def stays():
    """Forty patients with sepsis and forty without, for at most thirty hours."""
    table = pl.read_parquet(data_folder("physionet-2019-sepsis") / "sepsis_setB.parquet")
    ill = pl.col("SepsisLabel").max().over("patient_id") == 1
    picked = [
        table.filter(some)["patient_id"].unique().sort()[:count]
        for some, count in ((ill, 40), (~ill, 40))
    ]
    first = table.filter(pl.col("ICULOS") <= 30)
    return first.filter(pl.col("patient_id").is_in(pl.concat(picked).implode()))


def built(folder, stays, **more):
    """A workspace, its version, and the files of its bundle."""
    model = a_model(folder, **more)
    stays.write_parquet(model / "sepsis_setB.parquet")
    platform = open_workspace(folder / "w", actor=actor_of("test", "test"), progress=LineProgress())
    version = build(platform, model, model).version
    bundle = platform.bundles / version.bundle
    return platform, version, {path.name: path.read_bytes() for path in bundle.iterdir()}


@pytest.fixture(scope="module")
def ward(tmp_path_factory, stays):
    folder = tmp_path_factory.mktemp("augmented") / "m"
    return built(folder, stays, imputation=IMPUTATION, augmentation=AUGMENTATION)


def made_by_steps(platform, part):
    """The digests of a part of the steps' results."""
    found = [json.loads(path.read_bytes()) for path in (platform.folder / "steps").glob("*.json")]
    return {one[part] for one in found if part in one}


def test_what_is_learnt_does_not_move_when_every_other_subject_is_changed(ward, stays, tmp_path):
    sides = {
        name: side_of(subject_pseudonym(name, salt="bedside"), Split())
        for name in stays["patient_id"].unique()
    }
    assert {"train", "tuning", "held_out"} == set(sides.values())
    train = pl.col("patient_id").replace_strict(sides) == "train"
    kept = ("patient_id", "ICULOS", "SepsisLabel", "Gender")
    numbers = cs.numeric().exclude(*kept)
    changed = stays.with_columns(pl.when(train).then(numbers).otherwise(numbers * 1.07))

    _, _, other = built(tmp_path / "m", changed, imputation=IMPUTATION, augmentation=AUGMENTATION)

    first, second = (json.loads(files[EVIDENCE]) for files in (ward[2], other))
    assert json.loads(other[LEARNT])["members"] == json.loads(ward[2][LEARNT])["members"]
    assert second["training"] == first["training"]
    assert second["metrics"] != first["metrics"]


def test_nothing_of_the_evaluation_moves_when_rows_are_made(ward, stays, tmp_path):
    platform, _, plain = built(tmp_path / "m", stays, imputation=IMPUTATION)

    for part in ("asked", "matrix", "baseline"):
        assert made_by_steps(platform, part) == made_by_steps(ward[0], part) != set()
    first, second = (json.loads(files[EVIDENCE]) for files in (plain, ward[2]))
    assert first["counts"] == second["counts"]
    assert first["baseline"] == second["baseline"]
    assert first["training"]["augmentation"] is None
    assert first["training"]["imputation"] == second["training"]["imputation"]
    assert plain[LEARNT] != ward[2][LEARNT]


def test_the_version_says_what_it_was_trained_on(ward):
    platform, version, files = ward
    evidence = json.loads(files[EVIDENCE])
    told, counts = evidence["training"], evidence["counts"]["train"]

    text = augmentation_text(told)

    made = told["augmentation"]
    assert made["real"] == {
        "positive": counts["positive"], "negative": counts["rows"] - counts["positive"]
    }  # fmt: skip
    jitter, warp, smote = (step["added"]["synthetic"] for step in made["steps"])
    assert jitter == {label: 2 * count for label, count in made["real"].items()}
    assert warp == made["real"]
    assert smote["negative"] == 0 < smote["positive"]
    assert made["synthetic"]["positive"] / made["synthetic"]["negative"] > 0.5
    filled = {one["feature"]: one for one in told["imputation"]}
    assert (filled["lactate.last"]["value"], filled["lactate.hours_since"]["value"]) == (1.0, 72.0)
    assert filled["heart_rate.last"]["indicator"]
    said = lineage(platform, version.id).made_of.text
    for page in (said, files[CARD].decode(), files[REPORT].decode()):
        assert text in page


def test_a_build_with_made_rows_is_reproduced_to_the_byte(ward):
    platform, version, _ = ward

    assert reproduce(platform, version.id).exact


def test_an_answer_takes_the_same_fills_and_says_what_was_not_measured(ward):
    platform, version, _ = ward
    bundle = open_bundle(platform, version)
    predictor = platform.predictor_of(bundle.files[MODEL])
    scorer = Scorer(bundle, predictor, platform.explainer_of(bundle.files[LEARNT]))
    scorer.check_example()
    now = datetime(2030, 1, 1, tzinfo=UTC)
    pulse = Event(subject_id=1, time=now, known_at=now, code="LOINC//8867-4", value=120.0)

    scored = scorer.score([pulse], now, ())

    row = [np.nan if value is None else value for value in scored.features.values()]
    assert scored.features["lactate.last"] is None
    assert scored.outcome.risk == predictor.predict(np.array([row]))[0]
    filled = json.loads(bundle.files[EVIDENCE])["training"]["imputation"]
    by_name = {one["feature"]: one["value"] for one in filled if not one["indicator"]}
    whole = [by_name.get(name, value) if value is None else value
             for name, value in scored.features.items()]  # fmt: skip
    same = predictor.predict(np.array([[np.nan if v is None else v for v in whole]]))[0]
    assert scored.outcome.risk == same
    assert any("not measured" in reason.text for reason in scored.outcome.reasons)

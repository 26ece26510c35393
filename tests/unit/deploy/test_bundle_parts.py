"""What a bundle tells whoever runs it: inputs, libraries, licences, and all of it as a BOM."""

import json
from dataclasses import replace

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from jsonschema import Draft202012Validator

from bedside.core.errors import Unavailable
from bedside.core.records.bundle import EVIDENCE, FEATURES, MODEL
from bedside.core.records.version import GateResult
from bedside.deploy.package.input_schema import input_schema
from bedside.deploy.package.licences import licence_list, licence_of
from bedside.deploy.package.sbom import bill_of_materials, with_hashes
from bedside.deploy.package.scoring_install import (
    changed_install,
    environment_text,
    scoring_libraries,
)
from bedside.features.definition import expand, feature_set_from_json
from bedside.interop.declaration import declaration_from_json
from bedside.interop.open_inference.request import read_request
from exported import a_request, an_old_bundle
from served import NOW, a_declaration, a_tensor, an_inference

GATES = (GateResult(metric="auroc", passed=True, text="auroc: 0.99 is at least 0.95"),)
TRAINING = {
    "lightgbm", "scikit-learn", "scipy", "polars", "pyarrow", "fairlearn", "interpret-core",
    "optuna", "imbalanced-learn", "onnx", "pandas", "torch", "jinja2", "typer",
}  # fmt: skip


@pytest.fixture(scope="module")
def diagnosis(tmp_path_factory):
    """The files of a real bundle."""
    return an_old_bundle("diagnosis-form", tmp_path_factory.mktemp("old")).files()


@pytest.fixture(scope="module")
def bill(diagnosis):
    return a_bill(diagnosis)


def a_bill(files):
    return bill_of_materials(
        declaration_from_json(files["declaration.json"]),
        json.loads(files[EVIDENCE]),
        GATES,
        scoring_libraries(),
        files={MODEL: files[MODEL]},
        snapshot="5" * 64,
    )


def a_schema(declaration=None):
    declaration = declaration or a_declaration()
    return Draft202012Validator(json.loads(input_schema(declaration, expand(declaration))))


def accepts(schema, request):
    return schema.is_valid(request)


def test_the_bill_of_materials_keeps_the_strict_schema_of_cyclonedx(bill):
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill.decode()) is None


def test_the_validator_would_find_a_break(bill):
    broken = bill.decode().replace('"performanceMetrics"', '"performance"')

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(broken) is not None


def test_the_bill_names_the_model_with_its_digest_its_card_and_its_figures(bill, diagnosis):
    model = json.loads(bill)["metadata"]["component"]

    card = model["modelCard"]
    figures = {one["type"]: one for one in card["quantitativeAnalysis"]["performanceMetrics"]}
    measured = json.loads(diagnosis[EVIDENCE])["metrics"]["auroc"]
    assert model["type"] == "machine-learning-model"
    assert model["components"][0]["name"] == MODEL
    assert len(model["components"][0]["hashes"][0]["content"]) == 64
    assert float(figures["auroc"]["value"]) == measured["estimate"]
    assert float(figures["auroc"]["confidenceInterval"]["lowerBound"]) == measured["low"]
    assert card["considerations"]["technicalLimitations"][0].startswith("not for: ")
    assert card["properties"][0]["value"] == "kept: auroc: 0.99 is at least 0.95"


def test_a_figure_that_is_hidden_is_not_in_the_bill(diagnosis):
    evidence = json.loads(diagnosis[EVIDENCE])
    evidence["metrics"]["auroc"] |= {"estimate": None, "low": None, "high": None}
    files = diagnosis | {EVIDENCE: json.dumps(evidence).encode()}

    told = json.loads(a_bill(files))["metadata"]["component"]["modelCard"]

    kinds = [one["type"] for one in told["quantitativeAnalysis"]["performanceMetrics"]]
    assert "brier" in kinds
    assert "auroc" not in kinds


def test_every_part_is_deterministic_and_the_serial_number_follows_the_content(bill, diagnosis):
    other = bill_of_materials(
        declaration_from_json(diagnosis["declaration.json"]),
        json.loads(diagnosis[EVIDENCE]),
        GATES,
        scoring_libraries(),
        files={MODEL: diagnosis[MODEL] + b"\0"},
        snapshot="5" * 64,
    )

    assert a_bill(diagnosis) == bill
    assert json.loads(other)["serialNumber"] != json.loads(bill)["serialNumber"]
    assert environment_text(scoring_libraries()) == environment_text(scoring_libraries())


def test_a_wheel_that_is_packed_is_in_the_bill_with_its_digest(bill):
    packed = json.loads(with_hashes(bill, {"numpy-2.0-cp311-any.whl": b"wheel"}))

    hashed = [one["name"] for one in packed["components"] if "hashes" in one]
    assert hashed == ["numpy"]
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(packed)) is None


def test_the_scoring_install_is_closed_and_holds_no_training_library():
    libraries = scoring_libraries()
    names = {one.name for one in libraries}

    assert {"numpy", "onnxruntime", "starlette", "pyopenssl"} <= names
    assert {need for one in libraries for need in one.needs} <= names
    assert not names & TRAINING


def test_a_library_that_is_not_installed_is_named():
    with pytest.raises(Unavailable, match="no-such-library") as refusal:
        scoring_libraries(["no-such-library"])

    assert refusal.value.code == "library_missing"


def test_an_install_that_has_changed_is_told_and_an_older_bundle_tells_nothing():
    pins = environment_text(scoring_libraries())

    assert changed_install(pins, pins) == ()
    assert changed_install(None, pins) == ()
    assert changed_install(pins.replace(b"msgspec==", b"msgspec==0."), pins)[0].startswith(
        "msgspec of the scoring install was 0."
    )


def test_nearly_every_library_has_its_licence_and_none_is_copyleft_beyond_its_own_files():
    told = json.loads(licence_list(scoring_libraries(), data="CC BY 4.0"))

    licences = {one["name"]: one["licence"] for one in told["libraries"]}
    unknown = [name for name, licence in licences.items() if licence is None]
    assert told["data"] == "CC BY 4.0"
    assert licences["numba"] == "BSD-2-Clause"
    assert len(unknown) <= 2, unknown
    assert not [name for name, one in licences.items() if one and "GPL" in one]


class Told(dict):
    def get_all(self, name, failobj=None):
        return self.get(name, failobj)


@pytest.mark.parametrize(
    ("metadata", "text", "licence"),
    [
        (
            {"License-Expression": ["MIT OR Apache-2.0"], "License": ["BSD"]},
            "",
            "MIT OR Apache-2.0",
        ),
        ({"License": ["3-Clause BSD License"]}, "", "BSD-3-Clause"),
        ({"License": ["BSD"]}, "Redistributions in binary form …", "BSD-2-Clause"),
        ({"License": ["BSD"]}, "Redistributions in binary form … Neither the name", "BSD-3-Clause"),
        ({"License": ["BSD"]}, "", ""),
        ({"License": ["see the file"]}, "", ""),
        ({}, "", ""),
    ],
)
def test_a_licence_is_read_and_never_guessed(metadata, text, licence):
    assert licence_of(Told(metadata), text) == licence


def test_what_the_input_schema_accepts_the_server_reads():
    schema, declaration = a_schema(), a_declaration()
    request = an_inference()

    assert accepts(schema, request)
    assert read_request(json.dumps(request).encode(), declaration, now=NOW).events


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param({"inputs": []}, id="nothing of what is required"),
        pytest.param(an_inference(a_tensor("lactat", 4.2)), id="an unknown input"),
        pytest.param({"inputs": [a_tensor("lactate", "high")]}, id="a text for a number"),
        pytest.param({"parameters": {"ward": "1"}, "inputs": []}, id="an unknown parameter"),
    ],
)
def test_what_no_server_could_read_or_score_is_refused_by_the_schema(request_):
    assert not accepts(a_schema(), request_)


def test_an_implausible_value_is_refused_by_the_schema_and_another_unit_too():
    declaration = a_declaration()
    lactate = replace(declaration.signals["lactate"], plausible=(0.0, 50.0))
    schema = a_schema(replace(declaration, signals=declaration.signals | {"lactate": lactate}))
    others = an_inference()["inputs"][1:]

    assert accepts(schema, {"inputs": [a_tensor("lactate", 49.0), *others]})
    assert not accepts(schema, {"inputs": [a_tensor("lactate", 51.0), *others]})
    assert not accepts(schema, {"inputs": [a_tensor("lactate", 4.0, unit="mg/dL"), *others]})


def test_the_input_schema_tells_unit_range_codes_and_what_is_needed(diagnosis):
    declaration = declaration_from_json(diagnosis["declaration.json"])
    schema = json.loads(input_schema(declaration, feature_set_from_json(diagnosis[FEATURES])))

    Draft202012Validator.check_schema(schema)
    radius = schema["$defs"]["mean_radius"]
    assert radius["x-codes"] == ["WDBC//mean_radius"]
    assert radius["x-required"] is True
    assert radius["x-unit"] == "1"
    assert radius["properties"]["data"]["items"] == {
        "type": "number", "minimum": 0.0, "maximum": 10000.0,
    }  # fmt: skip
    assert len(schema["$defs"]) == 30
    assert Draft202012Validator(schema).is_valid(a_request(diagnosis)[0])


def test_a_mark_needs_its_times():
    declaration = a_declaration()
    marked = replace(
        declaration,
        features=(
            *declaration.features,
            replace(declaration.features[0], signals=(), since="X//y"),
        ),
    )
    schema = json.loads(input_schema(marked, expand(declaration)))

    assert schema["$defs"]["y"]["properties"]["parameters"]["required"] == ["times"]


def test_a_category_is_one_of_its_labels():
    schema = a_schema()
    others = an_inference()["inputs"][:3]

    assert accepts(schema, {"inputs": [*others, a_tensor("sex", "female")]})
    assert not accepts(schema, {"inputs": [*others, a_tensor("sex", "unknown to the model")]})

"""Models of MLflow are read as data: what is not known is refused, and nothing is ever run."""

import json
import zipfile
from io import BytesIO
from pathlib import Path

import lightgbm
import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bedside.core.errors import Invalid, Refused
from bedside.interop.mlflow.boosted import read_boosted
from bedside.interop.mlflow.described import read_described
from bedside.interop.mlflow.skops import read_skops

SKOPS = Path(__file__).with_name("pipeline.skops").read_bytes()  # by skops 0.16, MLflow 3.17
COLUMNS = [{"type": "double", "name": name} for name in ("a", "b.last")]
FEW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def mlmodel(**changes: object) -> dict[str, object]:
    return {
        "flavors": {
            "lightgbm": {
                "code": None,
                "data": "model.lgb",
                "model_class": "lightgbm.basic.Booster",
            },
            "python_function": {"data": "model.lgb", "loader_module": "mlflow.lightgbm"},
        },
        "signature": {"inputs": json.dumps(COLUMNS)},
        **changes,
    }


def written(told: object) -> bytes:
    return yaml.safe_dump(told).encode()


def of_sklearn(**changes: object) -> dict[str, object]:
    own = {"pickled_model": "model.skops", "serialization_format": "skops", **changes}
    python = {"loader_module": "mlflow.sklearn"}
    return mlmodel(flavors={"sklearn": own, "python_function": python})


def of_lightgbm(**changes: object) -> dict[str, object]:
    return mlmodel(flavors={"lightgbm": {"data": "model.lgb", **changes}})


def test_an_mlmodel_says_its_flavour_file_and_columns():
    told = read_described(written(mlmodel()))

    assert (told.flavour, told.file, told.names) == ("lightgbm", "model.lgb", ("a", "b.last"))


@pytest.mark.parametrize(
    ("told", "because"),
    [
        (of_sklearn(serialization_format="cloudpickle", pickled_model="model.pkl"), "pickled"),
        (of_sklearn(serialization_format="pickle"), "pickled"),
        (of_sklearn(pickled_model="model.pkl"), "pickle"),
        (of_lightgbm(model_class="lightgbm.sklearn.LGBMClassifier"), "wrapped by scikit-learn"),
        (of_lightgbm(code="code"), "code of its own"),
        (of_lightgbm(data="../model.lgb"), "not a plain name"),
        (of_lightgbm(data="/etc/passwd"), "not a plain name"),
        (of_lightgbm(data=".."), "not a plain name"),
        (
            mlmodel(flavors={"python_function": {"loader_module": "mlflow.pyfunc.model"}}),
            "loaded by a module other",
        ),
    ],
)
def test_a_model_that_runs_when_it_is_opened_or_lies_elsewhere_is_refused(told, because):
    with pytest.raises(Refused, match=because) as refused:
        read_described(written(told))

    assert refused.value.code == "unsafe_model"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"a: [" * 100_000,
        b"flavors: {x: 1, x: 2}",
        b"a: &a [1]\nflavors: *a",
        b"flavors: !!python/object/apply:os.system [true]",
        b"--- 1\n--- 2",
        b" " * ((1 << 20) + 1),
    ],
)
def test_yaml_that_no_mlmodel_needs_is_not_read(content):
    with pytest.raises(Invalid):
        read_described(content)


@FEW
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode), st.integers(0, 400))
def test_any_bytes_in_an_mlmodel_are_read_or_refused(noise, at):
    whole = written(mlmodel())

    for content in (noise, whole[:at] + noise + whole[at:]):
        try:
            told = read_described(content)
        except (Invalid, Refused):
            continue
        assert "/" not in told.file


def a_booster(objective: str = "binary", **options: object) -> tuple[lightgbm.Booster, np.ndarray]:
    draw = np.random.default_rng(3)
    rows = draw.normal(size=(300, 4))
    rows[draw.random(rows.shape) < 0.2] = np.nan
    label = np.nan_to_num(rows[:, 0] + rows[:, 1]) > 0
    if objective == "multiclass":
        label = label.astype(int) + (np.nan_to_num(rows[:, 2]) > 0.5)
    told = {"objective": objective, "verbosity": -1, "num_threads": 1, "num_leaves": 6, **options}
    return lightgbm.train(told, lightgbm.Dataset(rows, label), 12), rows


@pytest.mark.parametrize(
    ("objective", "options"),
    [("binary", {}), ("regression", {}), ("multiclass", {"num_class": 3})],
)
def test_trees_written_anew_score_as_lightgbms_own(objective, options):
    booster, rows = a_booster(objective, **options)

    read = read_boosted(booster.model_to_string().encode())

    again = lightgbm.Booster(model_str=read.text)
    assert read.kind == objective
    assert np.array_equal(again.predict(rows), booster.predict(rows))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("num_cat=0", "num_cat=1"),
        ("is_linear=0", "is_linear=1"),
        ("binary sigmoid:1", "binary sigmoid:2"),
        ("objective=binary sigmoid:1", "objective=lambdarank"),
        ("max_feature_idx=3", "average_output\nmax_feature_idx=3"),
        ("version=v4", "version=v9"),
        ("leaf_value=", "leaf_value=nan "),
        ("leaf_value=", "leaf_value=1 "),
        ("num_leaves=6", "num_leaves=99999999999"),
    ],
)
def test_trees_in_a_form_that_is_not_known_are_refused(old, new):
    text = a_booster()[0].model_to_string()
    assert old in text

    with pytest.raises((Refused, Invalid)):
        read_boosted(text.replace(old, new, 1).encode())


@FEW
@given(st.data())
def test_any_bytes_among_trees_are_read_or_refused(data):
    text = BOOSTER
    at = data.draw(st.integers(0, len(text)))
    noise = data.draw(st.text(max_size=20) | st.sampled_from(["=", "\n", "-1", "1e999", "nan"]))
    cut = data.draw(st.integers(0, 30))

    try:
        read = read_boosted((text[:at] + noise + text[at + cut :]).encode())
    except (Invalid, Refused):
        return
    assert read.outputs == 1


BOOSTER = a_booster()[0].model_to_string()


def test_a_pipeline_of_skops_is_numbers():
    fill, scale, logistic = read_skops(SKOPS)

    assert [step.kind for step in (fill, scale, logistic)] == ["fill", "scale", "logistic"]
    assert fill.names == ("a", "b.last", "c")
    assert len(fill.first) == len(scale.second) == len(logistic.first) == 3


def with_schema(change: object) -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(BytesIO(SKOPS)) as old, zipfile.ZipFile(packed, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, change(content) if name == "schema.json" else content)  # type: ignore[operator]
    return packed.getvalue()


def test_types_that_were_not_reviewed_are_named():
    evil = with_schema(
        lambda told: told.replace(b'"StandardScaler"', b'"system"').replace(
            b'"sklearn.preprocessing._data"', b'"posix"'
        )
    )

    with pytest.raises(Refused, match=r"not reviewed: posix\.system") as refused:
        read_skops(evil)

    assert refused.value.code == "untrusted_types"


def test_an_archive_that_unpacks_to_too_much_is_not_unpacked():
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", b" " * ((1 << 26) + 1))

    with pytest.raises(Invalid, match="too much"):
        read_skops(packed.getvalue())


@FEW
@given(st.data())
def test_any_change_of_a_skops_file_is_read_or_refused(data):
    schema = zipfile.ZipFile(BytesIO(SKOPS)).read("schema.json")
    at = data.draw(st.integers(0, len(schema)))
    noise = data.draw(st.binary(max_size=8) | st.sampled_from([b"null", b'"', b"}", b"[]", b"{}"]))
    cut = data.draw(st.integers(0, 400))

    for content in (
        with_schema(lambda told: told[:at] + noise + told[at + cut :]),
        SKOPS[: at % len(SKOPS)] + noise + SKOPS[at % len(SKOPS) + cut :],
    ):
        try:
            steps = read_skops(content)
        except (Invalid, Refused):
            continue
        assert steps[-1].kind == "logistic"

"""Open mHealth points against the schemas that come with Bedside, and against nothing else."""

import json
import zipfile
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.errors import Invalid
from bedside.interop.open_mhealth.points import measures, moment_of
from bedside.interop.open_mhealth.schemas import SchemaName, Schemas, no_files
from data_folder import data_folder

SHIPPED = files("bedside.interop.open_mhealth").joinpath("schemas.json").read_bytes()
RATE = {
    "heart_rate": {"value": 50, "unit": "beats/min"},
    "effective_time_frame": {"date_time": "2020-02-05T07:25:00Z"},
}


@pytest.fixture(scope="module")
def schemas() -> Schemas:
    return Schemas(SHIPPED)


def test_the_shipped_schemas_are_those_of_the_repository_word_for_word() -> None:
    with zipfile.ZipFile(data_folder("open-mhealth") / "schema.zip") as archive:
        theirs = {
            name.removeprefix("schema/"): archive.read(name).decode()
            for name in archive.namelist()
            if name.endswith(".json")
        }
    ours = json.loads(SHIPPED)

    assert ours.keys() == theirs.keys()
    for name, text in theirs.items():
        linked = text.strip().endswith(".json")
        assert ours[name] == (text.strip() if linked else json.loads(text)), name


@pytest.mark.parametrize("version", ["2.0", "2.x", "2"])
def test_a_version_or_a_range_of_versions_names_a_schema(schemas: Schemas, version: str) -> None:
    assert schemas.verdict(SchemaName("omh", "heart-rate", version), RATE) == "follows"


@pytest.mark.parametrize(
    ("name", "document", "verdict"),
    [
        (("omh", "heart-rate", "2.0"), {"heart_rate": {"value": 50, "unit": "Hz"}}, "breaks"),
        (
            ("omh", "heart-rate", "2.0"),
            RATE | {"effective_time_frame": {"date_time": "x"}},
            "breaks",
        ),
        (("omh", "heart-rate", "9.0"), RATE, "no schema"),
        (("omh", "../../x", "1.0"), RATE, "no schema"),
        (("omh", "heart-rate", "1.0.0"), RATE, "no schema"),
        (("ieee", "time-frame", "1.0"), RATE, "no schema"),
        (
            ("omh", "body-weight", "3.0"),
            {"body_weight": {"value": 1, "unit": "kg"}, "effective_time_frame": {}},
            "schema incomplete",
        ),
    ],
)
def test_what_breaks_its_schema_is_told_from_what_cannot_be_judged(
    schemas: Schemas, name: tuple, document: dict, verdict: str
) -> None:
    assert schemas.verdict(SchemaName(*name), document) == verdict


def test_a_schema_of_ieee_is_taken_from_beside_the_points_and_only_if_it_is_one() -> None:
    base = "https://w3id.org/ieee/ieee-1752-schema/"
    theirs = {"$id": f"{base}time-frame-1.0.json", "required": ["date_time"]}
    statistic = {"$id": f"{base}descriptive-statistic-1.0.json"}
    unit = {"$id": f"{base}unit-value-1.0.json"}
    kept = {
        "time-frame-1.0.json": json.dumps(theirs).encode(),
        "descriptive-statistic-1.0.json": json.dumps(statistic).encode(),
        "unit-value-1.0.json": json.dumps(unit).encode(),
    }
    name = SchemaName("omh", "body-weight", "3.0")
    point = {"body_weight": {"value": 1, "unit": "kg"}, "effective_time_frame": {"date_time": "x"}}

    assert Schemas(SHIPPED, kept.get).verdict(name, point) == "follows"
    assert (
        Schemas(SHIPPED, kept.get).verdict(name, point | {"effective_time_frame": {}}) == "breaks"
    )
    not_theirs = dict.fromkeys(kept, b'{"$id": "https://example.org/x"}')
    assert Schemas(SHIPPED, not_theirs.get).verdict(name, point) == "schema incomplete"


def test_every_shipped_schema_compiles_or_says_what_it_lacks(schemas: Schemas) -> None:
    every = schemas.names()
    assert len(every) == 149
    for name in every:
        assert schemas.verdict(name, {}) != "no schema", name


def test_blood_pressure_is_judged_by_the_highest_version_that_is_here(schemas: Schemas) -> None:
    pressure = {
        "systolic_blood_pressure": {"value": 160, "unit": "mmHg"},
        "diastolic_blood_pressure": {"value": 60, "unit": "mmHg"},
        "effective_time_frame": {"date_time": "2013-02-05T07:25:00Z"},
    }
    name = SchemaName("omh", "blood-pressure", "3.0")

    assert schemas.verdict(name, pressure) == "follows"
    found = {one.code: (one.value, one.unit) for one in measures(name, pressure)}
    assert found == {"LOINC//8480-6": (160.0, "mm[Hg]"), "LOINC//8462-4": (60.0, "mm[Hg]")}


@pytest.mark.parametrize(
    ("interval", "time", "end"),
    [
        ({"start_date_time": "2020-01-01T00:00:00Z", "duration": {"value": 2, "unit": "h"}}, 0, 2),
        ({"end_date_time": "2020-01-01T02:00:00Z", "duration": {"value": 2, "unit": "h"}}, 0, 2),
        (
            {"start_date_time": "2020-01-01T00:00:00Z", "end_date_time": "2020-01-01T02:00:00Z"},
            0,
            2,
        ),
    ],
)
def test_an_interval_is_told_in_three_ways(interval: dict, time: int, end: int) -> None:
    found = moment_of({"effective_time_frame": {"time_interval": interval}})
    assert found is not None
    assert (found.time.hour, found.end.hour) == (time, end)


@pytest.mark.parametrize(
    "frame",
    [
        {"date_time": "0000-01-01T00:00:00Z"},
        {"date_time": "2020-01-01"},
        {"time_interval": {"date": "2020-02-31", "part_of_day": "morning"}},
        {
            "time_interval": {
                "start_date_time": "2020-01-01T00:00:00Z",
                "end_date_time": "2010-01-01T00:00:00Z",
            }
        },
        {
            "time_interval": {
                "start_date_time": "2020-01-01T00:00:00Z",
                "duration": {"value": 1e300, "unit": "d"},
            }
        },
    ],
)
def test_an_impossible_time_is_refused(frame: dict) -> None:
    with pytest.raises(Invalid):
        moment_of({"effective_time_frame": frame})


def test_an_average_is_not_called_what_a_single_value_is_called() -> None:
    name = SchemaName("omh", "heart-rate", "2.0")
    (rate,) = measures(name, RATE | {"descriptive_statistic": "average"})
    assert rate.code == "OMH//heart_rate//average"


def test_a_measure_that_is_its_own_body_is_called_after_its_schema() -> None:
    (found,) = measures(
        SchemaName("omh", "systolic-blood-pressure", "1.0"), {"value": 120, "unit": "mmHg"}
    )
    assert (found.code, found.value, found.unit) == ("LOINC//8480-6", 120.0, "mm[Hg]")


READ_ONCE = Schemas(SHIPPED, no_files)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["value", "unit", "effective_time_frame", "heart_rate", "date_time", "x"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
@settings(max_examples=150, deadline=None)
def test_any_json_is_judged_and_its_measures_are_finite(document: object) -> None:
    name = SchemaName("omh", "heart-rate", "1.x")
    READ_ONCE.verdict(name, document)
    for one in measures(name, document):
        assert one.value is None or abs(one.value) < float("inf")
    try:
        moment_of(document)
    except Invalid as error:
        said = error.problem
        assert said

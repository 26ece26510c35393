"""The test points of Open mHealth, counted again from the raw JSON by other means."""

import json
import zipfile
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from bedside.core.records.collection import Collection
from bedside.data.collect.facts import Batch, Part
from bedside.data.collect.formats.open_mhealth import READER
from bedside.data.collect.parts import SourceFiles
from bedside.interop.collection import read_collection
from data_folder import data_folder

pytestmark = pytest.mark.xdist_group("collect_open_mhealth")  # its fixtures are made once

DECLARED = Path(__file__).parents[3] / "src/bedside/usecases/sources/open_mhealth.yaml"
UNJUDGED = (
    "its schema is not known here",
    "its schema refers to one of IEEE 1752 that is not here",
)


@cache
def the_source() -> Collection:
    return read_collection(DECLARED.read_bytes(), file=DECLARED.name)


@cache
def raw() -> dict[str, Any]:
    with zipfile.ZipFile(data_folder("open-mhealth") / "test-data.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".json")]
        return {name: json.loads(archive.read(name)) for name in names}


@pytest.fixture(scope="module")
def batches() -> dict[str, Batch]:
    folder = data_folder("open-mhealth")
    with SourceFiles(folder, the_source().files, READER.passive) as found:
        parts = [READER.prepare(part) for part in found.parts(READER.split)]
        return {part.name: READER.collect(part, the_source(), found.beside) for part in parts}


def test_every_point_is_read_and_each_gives_facts_or_a_reason(batches: dict[str, Batch]) -> None:
    assert batches.keys() == raw().keys()
    assert sum(batch.rows_in["point"] for batch in batches.values()) == len(raw()) == 411
    for name, batch in batches.items():
        outcomes = (batch.facts.height > 0) + len(batch.bad) + sum(batch.dropped.values())
        assert outcomes == 1, name


def test_what_should_fail_gives_no_fact_and_what_should_pass_is_only_refused_for_a_known_reason(
    batches: dict[str, Batch],
) -> None:
    refused = Counter(
        (name.split("/")[4], one.reason) for name, batch in batches.items() for one in batch.bad
    )
    wrong = {name for name in raw() if "/shouldFail/" in name}
    assert {name for name in wrong if not batches[name].bad} == set()

    judged = {key: n for key, n in refused.items() if not key[1].startswith(UNJUDGED)}
    assert judged == {
        ("shouldFail", "it does not follow its schema"): 180,
        ("shouldFail", "its header does not follow the schema of a data point"): 1,
        # A data point whose body is empty: right as a data point, wrong as physical activity.
        ("shouldPass", "it does not follow its schema"): 1,
        # Two sleep durations of 2016 that end in 2013.
        ("shouldPass", "the interval ends before it begins"): 2,
    }
    assert sum(refused.values()) - sum(judged.values()) == 33


def timed(document: Any) -> bool:
    body = document.get("body", document) if isinstance(document, dict) else document
    return isinstance(body, dict) and "effective_time_frame" in body


def leaves(value: Any) -> int:
    """How many things a body tells: numbers, texts and truths, its units and times aside."""
    if isinstance(value, dict):
        aside = {"unit", "effective_time_frame", "descriptive_statistic"}
        aside |= {"descriptive_statistic_denominator"}
        return sum(leaves(inside) for key, inside in value.items() if key not in aside)
    return sum(map(leaves, value)) if isinstance(value, list) else 1


def test_each_thing_that_a_point_tells_is_one_fact(batches: dict[str, Batch]) -> None:
    for name, batch in batches.items():
        if batch.bad:
            continue
        document = raw()[name]
        body = document.get("body", document) if isinstance(document, dict) else document
        assert batch.facts.height == (leaves(body) if timed(document) else 0), name
    untimed = sum(not batch.bad and not timed(raw()[name]) for name, batch in batches.items())
    assert untimed == sum(batch.dropped["a body without a time"] for batch in batches.values())
    assert untimed == 116


def test_the_facts_are_whole(batches: dict[str, Batch]) -> None:
    facts = pl.concat([batch.facts for batch in batches.values()])
    assert set(facts["kind"]) <= set(the_source().known_at)
    assert facts["time"].null_count() == facts["end"].null_count() == 0
    assert facts["subject"].null_count() == facts["record"].null_count() == 0
    assert facts.filter(pl.col("value").is_not_null() & ~pl.col("value").is_finite()).is_empty()
    assert facts.filter(pl.col("end") < pl.col("time")).is_empty()


HEAD = '{"id": "%s", "creation_date_time": "2024-01-01T10:00:00Z", "user_id": "%s", "schema_id": '
HEAD += '{"namespace": "omh", "name": "heart-rate", "version": "1.0"}}'
POINT = '{"header": ' + HEAD + ', "body": {"heart_rate": {"value": 61, "unit": "beats/min"}}}'


def test_a_list_of_points_is_kept_one_to_a_line_and_each_can_be_erased_alone() -> None:
    content = f"[{POINT % ('a', 'kim')},\n {POINT % ('b', 'lee')}]".encode()

    part = READER.prepare(Part(name="export.json", content=content))
    batch = READER.collect(part, the_source(), lambda _: None)

    assert batch.facts["subject"].to_list() == ["kim", "lee"]
    assert batch.facts["code"].to_list() == ["LOINC//8867-4"] * 2
    for offset, length, subject in batch.records.iter_rows():
        assert json.loads(part.content[offset : offset + length])["header"]["user_id"] == subject


def test_a_bad_point_among_good_ones_is_set_aside_and_says_where_it_is() -> None:
    lines = [POINT % ("a", "kim"), "{not json", POINT.replace("61", "NaN") % ("b", "lee")]
    lines += ["[" * 100_000, POINT % ("c", "kim")]
    content = "\n".join(lines).encode()

    batch = READER.collect(
        Part(name="export.ndjson", content=content), the_source(), lambda _: None
    )

    assert batch.facts["subject"].to_list() == ["kim", "kim"]
    assert [one.reason for one in batch.bad] == ["it is not valid JSON"] * 3
    assert content[batch.bad[0].offset :].startswith(b"{not json")

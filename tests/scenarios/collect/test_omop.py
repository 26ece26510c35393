"""28 synthetic patients as an OMOP CDM, counted again from the raw CSV by other means."""

import csv
import zipfile
from collections import Counter
from collections.abc import Iterator
from functools import cache
from io import TextIOWrapper
from pathlib import Path

import duckdb
import polars as pl
import pytest

from bedside.core.records.collection import Collection
from bedside.data.collect.facts import Batch
from bedside.data.collect.formats.omop import READER
from bedside.data.collect.parts import SourceFiles
from bedside.interop.collection import read_collection
from bedside.interop.omop.tables import NAMES_OF_5_3, TABLES
from data_folder import data_folder

pytestmark = pytest.mark.xdist_group("collect_omop")  # its fixtures are made once

DECLARED = Path(__file__).parents[3] / "src/bedside/usecases/sources/omop_synthea27nj.yaml"


@cache
def the_source() -> Collection:
    return read_collection(DECLARED.read_bytes(), file=DECLARED.name)


@pytest.fixture(scope="module")
def batches() -> dict[str, Batch]:
    folder = data_folder("omop-synthea27nj")
    with SourceFiles(folder, the_source().files, READER.passive) as files:
        parts = [READER.prepare(part) for part in files.parts(READER.split)]
        made = {part.name: READER.collect(part, the_source(), files.beside) for part in parts}
    assert not files.bad
    return made


def raw_rows(table: str) -> Iterator[dict[str, str]]:
    """The rows of a table straight from the archive, by the standard library's own reader."""
    (path,) = data_folder("omop-synthea27nj").glob("*.zip")
    with zipfile.ZipFile(path) as archive, archive.open(f"{table.upper()}.csv") as octets:
        yield from csv.DictReader(TextIOWrapper(octets, "utf-8", newline=""))


@cache
def raw_codes() -> dict[str, str]:
    names = {"RxNorm": "RXNORM"}
    return {
        row["concept_id"]: f"{names.get(v := row['vocabulary_id'], v)}//{row['concept_code']}"
        for row in raw_rows("concept")
    }


def test_every_row_of_every_clinical_table_is_read_and_none_is_bad(
    batches: dict[str, Batch],
) -> None:
    read = Counter[str]()
    for batch in batches.values():
        read.update(batch.rows_in)
        assert batch.bad == ()
        assert batch.records.height == sum(batch.rows_in.values())

    for table in TABLES:
        assert read[table] == sum(1 for _ in raw_rows(table)), table
    assert read["measurement"] == 10_040


def test_the_facts_of_each_kind_are_as_many_as_the_raw_rows_say(batches: dict[str, Batch]) -> None:
    made = Counter[str]()
    for batch in batches.values():
        made.update(batch.facts["kind"].to_list())

    raw = {table: list(raw_rows(table)) for table in TABLES}
    visits = len(raw["visit_occurrence"]) + len(raw["visit_detail"])
    people = raw["person"]
    assert made == {
        "patient": sum(3 + bool(row["race_source_value"]) for row in people),
        "observation_period": len(raw["observation_period"]),
        "encounter": visits,
        "encounter_end": visits,
        "condition": len(raw["condition_occurrence"]),
        "condition_end": sum(
            bool(row["condition_end_date"]) for row in raw["condition_occurrence"]
        ),
        "medication_request": len(raw["drug_exposure"]),
        "procedure": len(raw["procedure_occurrence"]),
        "device": len(raw["device_exposure"]),
        "measurement": len(raw["measurement"]),
        "observation": len(raw["observation"]),
        "death": len(raw["death"]),
    }
    dropped = [why for batch in batches.values() for why in batch.dropped]
    assert all(why.endswith("holds no facts of its own") for why in dropped)


def test_the_measurements_have_the_codes_values_and_units_of_the_raw_rows(
    batches: dict[str, Batch],
) -> None:
    codes = raw_codes()
    wanted = Counter(
        (
            row["person_id"],
            codes[row["measurement_concept_id"]],
            float(row["value_as_number"]) if row["value_as_number"] else None,
            row["measurement_date"],
            None if row["value_as_number"] else row["value_source_value"] or None,
        )
        for row in raw_rows("measurement")
    )

    facts = batches["MEASUREMENT.csv"].facts
    day = pl.col("time").dt.convert_time_zone("America/New_York").dt.date().cast(pl.String)
    assert Counter(facts.select("subject", "code", "value", day, "text").rows()) == wanted
    clock = facts["time"].dt.convert_time_zone("America/New_York").dt.time().unique().to_list()
    assert [str(one) for one in clock] == ["23:59:59.999999"]
    raw_units = Counter(
        codes[row["unit_concept_id"]].removeprefix("UCUM//")
        if row["unit_concept_id"] != "0"
        else row["unit_source_value"] or None
        for row in raw_rows("measurement")
        if row["value_as_number"]
    )
    assert Counter(facts.filter(pl.col("value").is_not_null())["unit"].to_list()) == raw_units


def test_no_fact_lies_outside_what_duckdb_reads_from_the_same_files(
    batches: dict[str, Batch], tmp_path: Path
) -> None:
    (path,) = data_folder("omop-synthea27nj").glob("*.zip")
    with zipfile.ZipFile(path) as archive:
        archive.extract("CONDITION_OCCURRENCE.csv", tmp_path)
    query = """SELECT person_id::VARCHAR, condition_source_value::VARCHAR, count(*)
        FROM read_csv(?) GROUP BY ALL"""
    counted = duckdb.execute(query, [str(tmp_path / "CONDITION_OCCURRENCE.csv")]).fetchall()

    facts = batches["CONDITION_OCCURRENCE.csv"].facts.filter(pl.col("kind") == "condition")
    made = facts.group_by("subject", pl.col("code").str.strip_prefix("SNOMED//")).len()
    assert sorted(made.rows()) == sorted(counted)


def test_the_required_columns_are_those_of_the_specification() -> None:
    path = data_folder("omop-cdm-5.4-spec") / "OMOP_CDMv5.4_Field_Level.csv"
    with path.open(encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    fields = {(row["cdmTableName"].lower(), row["cdmFieldName"].lower()) for row in rows}

    for name, table in TABLES.items():
        required = {
            row["cdmFieldName"].lower()
            for row in rows
            if row["cdmTableName"].lower() == name and row["isRequired"] == "Yes"
        }
        assert set(table.required) == required - {"note_text"}
    for new in NAMES_OF_5_3.values():
        assert any(field == new for _, field in fields)


def test_every_kind_of_fact_has_its_rule() -> None:
    assert set(the_source().known_at) == READER.kinds

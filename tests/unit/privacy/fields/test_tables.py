"""Tables come out without what identifies anybody; what is left still joins and still counts."""

import gzip
import zipfile
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import polars as pl
import pytest

from bedside.core.errors import Invalid
from bedside.core.records.release_mode import ReleaseMode
from bedside.interop.omop.tables import TABLES, table_of
from bedside.privacy.fields.actions import FieldActions
from bedside.privacy.fields.columns import ColumnActions
from bedside.privacy.fields.omop import OmopRelease, omop_rule
from bedside.privacy.fields.tables import TableRelease
from bedside.privacy.memory_vault import MemoryVault
from bedside.privacy.rules import Action, ReleasePlan
from data_folder import data_folder

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SAFE = ReleasePlan(mode=ReleaseMode.SAFE_HARBOR, project="p")
EXPERT = ReleasePlan(mode=ReleaseMode.EXPERT, project="p", dossier="d")


def columns(plan: ReleasePlan = SAFE, **more: Any) -> ColumnActions:
    return ColumnActions(FieldActions(plan=plan, vault=MemoryVault(), released_at=NOW, **more))


def omop_files() -> dict[str, pl.DataFrame]:
    with zipfile.ZipFile(data_folder("omop-synthea27nj") / "Synthea27Nj_5.4.zip") as archive:
        return {
            name.removesuffix(".csv").lower(): pl.read_csv(
                BytesIO(archive.read(name)), infer_schema=False
            )
            for name in archive.namelist()
            if not name.startswith("__MACOSX") and "CONCEPT" not in name
        }


def test_every_field_of_omop_has_a_rule_that_fits_what_the_standard_says_of_it() -> None:
    file = data_folder("omop-cdm-5.4-spec") / "OMOP_CDMv5.4_Field_Level.csv"
    fields = pl.read_csv(file, infer_schema=False).select(
        "cdmTableName", "cdmFieldName", "cdmDatatype"
    )

    for table, name, kind in fields.drop_nulls().rows():
        rule = omop_rule(table.lower(), name.lower())
        if "varchar" in kind.lower():
            assert rule in ("drop", "text", "postcode", "place", "state"), (table, name)
        if kind.lower() in ("date", "datetime"):
            assert rule in ("date", "birth_date", "drop"), (table, name)


def test_the_tables_of_a_real_database_join_as_before() -> None:
    before = omop_files()
    release = OmopRelease(columns(EXPERT))

    after = {n: t for n, one in before.items() if (t := release.table(n, one)) is not None}

    for name in ("condition_occurrence", "measurement", "drug_exposure", "visit_occurrence"):
        assert after[name].height == before[name].height
        here, there = before[name], after[name]
        for key in ("person_id", "visit_occurrence_id"):
            assert there[key].n_unique() == here[key].n_unique()
            assert not set(there[key].cast(pl.String)) & set(here[key].drop_nulls())
        joined = there.join(after["person"], on="person_id")
        assert joined.height == there.height
    stays = before["visit_occurrence"].select("visit_start_date", "visit_end_date")
    length = [str(d) for d in _days(stays, "visit_start_date", "visit_end_date")]
    moved = after["visit_occurrence"]
    assert [str(d) for d in _days(moved, "visit_start_date", "visit_end_date")] == length
    assert "person_source_value" not in after["person"].columns
    for table in TABLES.values():
        if table.name in after:
            assert table_of(table.name) is not None
            assert {*table.required} <= {*after[table.name].columns}, table.name


def _days(table: pl.DataFrame, start: str, end: str) -> list[Any]:
    told = table.select(pl.col(start, end).cast(pl.String).str.slice(0, 10).str.to_date())
    return list(told[end] - told[start])


def test_omop_dates_are_years_in_safe_harbor() -> None:
    release = OmopRelease(columns())
    rows = pl.DataFrame(
        {
            "PERSON_ID": ["1", "2"],
            "year_of_birth": ["1980", "1930"],
            "month_of_birth": ["5", "6"],
            "gender_concept_id": ["8507", "8532"],
            "shoe_size": ["44", "37"],
        }
    )

    done = release.table("PERSON", rows)

    assert done is not None
    assert done.columns == ["person_id", "year_of_birth", "gender_concept_id"]
    assert done["year_of_birth"].to_list() == [1980, None]
    death = pl.DataFrame({"person_id": ["1"], "death_date": ["2020-05-06"]})
    assert release.table("death", death)["death_date"].to_list() == [datetime(2020, 1, 1).date()]  # type: ignore[index] # noqa: DTZ001
    assert release.table("my_table", death) is None
    assert release.columns.actions.lost["table my_table"] == 1


def test_a_real_table_gets_new_numbers_and_capped_ages() -> None:
    packed = (data_folder("diabetes-130-hospitals") / "diabetic_data.csv.gz").read_bytes()
    rows = pl.read_csv(BytesIO(gzip.decompress(packed)), infer_schema=False).head(20_000)

    done = TableRelease(columns(), subject="patient_nbr").table(rows)

    assert done.columns == rows.columns
    assert done["patient_nbr"].n_unique() == rows["patient_nbr"].n_unique()
    for name in ("patient_nbr", "encounter_id"):
        assert not set(done[name].cast(pl.String)) & set(rows[name])
    assert set(done["age"]) - set(rows["age"]) == {"90+"}
    assert done["readmitted"].equals(rows["readmitted"])


def test_columns_that_name_people_go_whether_by_name_or_by_value() -> None:
    rows = pl.DataFrame(
        {
            "patient": [f"p{n % 30}" for n in range(60)],
            "Last Name": ["Ruiz"] * 60,
            "home_zip": ["02139", "03601"] * 30,
            "badge": [f"B{n}x" for n in range(60)],
            "card": [70_000 + n for n in range(60)],
            "seen": ["2020-05-06"] * 60,
            "age": [30.0, 95.0] * 30,
            "sodium": [130.0 + n / 7 for n in range(60)],
            "ward": ["A", "B"] * 30,
            "story": ["x" * 200] * 60,
            "handle": [f"h{n}" for n in range(60)],
        }
    )

    told = {"handle": "keep"}
    done = TableRelease(columns(), subject="patient", told=told).table(rows)

    expected = ["patient", "home_zip", "badge", "card", "seen", "age", "sodium", "ward", "handle"]
    assert done.columns == expected
    assert set(done["home_zip"]) == {"021", "000"}
    assert done["badge"].dtype == pl.Int64
    assert not set(done["card"]) & set(rows["card"])
    assert set(done["seen"].cast(pl.String)) == {"2020-01-01"}
    assert done["age"].max() == 90
    assert done["sodium"].equals(rows["sodium"])
    with pytest.raises(Invalid, match="no column"):
        TableRelease(columns(), subject="nobody").table(rows)


def test_a_subject_has_one_offset_in_every_table() -> None:
    plan = ReleasePlan(
        mode=ReleaseMode.EXPERT, project="p", dossier="d", actions={"birth_date": Action.SHIFT}
    )
    release = columns(plan)
    rows = pl.DataFrame(
        {"patient": ["a", "b"], "dob": ["1980-01-01"] * 2, "seen_at": ["2001-02-03"] * 2}
    )

    done = TableRelease(release, subject="patient").table(rows)

    for n, one in enumerate(("a", "b")):
        offset = release.actions.vault.offset(release.actions.subject(one))
        for column, day in (("dob", "1980-01-01"), ("seen_at", "2001-02-03")):
            assert (done[column][n] - datetime.fromisoformat(day).date()).days == offset


def test_a_word_among_numbers_stays_behind() -> None:
    rows = pl.DataFrame({"id": list("abcde"), "pulse": ["60", "60", "61", "61", "Ada Ruiz"]})
    measured = pl.DataFrame({"person_id": ["1", "2"], "value_as_number": ["7.5", "Ada Ruiz"]})

    released = TableRelease(columns(), subject="id").table(rows)
    omop = OmopRelease(columns()).table("measurement", measured)

    assert released["pulse"].to_list() == ["60", "60", "61", "61", None]
    assert omop is not None
    assert omop["value_as_number"].to_list() == ["7.5", None]

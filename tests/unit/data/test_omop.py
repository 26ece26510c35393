"""Rows of the OMOP CDM as facts: times, codes, units, bounds, and what is told of bad ones."""

from datetime import UTC, datetime
from io import BytesIO

import polars as pl
import pytest

from bedside.core.records.collection import Collection
from bedside.data.collect.facts import Batch, Part
from bedside.data.collect.formats.omop import READER

CONCEPTS = b"""concept_id\tvocabulary_id\tconcept_code\tconcept_name
3004410\tLOINC\t4548-4\tHemoglobin "A1c
9201\tVisit\tIP\tInpatient Visit
8554\tUCUM\t%\tpercent
4181412\tSNOMED\t260373001\tPresent
19073183\tRxNorm\t308182\tAmoxicillin
"""
MEASUREMENT = (
    "measurement_id,person_id,measurement_concept_id,measurement_date,measurement_datetime,"
    "measurement_type_concept_id,operator_concept_id,value_as_number,value_as_concept_id,"
    "unit_concept_id,visit_occurrence_id,measurement_source_value,unit_source_value\n"
)
MONDAY = "2026-03-02"


def a_source(timezone: str | None = "Europe/Berlin") -> Collection:
    return Collection(
        bedside=1,
        name="cdm",
        title="A CDM",
        format="omop",
        licence="none",
        release_mode="identified",
        known_at={},
        timezone=timezone,
    )


def collected(name: str, text: str | bytes, source: Collection | None = None) -> Batch:
    content = text.encode() if isinstance(text, str) else text
    part = READER.prepare(Part(name=name, content=content))
    beside = {"CONCEPT.csv": CONCEPTS}.get
    return READER.collect(part, source or a_source(), beside)


def a_measurement(row: str) -> Batch:
    return collected("MEASUREMENT.csv", MEASUREMENT + row + "\n")


def test_a_result_is_a_fact_with_its_code_unit_and_stay() -> None:
    batch = a_measurement(f"1,7,3004410,{MONDAY},{MONDAY} 08:30:00,0,0,6.5,0,8554,12,x,percent")

    fact = batch.facts.row(0, named=True)
    assert (fact["subject"], fact["code"], fact["encounter"]) == ("7", "LOINC//4548-4", "12")
    assert (fact["value"], fact["unit"], fact["text"]) == (6.5, "%", None)
    assert fact["time"] == datetime(2026, 3, 2, 7, 30, tzinfo=UTC)
    assert batch.rows_in == {"measurement": 1}


@pytest.mark.parametrize("time", ["", f"{MONDAY} 00:00:00"])
def test_a_date_is_placed_at_its_end_also_when_it_is_written_as_midnight(time: str) -> None:
    batch = a_measurement(f"1,7,3004410,{MONDAY},{time},0,0,6.5,0,0,12,x,%")

    assert batch.facts["time"].to_list() == [datetime(2026, 3, 2, 22, 59, 59, 999999, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-03-29 02:30:00", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),  # never was
        ("2026-10-25 02:30:00", datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),  # was twice
        ("2026-03-02T08:30:00Z", datetime(2026, 3, 2, 8, 30, tzinfo=UTC)),
        ("2026-03-02 08:30:00.25+02:00", datetime(2026, 3, 2, 6, 30, 0, 250000, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_in_the_zone_of_the_source_unless_it_has_its_own(
    written: str, meant: datetime
) -> None:
    batch = a_measurement(f"1,7,3004410,{written[:10]},{written},0,0,6.5,0,0,12,x,%")

    assert batch.facts["time"].to_list() == [meant]


def test_a_value_that_is_only_a_bound_is_no_number() -> None:
    batch = a_measurement(f"1,7,3004410,{MONDAY},,0,4171756,5,0,8554,12,x,%")

    assert batch.facts.select("value", "text").row(0) == (None, "<5")


def test_a_concept_that_no_table_tells_stays_a_number_and_a_local_code_is_counted() -> None:
    rows = [
        f"1,7,99,{MONDAY},,0,0,1,4181412,0,12,x,%",
        f"2,7,0,{MONDAY},,0,0,1,0,0,12,GLU,%",
        f"3,7,0,{MONDAY},,0,0,1,0,0,12,,%",
    ]

    batch = a_measurement("\n".join(rows))

    assert batch.facts["code"].to_list() == ["OMOP//99", "LOCAL//GLU"]
    assert batch.facts["text"].to_list() == ["SNOMED//260373001", None]
    assert batch.codes_unknown == {"measurement|GLU": 1}
    assert batch.dropped == {"measurement: there is neither a concept nor a source value": 1}


def test_what_cannot_be_used_is_told_by_place_and_reason_and_never_by_its_value() -> None:
    rows = [
        f"1,7,99,{MONDAY},,0,0,secret,0,0,12,x,%",
        f"2,secret,99,{MONDAY},,0,0,1,0,0,12,x,%",
        "3,7,99,0000-01-01,,0,0,1,0,0,12,x,%",
        f"4,7,99,{MONDAY},,0,0,NaN,0,0,12,x,%",
        f"5,7,99,{MONDAY},,0,0,1,0,0,12,x,%,secret",
        f'6,7,99,{MONDAY},,0,0,1,0,0,12,"secret,%',
        f"7,7,99,{MONDAY},,0,0,1,0,0,12,x,%",
    ]
    text = MEASUREMENT + "\n".join(rows) + "\n"

    batch = collected("MEASUREMENT.csv", text)

    assert batch.facts["value"].to_list() == [1.0]
    assert batch.rows_in == {"measurement": 7}
    assert batch.dropped == {"measurement: the value is not a finite number": 2}
    assert [bad.reason for bad in batch.bad] == [
        "person_id is not a whole number",
        "measurement_date is no date, or one in no possible year",
        "it has 14 fields where the header has 13",
        "a quotation mark is not closed",
    ]
    raw = text.encode()
    assert [raw[bad.offset :][:2] for bad in batch.bad] == [b"2,", b"3,", b"5,", b"6,"]
    for place in batch.records.rows(named=True):
        assert raw[place["offset"] :][: place["length"]].endswith(b"x,%\n")


def test_a_time_without_a_zone_is_refused_where_none_is_declared() -> None:
    text = MEASUREMENT + f"1,7,99,{MONDAY},,0,0,1,0,0,12,x,%\n"

    batch = collected("MEASUREMENT.csv", text, a_source(timezone=None))

    assert batch.facts.is_empty()
    assert [bad.reason for bad in batch.bad] == [
        "the time has no zone and the source declares no timezone"
    ]


def test_a_table_that_lacks_a_required_column_is_one_bad_record() -> None:
    batch = collected("measurement.csv", "measurement_id,person_id\n1,7\n")

    (bad,) = batch.bad
    assert "needs the column measurement_concept_id, measurement_date" in bad.reason
    assert (bad.offset, bad.length) == (0, len(b"measurement_id,person_id\n1,7\n"))


def test_a_visit_begins_with_one_fact_and_ends_with_another_in_both_versions() -> None:
    head = "visit_occurrence_id,person_id,visit_concept_id,visit_start_date,visit_start_datetime,"
    head += "visit_end_date,visit_end_datetime,visit_type_concept_id,"
    row = f"12,7,9201,{MONDAY},{MONDAY} 08:00:00,2026-03-05,2026-03-05 11:00:00,0,"

    old = collected(
        "visit_occurrence.csv",
        f"{head}admitting_source_value,discharge_to_source_value\n{row}ED,HOME\n",
    )
    new = collected(
        "visit_occurrence.csv",
        f"{head}admitted_from_source_value,discharged_to_source_value\n{row}ED,HOME\n",
    )

    wanted = [
        ("encounter", datetime(2026, 3, 2, 7, tzinfo=UTC), None, "Visit//IP", "ED", "12"),
        ("encounter_end", datetime(2026, 3, 5, 10, tzinfo=UTC), None,
         "OMOP//visit_occurrence_end", "HOME", "12"),
    ]  # fmt: skip
    for batch in (old, new):
        told = batch.facts.select("kind", "time", "end", "code", "text", "encounter")
        assert told.rows() == wanted
    assert old.facts["record"].to_list() == new.facts["record"].to_list()


def test_a_changed_row_keeps_its_identity_and_a_new_empty_column_changes_nothing() -> None:
    row = f"1,7,99,{MONDAY},,0,0,1,0,0,12,x,%"
    wider = MEASUREMENT.strip() + ",range_low\n" + row + ",\n"

    first, same, changed = a_measurement(row), collected("MEASUREMENT.csv", wider), None
    changed = a_measurement(row.replace(",1,0,0,", ",2,0,0,"))

    assert first.facts["record"].to_list() == same.facts["record"].to_list()
    assert first.facts["record"].to_list() != changed.facts["record"].to_list()
    assert first.facts["identity"].to_list() == changed.facts["identity"].to_list()


def test_a_person_is_born_at_the_start_of_a_day_and_the_middle_of_an_unknown_span() -> None:
    head = "person_id,gender_concept_id,year_of_birth,month_of_birth,day_of_birth,race_concept_id,"
    head += "ethnicity_concept_id,race_source_value,gender_source_value\n"
    rows = "1,8532,1950,4,9,0,0,,\n2,0,1950,4,,0,0,white,M\n3,0,1950,,,0,0,,\n4,8507,50,,,0,0,,\n"

    batch = collected("PERSON.csv", head + rows)

    born = batch.facts.filter(pl.col("code") == "MEDS//BIRTH")["time"].to_list()
    sex = batch.facts.filter(pl.col("code") == "BEDSIDE//sex")
    assert [str(one.date()) for one in born] == ["1950-04-09", "1950-04-15", "1950-07-01"]
    assert sex["text"].to_list() == ["female", "male", "unknown", "male"]
    assert sex["time"].null_count() == 4
    assert batch.facts.filter(pl.col("code") == "OMOP//race")["text"].to_list() == ["white"]
    assert batch.dropped == {"person: the date of birth is no date, or in no possible year": 1}


def test_a_drug_that_was_given_is_no_prescription_and_an_interval_keeps_its_end() -> None:
    head = "drug_exposure_id,person_id,drug_concept_id,drug_exposure_start_date,"
    head += "drug_exposure_end_date,drug_type_concept_id,quantity\n"
    rows = f"1,7,19073183,{MONDAY},2026-03-09,32838,0\n2,7,19073183,{MONDAY},{MONDAY},32818,2\n"

    facts = collected("DRUG_EXPOSURE.csv", head + rows).facts

    assert facts["kind"].to_list() == ["medication_request", "medication_administration"]
    assert facts["code"].to_list() == ["RXNORM//308182"] * 2
    assert facts["value"].to_list() == [None, 2.0]
    assert facts["end"].to_list()[0] == datetime(2026, 3, 9, 22, 59, 59, 999999, tzinfo=UTC)


def test_parquet_says_the_same_as_csv() -> None:
    row = f"1,7,3004410,{MONDAY},{MONDAY} 08:30:00,0,0,6.5,0,8554,12,x,%"
    buffer = BytesIO()
    pl.read_csv(BytesIO((MEASUREMENT + row).encode()), try_parse_dates=True).rename(
        str.upper
    ).write_parquet(buffer)

    text = a_measurement(row)
    columnar = collected("cdm/Measurement/part-3.parquet", buffer.getvalue())

    same = [name for name in text.facts.columns if name not in ("offset", "record")]
    assert columnar.facts.select(same).equals(text.facts.select(same))
    assert columnar.records.rows() == [(0, 1, "7")]


def test_a_table_without_facts_is_told_and_an_unknown_file_is_bad() -> None:
    cost = collected("COST.csv", "cost_id\n1\n")
    other = collected("readme.csv", "a,b\n1,2\n")

    assert cost.dropped == {"the table cost holds no facts of its own": 1}
    assert [bad.reason for bad in other.bad] == ["its name is not that of a table of the OMOP CDM"]

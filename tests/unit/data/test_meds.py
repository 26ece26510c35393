"""Files of MEDS as facts: columns of strict MEDS and its dialects, codes, kinds, bad rows."""

from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import polars as pl
import pytest

from bedside.core.records.collection import Collection
from bedside.data.collect.facts import Batch, Part
from bedside.data.collect.formats.meds import READER

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC).replace(tzinfo=None)


def collected(timezone: str | None = "UTC", /, **columns: Any) -> Batch:
    buffer = BytesIO()
    pl.DataFrame(columns).write_parquet(buffer)
    source = Collection(
        bedside=1,
        name="events",
        title="Events",
        format="meds",
        licence="none",
        release_mode="identified",
        known_at={},
        timezone=timezone,
    )
    part = READER.prepare(Part(name="data/0.parquet", content=buffer.getvalue()))
    return READER.collect(part, source, lambda _: None)


def test_the_columns_of_strict_meds_and_its_extensions_become_a_fact() -> None:
    batch = collected(
        "Europe/Berlin",
        subject_id=[7],
        time=[NINE],
        code=["LOINC//8867-4"],
        numeric_value=[72.0],
        text_value=["regular"],
        unit=["/min"],
        hadm_id=[12],
        end_time=[NINE.replace(hour=10)],
        ward=[["a list"]],
    )

    fact = batch.facts.row(0, named=True)
    assert (fact["subject"], fact["encounter"], fact["kind"]) == ("7", "12", "measurement")
    assert (fact["value"], fact["unit"], fact["text"]) == (72.0, "/min", "regular")
    assert fact["time"] == datetime(2026, 3, 2, 8, tzinfo=UTC)
    assert fact["end"] == datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert fact["identity"] is None
    assert batch.dropped == {"the column 'ward' of a file is not taken": 1}
    assert batch.records.rows() == [(0, 1, "7")]


def test_a_row_that_is_bad_is_told_by_its_place_and_the_rest_goes_on() -> None:
    batch = collected(
        subject_id=[1, None, 3, 4, 5],
        time=[NINE, NINE, NINE, NINE.replace(year=1), NINE],
        code=["HR", "HR", None, "HR", "HR"],
        numeric_value=[1.0, 2.0, 3.0, 4.0, float("nan")],
    )

    assert batch.facts.select("subject", "code", "kind", "value").rows() == [
        ("1", "MEDS//HR", "observation", 1.0)
    ]
    assert [(bad.offset, bad.length, bad.reason) for bad in batch.bad] == [
        (1, 1, "there is no subject_id"),
        (2, 1, "there is no code"),
        (3, 1, "a time lies in no possible year"),
    ]
    assert batch.dropped == {"the value is not a finite number": 1}
    assert batch.rows_in == {"event": 5}


def test_a_time_needs_a_zone_and_a_static_fact_needs_none() -> None:
    batch = collected(None, subject_id=[1, 1], time=[NINE, None], code=["HR", "GENDER//F"])

    assert batch.facts.select("code", "time").rows() == [("GENDER//F", None)]
    assert [bad.reason for bad in batch.bad] == [
        "the time has no zone and the source declares no timezone"
    ]


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"subject_id": [1], "code": ["HR"]}, "MEDS needs the column time"),
        ({"subject_id": ["a"], "time": [NINE], "code": ["HR"]}, "subject_id is not a whole number"),
        ({"subject_id": [1], "time": ["09:00"], "code": ["HR"]}, "a time in it is not a timestamp"),
        (
            {"subject_id": [1], "time": [NINE], "code": [["HR"]]},
            "MEDS needs the column code",
        ),
        (
            {"subject_id": [1], "time": [NINE], "code": ["HR"], "numeric_value": ["high"]},
            "the values are not numbers",
        ),
    ],
)
def test_a_file_that_is_no_meds_is_one_bad_record(columns: dict[str, Any], reason: str) -> None:
    batch = collected(**columns)

    assert [bad.reason for bad in batch.bad] == [reason]
    assert batch.facts.is_empty()

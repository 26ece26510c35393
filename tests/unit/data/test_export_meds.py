"""What goes out as MEDS: corrections and merges folded, and every loss counted."""

import json
from datetime import UTC, datetime
from io import BytesIO

import meds
import polars as pl
import pyarrow.parquet as pq
import pytest

from bedside.data.export_meds import MedsExport
from stored import DAY, a_merge, a_row, at, events_of


def written(export: MedsExport, *rows: dict[str, object]) -> pl.DataFrame:
    content = export.shard(events_of(*rows))
    assert content is not None
    meds.DataSchema.validate(pq.read_table(BytesIO(content)))
    return pl.read_parquet(BytesIO(content))


def test_a_corrected_value_goes_out_once_and_as_it_stands() -> None:
    first = a_row(row="r1", value=4.2)
    second = a_row(row="r2", value=4.5, known_at=at("12:00"), replaces="r1")
    now, then = MedsExport(), MedsExport(moment=at("11:00"))

    assert written(now, first, second)["numeric_value"].to_list() == [4.5]
    assert written(then, first, second)["numeric_value"].to_list() == pytest.approx([4.2])
    assert (now.loss.folded, now.loss.replaces) == (1, 1)
    assert (then.loss.folded, then.loss.replaces) == (0, 0)


def test_a_withdrawn_value_does_not_go_out() -> None:
    gone = a_row(row="r2", code="BEDSIDE//taken_back", value=None, replaces="r1")
    export = MedsExport()

    assert export.shard(events_of(a_row(row="r1"), {**gone, "unit": None})) is None
    assert export.loss.folded == 2


def test_merged_subjects_go_out_as_one_who_is_whole_and_in_order() -> None:
    rows = [a_row(1, "r1", time=at("09:00")), a_row(2, "r2", time=at("08:00"))]
    rows += [a_row(3, "r3"), a_merge(1, 2, "m", at("10:00"))]

    told = written(MedsExport(), *rows)

    assert told["subject_id"].to_list() == [2, 2, 3]
    assert told["time"].to_list()[:2] == [
        at("08:00").replace(tzinfo=None),
        at("09:00").replace(tzinfo=None),
    ]


def test_a_static_fact_comes_first_and_times_have_no_zone() -> None:
    sex = {**a_row(row="r0", code="BEDSIDE//sex", value=None, text="female"), "time": None}
    born = a_row(row="r9", code="MEDS//BIRTH", value=None, time=datetime(1950, 4, 9, tzinfo=UTC))

    told = written(MedsExport(), a_row(row="r1"), sex, born)

    assert told["code"].to_list() == ["BEDSIDE//sex", "MEDS_BIRTH", "LOINC//2823-3"]
    assert told["text_value"].to_list() == ["female", None, None]
    assert told.schema["time"] == pl.Datetime("us", None)


def test_every_loss_is_counted() -> None:
    rows = [
        {**a_row(row="r1", value=0.1), "end": at("09:00"), "encounter_id": 5},
        a_row(row="r2", value=1e300),
        a_row(row="r3", value=2.0, code="LOCAL//glucose"),
        {**a_row(row="r4", value=2.0, code="LOCAL//glucose"), "unit": "mg/dL"},
        {**a_row(row="r5", value=None, text="x"), "time": None, "source_offset": -1},
    ]
    export = MedsExport()

    told = written(export, *rows)

    assert told.filter(pl.col("code") == "LOINC//2823-3")["numeric_value"].to_list() == [
        None,
        pytest.approx(0.1),
        None,
    ]
    loss = export.loss
    assert (loss.events, loss.known_at, loss.static_known_at) == (5, 4, 1)
    assert (loss.end, loss.encounter_id, loss.rounded, loss.too_large) == (1, 1, 1, 1)
    assert (loss.unit, loss.unit_in_codes, loss.source_place) == (4, 0, 4)
    assert loss.words()[0].startswith("4 of 5 events became known later than they happened")


def test_the_metadata_name_every_code_with_its_unit_and_its_concept() -> None:
    export = MedsExport()
    written(export, a_row(row="r1"), a_row(row="r2", code="MEDS//HR", value=None))

    about = export.metadata(name="ward/collected", version="ab", etl_version="1", created_at=DAY)

    codes = pl.read_parquet(BytesIO(about["metadata/codes.parquet"]))
    meds.CodeMetadataSchema.validate(pq.read_table(BytesIO(about["metadata/codes.parquet"])))
    meds.DatasetMetadataSchema.validate(json.loads(about["metadata/dataset.json"]))
    assert codes.select("code", "parent_codes", "unit").rows() == [
        ("LOINC//2823-3", ["LOINC/2823-3"], "mmol/L"),
        ("HR", None, None),
    ]
    assert json.loads(about["loss.json"])["lost"]["unit_in_codes"] == 1

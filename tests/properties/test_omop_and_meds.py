"""Whatever bytes come as OMOP or MEDS: no crash, every record accounted for, no value repeated."""

from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as some

from bedside.core.records.collection import Collection
from bedside.data.collect.facts import FACT_SCHEMA, RECORD_SCHEMA, Batch, Part
from bedside.data.collect.formats import meds, omop
from bedside.interop.meds.names import bedside_code, meds_code
from bedside.interop.omop.tables import TABLES

SOURCE: dict[str, Any] = {
    "bedside": 1,
    "name": "any",
    "title": "Any",
    "licence": "none",
    "release_mode": "identified",
    "known_at": {},
    "timezone": "Europe/Berlin",
}
OMOP = Collection(format="omop", **SOURCE)
MEDS = Collection(format="meds", **SOURCE)
NAME = "Mrs Secret"
FIELD = some.one_of(
    some.sampled_from(["", "1", "0", "-7", "1e999", "nan", "1.5", "2.0", "99999999999999999999"]),
    some.sampled_from(["2026-03-02", "2026-03-29 02:30:00", "0000-00-00", "2026-03-02T08:00Z"]),
    some.sampled_from(
        ['"', '""', '"a\n', "\x00", "4171756", "\ufeff", "٣", "é", "9999-12-31", NAME]
    ),
    some.text(max_size=6),
)


def sound(batch: Batch) -> None:
    assert batch.facts.schema == pl.Schema(FACT_SCHEMA)
    assert batch.records.schema == pl.Schema(RECORD_SCHEMA)
    assert batch.facts["value"].is_finite().all()
    assert batch.facts["code"].null_count() == batch.facts["subject"].null_count() == 0
    assert set(batch.facts["offset"]) <= set(batch.records["offset"])
    told = [*(bad.reason for bad in batch.bad), *batch.dropped]
    assert not any(NAME in one for one in told)


@settings(max_examples=60, deadline=None)
@given(some.sampled_from(sorted(TABLES)), some.data())
def test_any_fields_in_a_table_of_omop_are_facts_or_told(name: str, data: some.DataObject) -> None:
    columns = list(dict.fromkeys([*TABLES[name].required, *omop._columns(TABLES[name])]))
    rows = data.draw(
        some.lists(some.lists(FIELD, min_size=len(columns), max_size=len(columns)), max_size=4)
    )
    text = "\n".join([",".join(columns), *(",".join(row) for row in rows)])
    content = text.encode("utf-8", errors="surrogatepass")
    part = Part(name=f"{name}.csv", content=content)

    batch = omop.READER.collect(part, OMOP, lambda _: None)

    sound(batch)
    places = [*batch.records.select("offset", "length").rows()]
    places += [(bad.offset, bad.length) for bad in batch.bad]
    places.sort()
    ends = [first + length for first, length in places]
    assert all(end <= first for end, (first, _) in zip(ends, places[1:], strict=False))
    assert not ends or ends[-1] <= len(content)
    covered = bytearray(content)
    for first, length in places:
        covered[first : first + length] = b"\n" * length
    assert not bytes(covered).partition(b"\n")[2].strip(b"\r\n")


@settings(max_examples=100, deadline=None)
@given(some.binary(max_size=200), some.sampled_from(["measurement.csv", "person.parquet"]))
def test_any_bytes_are_read_or_told(content: bytes, name: str) -> None:
    sound(omop.READER.collect(Part(name=name, content=content), OMOP, lambda _: content))
    sound(meds.READER.collect(Part(name="0.parquet", content=content), MEDS, lambda _: None))


def a_file() -> bytes:
    buffer = BytesIO()
    pl.DataFrame(
        {
            "subject_id": list(range(50)),
            "time": [datetime(2026, 3, 2, 9, tzinfo=UTC).replace(tzinfo=None)] * 50,
            "code": [NAME] * 25 + ["HR"] * 25,
            "numeric_value": [float(one) for one in range(50)],
        }
    ).write_parquet(buffer)
    return buffer.getvalue()


@settings(max_examples=150, deadline=None)
@given(
    some.lists(some.tuples(some.integers(0, 2000), some.integers(0, 255)), max_size=5),
    some.integers(0, 2000),
)
def test_a_damaged_parquet_file_is_read_or_told(
    changes: list[tuple[int, int]], length: int
) -> None:
    content = bytearray(a_file())
    for at, octet in changes:
        content[at % len(content)] = octet
    cut = bytes(content if length > 1000 else content[:length])

    sound(
        meds.READER.collect(Part(name="0.parquet", content=cut, unit="row"), MEDS, lambda _: None)
    )


@given(some.text(min_size=1, max_size=20) | some.sampled_from(["MEDS//X", "MEDS_BIRTH", "a//b"]))
def test_a_code_of_meds_comes_out_as_it_went_in(code: str) -> None:
    if code not in ("BIRTH", "DEATH"):  # read as MEDS_BIRTH and MEDS_DEATH, which they mean
        assert meds_code(bedside_code(code)) == code

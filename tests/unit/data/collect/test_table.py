"""Tables in every form: which cell becomes which fact, where each row lies, what of the rest."""

import csv
import io
import math
import struct
import zipfile
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.errors import BedsideError, Invalid
from bedside.core.records.collection import Collection, KnownAt
from bedside.core.records.event import TAKEN_BACK
from bedside.core.records.table_mapping import TableColumn, TableMapping, TableTime
from bedside.data.collect.facts import FACT_SCHEMA, RECORD_SCHEMA, Batch, Part
from bedside.data.collect.formats import table_sheet
from bedside.data.collect.formats.table import READER
from bedside.data.collect.formats.table_cells import FEW
from bedside.data.collect.parts import SourceFiles
from bedside.interop.collection import read_collection
from data_folder import data_folder

PULSE = TableColumn(code="LOINC//8867-4", kind="observation", unit="/min")
SEX = TableColumn(
    code="BEDSIDE//sex", kind="patient", role="static", categories={"0": "female", "1": "male"}
)
NOTE = TableColumn(code="WARD//note", kind="observation")
WIDE = TableMapping(
    files="*",
    subject="id",
    time=TableTime(column="when"),
    columns={"pulse": PULSE, "sex": SEX, "note": NOTE},
    missing=("?", "-1"),
)
LONG = TableMapping(
    files="*",
    subject="id",
    time=TableTime(column="when"),
    code_column="what",
    value_column="value",
    unit_column="unit",
    codes={"HR": PULSE, "SEX": SEX},
)
HEADER = "id,when,pulse,sex,note\n"


def a_source(*tables: TableMapping, timezone: str | None = "UTC") -> Collection:
    return Collection(
        bedside=1,
        name="ward",
        title="A ward",
        format="table",
        licence="none",
        release_mode="identified",
        known_at={"observation": KnownAt(after="0 min")},
        timezone=timezone,
        tables=tables or (WIDE,),
    )


def read(
    content: str | bytes,
    *tables: TableMapping,
    name: str = "ward.csv",
    timezone: str | None = "UTC",
    first: int = 0,
) -> tuple[Part, Batch]:
    octets = content.encode() if isinstance(content, str) else content
    part = READER.prepare(Part(name=name, content=octets, first=first))
    batch = READER.collect(part, a_source(*tables, timezone=timezone), lambda _: None)
    assert dict(batch.facts.schema) == FACT_SCHEMA
    assert dict(batch.records.schema) == RECORD_SCHEMA
    return part, batch


def told(batch: Batch) -> list[tuple[object, ...]]:
    return sorted(
        batch.facts.filter(~pl.col("retracts")).select("subject", "code", "value", "text").rows(),
        key=str,
    )


def test_a_wide_row_gives_a_fact_for_each_cell_that_says_something():
    _, batch = read(HEADER + "p1,2026-03-01T08:00,71,1,calm\np2,2026-03-01T09:00,?,-1.0, \n")

    assert told(batch) == [
        ("p1", "BEDSIDE//sex", None, "male"),
        ("p1", "LOINC//8867-4", 71.0, None),
        ("p1", "WARD//note", None, "calm"),
    ]
    times = dict(batch.facts.select("code", "time").iter_rows())
    assert times["BEDSIDE//sex"] is None
    assert times["WARD//note"] == datetime(2026, 3, 1, 8, tzinfo=UTC)
    assert batch.rows_in == {"*": 2}
    assert batch.dropped == {}
    assert batch.records["subject"].to_list() == ["p1", "p2"]


def test_a_long_row_gives_the_fact_that_its_code_names():
    rows = [("p1", "HR", "71", ""), ("p1", " HR ", "1.2", "Hz"), ("p2", "SEX", "0", "")]
    text = "id,what,value,unit,when\n" + "".join(
        f"{','.join(row)},2026-03-01T08:00\n" for row in rows
    )

    _, batch = read(text, LONG)

    assert told(batch) == [
        ("p1", "LOINC//8867-4", 1.2, None),
        ("p1", "LOINC//8867-4", 71.0, None),
        ("p2", "BEDSIDE//sex", None, "female"),
    ]
    units = set(batch.facts.select("value", "unit").iter_rows())
    assert units == {(71.0, "/min"), (1.2, "Hz"), (None, None)}


def test_a_mark_says_that_something_happened_and_never_repeats_what_is_written():
    admission = TableColumn(code="ENCOUNTER//icu_admission", kind="encounter", role="mark")
    table = replace(LONG, codes={"RecordID": admission})

    _, batch = read("id,when,what,value,unit\na,2026-01-31T08:00:00Z,RecordID,132539,\n", table)

    (row,) = batch.facts.iter_rows(named=True)
    assert (row["code"], row["value"], row["text"]) == ("ENCOUNTER//icu_admission", None, None)
    assert row["time"] == datetime(2026, 1, 31, 8, tzinfo=UTC)


def test_codes_that_are_not_named_are_counted_and_told_only_where_many_patients_have_them():
    rows = [f"p{n},LACTATE,1,,2026-03-01T08:00" for n in range(11)]
    rows += ["p1,Mrs Secret,1,,2026-03-01T08:00"] * 40 + ["p1,,1,,2026-03-01T08:00"]

    _, batch = read("id,what,value,unit,when\n" + "\n".join(rows), LONG)

    assert batch.codes_unknown == {"*|LACTATE": 11, f"*|{FEW}": 41}
    assert batch.dropped == {"a code that the table's codes: do not name": 52}
    assert batch.facts.is_empty()


@pytest.mark.parametrize(
    "written", ["nan", "NaN", "inf", "-Infinity", "1e999", "7l", "1,5", "0x1f", "<5"]
)
def test_what_is_no_finite_number_is_dropped_and_counted(written):
    _, batch = read(HEADER + f'p1,2026-03-01T08:00,"{written}",1,\n')

    assert told(batch) == [("p1", "BEDSIDE//sex", None, "male")]
    assert batch.dropped == {"pulse: not a finite number": 1}


def test_a_category_may_be_written_as_a_number_is_and_another_is_counted():
    _, batch = read(HEADER + "".join(f"p{n},2026-03-01T08:00,,{c},\n" for n, c in
                                     enumerate(["0", "1.0", "1.00", "2", "male"])))  # fmt: skip

    assert [row[3] for row in told(batch)] == ["female", "male", "male"]
    assert batch.dropped == {"sex: not among its categories": 2}


def test_rows_without_a_readable_time_are_set_aside_with_the_reason_and_their_place():
    part, batch = read(HEADER + "p1,soon,71,1,\np2,2026-03-01T08:00,72,1,\n")
    (bad,) = batch.bad
    assert bad.reason.startswith("its time is missing")
    assert part.content[bad.offset :][: bad.length] == b"p1,soon,71,1,\n"
    assert batch.rows_in == {"*": 1}

    _, batch = read(HEADER + "p1,2026-03-01T08:00,71,1,\n", timezone=None)
    assert [one.reason for one in batch.bad] == [
        "the time has no zone and the source declares no timezone"
    ]


def test_the_end_of_an_interval_and_the_encounter_are_told_and_a_static_fact_has_none():
    mapping = TableMapping(
        files="*", subject="id", time=TableTime(column="from"), end=TableTime(column="to"),
        encounter="stay", row_event="WARD//stay", columns={"sex": SEX},
        constants={"BEDSIDE//site": "North"},
    )  # fmt: skip
    text = (
        "id,from,to,stay,sex\n"
        "p1,2026-03-01T08:00,2026-03-04T10:00, s1 ,1\n"
        "p1,2026-04-01T08:00,,,1\n"
    )

    _, batch = read(text, mapping)

    rows = {
        (code, time, end, stay)
        for code, time, end, stay in batch.facts.select("code", "time", "end", "encounter").rows()
    }
    start, end = datetime(2026, 3, 1, 8, tzinfo=UTC), datetime(2026, 3, 4, 10, tzinfo=UTC)
    assert rows == {
        ("WARD//stay", start, end, "s1"),
        ("WARD//stay", datetime(2026, 4, 1, 8, tzinfo=UTC), None, None),
        ("BEDSIDE//site", None, None, "s1"),
        ("BEDSIDE//sex", None, None, "s1"),
        ("BEDSIDE//sex", None, None, None),
    }


def test_without_a_column_for_it_the_subject_is_the_file_or_the_row():
    by_file = TableMapping(files="*", time=TableTime(column="when"), columns={"pulse": PULSE})
    by_row = TableMapping(
        files="*", one_subject="row", time=TableTime(column="when"), columns={"pulse": PULSE}
    )
    text = "when,pulse\n2026-03-01T08:00,71\n2026-03-01T09:00,72\n"

    assert read(text, by_file, name="set/p7.psv.csv")[1].facts["subject"].unique().to_list() == [
        "p7.psv"
    ]
    assert sorted(read(text, by_row)[1].facts["subject"]) == ["ward 1", "ward 2"]
    later = sorted(read(text, by_row, first=900)[1].facts["subject"])
    assert later == ["ward@900 1", "ward@900 2"]


def test_rows_that_say_the_same_of_two_subjects_are_two_records():
    mapping = TableMapping(files="*", time=TableTime(column="when"), columns={"pulse": PULSE})
    text = "when,pulse\n2026-03-01T08:00,71\n"

    one, other = (read(text, mapping, name=f"{name}.csv")[1].facts for name in ("p1", "p2"))

    assert one["record"][0] != other["record"][0]
    assert one["record"][0] == read(text, mapping, name="p1.csv")[1].facts["record"][0]


def test_a_key_names_a_row_through_its_versions_and_an_emptied_row_takes_back():
    mapping = TableMapping(
        files="*", subject="id", time=TableTime(column="when"), key=("id", "when"),
        columns={"pulse": PULSE},
    )  # fmt: skip
    text = "id,when,pulse\np1,2026-03-01T08:00,{}\n"

    before, after, emptied = (read(text.format(n), mapping)[1].facts for n in (71, 72, ""))

    assert before["identity"][0] == after["identity"][0] == emptied["identity"][0]
    assert before["record"][0] != after["record"][0]
    assert emptied.select("code", "retracts", "value", "kind").rows() == [
        (TAKEN_BACK, True, None, "observation")
    ]


cells = st.text(
    alphabet=st.characters(
        codec="utf-8", exclude_categories=("Cs", "Cc"), include_characters="\n\t\"',"
    ),
    max_size=6,
)


@given(
    rows=st.lists(st.lists(cells, min_size=2, max_size=2), max_size=8),
    separator=st.sampled_from([(".csv", ","), (".psv", "|"), (".tsv", "\t")]),
    ending=st.sampled_from(["\n", "\r\n"]),
    bom=st.booleans(),
    blank=st.booleans(),
    last_break=st.booleans(),
    ragged=st.booleans(),
)
@settings(max_examples=80, deadline=None)
def test_every_quoted_row_is_read_as_the_csv_module_reads_it_and_lies_where_it_is_told(
    rows, separator, ending, bom, blank, last_break, ragged
):
    suffix, mark = separator
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=mark, lineterminator=ending, quoting=csv.QUOTE_ALL)
    writer.writerow(["id", "note"])
    for row in rows:
        writer.writerow(row)
        if blank:
            buffer.write(ending)
        if ragged:
            writer.writerow([*row, "one too many"])
    text = ("\ufeff" if bom else "") + buffer.getvalue()
    text = text if last_break else text.removesuffix(ending)
    mapping = TableMapping(
        files="*", subject="id", time=TableTime(origin="2026-03-01T00:00:00Z"),
        columns={"note": NOTE},
    )  # fmt: skip

    part, batch = read(text, mapping, name=f"a{suffix}")

    expected = Counter((one.strip() or None, two.strip()) for one, two in rows if two.strip())
    assert Counter(batch.facts.select("subject", "text").rows()) == expected
    assert batch.rows_in == {"*": len(rows)}
    assert len(batch.bad) == (len(rows) if ragged else 0)
    for offset, length, subject in batch.records.iter_rows():
        raw = part.content[offset : offset + length].decode()
        row = next(csv.reader(io.StringIO(raw, newline=""), delimiter=mark))
        assert (row[0].strip() or None) == subject
    for one in batch.bad:
        assert b"one too many" in part.content[one.offset :][: one.length]
    offsets = set(batch.records["offset"])
    assert set(batch.facts["offset"]) <= offsets


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is empty"),
        (b"\n\n", "it is empty"),
        (b"id,id\n1,2\n", "two columns have the same name"),
        ("id,when\nä,1\n".encode("latin-1"), "it is not written in UTF-8"),
        ("id,when\n1,2\n".encode("utf-16"), "it is written in UTF-16"),
        (b"id,when\n1,\0\n", "it holds NUL bytes"),
        (b"id,when\r1,2\r", "its lines end with a carriage return alone"),
    ],
)
def test_what_is_no_table_is_one_bad_record_with_the_reason(content, why):
    part, batch = read(content)

    (bad,) = batch.bad
    assert why in bad.reason
    assert (bad.offset, bad.length) == (0, len(part.content))
    assert batch.facts.is_empty()
    assert batch.rows_in == {}


def test_a_wrong_declaration_is_refused_by_name():
    with pytest.raises(Invalid, match="no column pulse, sex") as caught:
        read("id,when,note\np1,2026-03-01T08:00,x\n")
    assert caught.value.code == "missing_column"
    other = TableMapping(files="other.csv", subject="id", columns={"pulse": PULSE})
    with pytest.raises(Invalid, match=r"No table is declared for the file 'ward\.csv'"):
        read(HEADER, other)


def test_parquet_is_read_by_rows_with_its_moments_as_they_are():
    table = pl.DataFrame(
        {
            "id": [1, 2, 3],
            "when": [datetime(2026, 3, 1, 8, tzinfo=UTC)] * 3,
            "pulse": pl.Series([71.5, math.nan, None], dtype=pl.Float32),
            "sex": pl.Series(["0", "1", "1"], dtype=pl.Categorical),
            "note": [True, False, None],
            "nested": [[1], [2], [3]],
        }
    ).with_columns(pl.col("when").dt.convert_time_zone("Europe/Berlin"))
    buffer = BytesIO()
    table.write_parquet(buffer)

    part, batch = read(buffer.getvalue(), name="ward.parquet", timezone=None)

    assert part.unit == "row"
    assert told(batch) == [
        ("1", "BEDSIDE//sex", None, "female"),
        ("1", "LOINC//8867-4", 71.5, None),
        ("1", "WARD//note", None, "true"),
        ("2", "BEDSIDE//sex", None, "male"),
        ("2", "WARD//note", None, "false"),
        ("3", "BEDSIDE//sex", None, "male"),
    ]
    assert batch.dropped == {"pulse: not a finite number": 1}
    assert set(batch.facts["time"].drop_nulls()) == {datetime(2026, 3, 1, 8, tzinfo=UTC)}
    assert batch.records.rows() == [(0, 1, "1"), (1, 1, "2"), (2, 1, "3")]


def test_what_is_no_parquet_file_is_a_bad_record():
    _, batch = read(b"PAR1 nothing PAR1", name="ward.parquet")

    assert "Parquet" in batch.bad[0].reason


def an_excel_file(*rows: list[object]) -> bytes:
    buffer = BytesIO()
    book = xlsxwriter.Workbook(buffer, {"default_date_format": "yyyy-mm-dd hh:mm"})
    sheet = book.add_worksheet("first")
    for at, row in enumerate([["id", "when", "pulse", "sex", "note"], *rows]):
        for column, cell in enumerate(row):
            if isinstance(cell, date):
                sheet.write_datetime(at, column, cell)
            else:
                sheet.write(at, column, cell)
    book.add_worksheet("second").write(0, 0, "not read")
    book.close()
    return buffer.getvalue()


def test_the_first_sheet_of_an_excel_file_is_kept_and_read_as_csv():
    when = datetime(2026, 3, 1, 8, 30)  # noqa: DTZ001 - Excel knows no zones
    content = an_excel_file(
        ["p1", when, 71.25, 1, 'says "no", twice\nand again'], [1234567, when, "?", 0, None]
    )
    mapping = TableMapping(
        files="*.xlsx", subject="id", time=TableTime(column="when"), missing=("?",),
        columns={"pulse": PULSE, "sex": SEX, "note": NOTE},
    )  # fmt: skip

    part, batch = read(content, mapping, name="ward.xlsx")

    assert part.name == "ward.xlsx.csv"
    assert told(batch) == [
        ("1234567", "BEDSIDE//sex", None, "female"),
        ("p1", "BEDSIDE//sex", None, "male"),
        ("p1", "LOINC//8867-4", 71.25, None),
        ("p1", "WARD//note", None, 'says "no", twice\nand again'),
    ]
    assert set(batch.facts["time"].drop_nulls()) == {datetime(2026, 3, 1, 8, 30, tzinfo=UTC)}
    for offset, length, subject in batch.records.iter_rows():
        assert part.content[offset : offset + length].startswith(str(subject).encode())


def changed(content: bytes, member: str, old: bytes, new: bytes) -> bytes:
    """An Excel file with one of its members changed."""
    buffer = BytesIO()
    with zipfile.ZipFile(BytesIO(content)) as before, zipfile.ZipFile(buffer, "w", 8) as after:
        for name in before.namelist():
            text = before.read(name)
            assert name != member or old in text
            after.writestr(name, text.replace(old, new, 1) if name == member else text)
    return buffer.getvalue()


SHEET, TEXTS = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"


@pytest.mark.parametrize("bomb", ["far", "text", "entities", "rows", "xml"])
def test_a_sheet_that_would_eat_the_memory_is_told_and_not_opened(bomb, monkeypatch):
    content = an_excel_file(["p1", "2026-03-01", 71, 1, "a" * 1000])
    if bomb == "far":  # one cell at the end of the sheet, and all before it would be held
        content = changed(content, SHEET, b'<c r="A2"', b'<c r="XFD1048576"')
    elif bomb == "rows":
        content = changed(content, SHEET, b'<row r="2"', b'<row r="99999999"')
        content = changed(content, SHEET, b'<c r="A2"', b"<c")
    elif bomb == "text":  # one long text in many cells
        monkeypatch.setattr(table_sheet, "MOST_TEXT", 8_000)
        more = b'<c t="s"><v>7</v></c>' * 8
        content = changed(content, SHEET, b"</row></sheetData>", more + b"</row></sheetData>")
    elif bomb == "entities":
        content = changed(content, TEXTS, b"<sst ", b'<!DOCTYPE x [<!ENTITY a "b">]><sst ')
    else:
        monkeypatch.setattr(table_sheet, "MOST_XML", 1000)

    part, batch = read(content, name="ward.xlsx")

    assert part.name == "ward.xlsx"
    assert [one.reason for one in batch.bad] == [
        "The table is malformed: no sheet can be read, or it is too large; save it as .xlsx or CSV."
    ]


@pytest.mark.parametrize("name", ["a.xls", "a.xlsb", "a.ods", "a.xlsx"])
def test_another_kind_of_workbook_is_told(name):
    _, batch = read(b"\xd0\xcf\x11\xe0" + bytes(600), name=name)

    assert "no sheet can be read" in batch.bad[0].reason


def test_the_public_arff_file_is_read_with_every_row_in_its_place():
    folder = data_folder("uci-chronic-kidney-disease")
    declared = Path("src/bedside/usecases/sources/chronic_kidney_disease.yaml")
    source = read_collection((Path(__file__).parents[4] / declared).read_bytes())
    (path,) = folder.glob("*.arff")
    header, _, body = path.read_text().partition("@data\n")
    names = [line.split("'")[1] for line in header.splitlines() if line.startswith("@attribute")]
    rows = [
        dict(zip(names, (cell.strip() for cell in line.split(",")), strict=True))
        for line in body.splitlines()
        if line.strip() and not line.startswith("%")
    ]

    with SourceFiles(folder, source.files) as files:
        (part,) = [READER.prepare(part) for part in files.parts(READER.split)]
    batch = READER.collect(part, source, lambda _: None)

    assert batch.rows_in == {"*.arff": len(rows)} == {"*.arff": 400}
    assert batch.bad == ()
    assert batch.dropped == {}
    columns = source.tables[0].columns
    expected = Counter(
        (f"{path.stem} {number}", columns[name].code)
        for number, row in enumerate(rows, 1)
        for name, cell in row.items()
        if cell != "?"
    )
    assert Counter(batch.facts.select("subject", "code").rows()) == expected
    creatinine = batch.facts.filter(pl.col("code") == "LOINC//2160-0")["value"].sum()
    assert creatinine == pytest.approx(sum(float(row["sc"]) for row in rows if row["sc"] != "?"))
    for (offset, length, _), line in zip(
        batch.records.iter_rows(), [one for one in body.splitlines() if one.strip()], strict=True
    ):
        assert part.content[offset : offset + length].decode().rstrip("\r\n") == line


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"@relation r\n@attribute a numeric\n1\n", "it has no line @data"),
        (b"@attribute a numeric\n@attribute a numeric\n@data\n1,2\n", "no attribute, or one twice"),
        (b"@attribute a numeric\n@data\n{0 1}\n", "its rows are sparse"),
        (b"@attribute \xff numeric\n@data\n1\n", "it is not written in UTF-8"),
        (b"@attribute 'a\n@data\n1\n", "attribute 1 cannot be read"),
    ],
)
def test_an_arff_file_that_cannot_be_read_is_told(content, why):
    _, batch = read(content, name="a.arff")

    assert why in batch.bad[0].reason


def test_arff_rows_may_be_quoted_and_have_comments_between_them():
    mapping = TableMapping(
        files="*", subject="id", time=TableTime(column="when"), missing=("?",),
        columns={"a pulse": PULSE, "note": NOTE},
    )  # fmt: skip
    text = (
        "% a comment\n@relation r\n@ATTRIBUTE id string\n@attribute when date\n"
        "@attribute 'a pulse' real\n@attribute \"note\" string\n@DATA\n"
        "p1,2026-03-01T08:00, 71 ,'one, two'\n% another\n\np2,2026-03-01T09:00,?,three\n"
    )

    part, batch = read(text, mapping, name="a.arff")

    assert told(batch) == [
        ("p1", "LOINC//8867-4", 71.0, None),
        ("p1", "WARD//note", None, "one, two"),
        ("p2", "WARD//note", None, "three"),
    ]
    assert [part.content[a : a + n][:2] for a, n, _ in batch.records.iter_rows()] == [b"p1", b"p2"]


PLANTED = "Xanadu"
noise = st.one_of(
    st.binary(max_size=200),
    st.text(alphabet="@dat{}'\"\n\r,|%?\\ -1x", max_size=120).map(str.encode),
)


@given(noise, st.sampled_from([".csv", ".psv", ".tsv", ".txt", ".arff", ".parquet", ".xlsx"]),
       st.booleans(), st.integers(0, 400))  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_no_bytes_break_a_reader_and_no_error_repeats_a_value(content, suffix, is_near, at):
    if is_near:
        content = near(suffix, content, at)
    mapping = TableMapping(
        files="*", subject="id", time=TableTime(column="when"), key=("id", "when"),
        columns={"pulse": PULSE, "note": NOTE},
    )  # fmt: skip

    try:
        part, batch = read(content, mapping, name=f"a{suffix}")
    except BedsideError as error:
        refusals = [str(error)]
    else:
        refusals = [one.reason for one in batch.bad]
        assert batch.facts["value"].drop_nulls().is_finite().all()
        assert all(0 <= one.offset <= one.offset + one.length <= len(part.content)
                   for one in batch.bad)  # fmt: skip
        refusals += [*batch.dropped, *batch.codes_unknown]

    assert not any(PLANTED in one for one in refusals)


def near(suffix: str, hole: bytes, at: int) -> bytes:
    """A real file with a hole torn into it."""
    row = [PLANTED, "2026-03-01T08:00", "71", PLANTED]
    if suffix == ".parquet":
        buffer = BytesIO()
        pl.DataFrame([row] * 3, schema=["id", "when", "pulse", "note"], orient="row").write_parquet(
            buffer, compression="uncompressed"
        )
        content = buffer.getvalue()
    elif suffix == ".xlsx":
        content = an_excel_file([PLANTED, 1.5, 71, 1, PLANTED])
    else:
        mark = {".psv": "|", ".tsv": "\t"}.get(suffix, ",")
        head = "@attribute id string\n@attribute when date\n@attribute pulse real\n" + (
            "@attribute note string\n@data\n"
        )
        first = head if suffix == ".arff" else mark.join(["id", "when", "pulse", "note"]) + "\n"
        content = (first + (mark.join(row) + "\n") * 3).encode()
    return content[:at] + hole[:12] + content[at + len(hole[:12]) :]


def test_a_parquet_file_whose_footer_lies_is_told():
    buffer = BytesIO()
    pl.DataFrame({"id": ["p1"], "when": ["2026-03-01"]}).write_parquet(buffer)
    content = bytearray(buffer.getvalue())
    struct.pack_into("<I", content, len(content) - 8, 2**31)

    _, batch = read(bytes(content), name="a.parquet")

    assert "Parquet" in batch.bad[0].reason

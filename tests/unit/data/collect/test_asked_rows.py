"""A stranger's table of questions: read as the wire reads a request, or refused without a value."""

from datetime import UTC, datetime
from io import BytesIO

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.errors import BedsideError, Invalid, NotFound
from bedside.data.collect.asked_rows import asked_blocks, told_of
from served import a_declaration

WARD = a_declaration()
A_VALUE = "4711.25"
HEADER = "lactate,heart_rate,sex,subject,as_of\n"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def blocks_of(path, rows=1000):
    return list(asked_blocks(path, WARD, rows, len))


@pytest.fixture
def read(tmp_path):
    def of(content, name="asked.csv", rows=1000):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return blocks_of(path, rows)

    return of


def parquet(frame):
    buffer = BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def test_a_row_is_numbers_labels_a_pseudonym_and_a_time(read):
    (block,) = read(HEADER + "4.2,101,Female,abc,2026-03-01T13:00:00+01:00\n,88.5,1,,\n")

    assert block["row"].to_list() == [1, 2]
    assert block["subject_id"].to_list() == [3, None]
    assert block["as_of"].to_list() == [NOON, None]
    told = told_of(block, WARD, NOON)
    assert [column.name for column in told.columns] == ["lactate", "heart_rate", "sex"]
    assert [column.code for column in told.columns] == [
        WARD.signals[name].code for name in ("lactate", "heart_rate", "sex")
    ]
    assert told.columns[2].labels == ("female", "male")
    assert told.columns[2].is_static
    np.testing.assert_array_equal(told.values[0], [4.2, np.nan])
    np.testing.assert_array_equal(told.values[2], [0.0, 1.0])


def test_a_text_that_is_no_category_is_told_apart_from_what_is_left_out(read):
    (block,) = read(f"lactate,sex\n1,male\n1,{A_VALUE}\n1,\n")

    told = told_of(block, WARD, NOON)
    np.testing.assert_array_equal(told.values[1], [1.0, len(told.columns[1].labels), np.nan])


def test_an_empty_line_is_a_row_in_which_everything_is_left_out(read):
    (block,) = read("lactate,heart_rate\n1,2\n\n3,4\n")

    assert block["row"].to_list() == [1, 2, 3]
    assert block["input.lactate"].is_nan().to_list() == [False, True, False]


def test_a_parquet_file_says_the_same_as_a_csv_file(read):
    text = HEADER + "4.2,101,female,7,2026-03-01T12:00:00Z\n1e-3,,male,12,\n"
    frame = pl.DataFrame(
        {
            "lactate": pl.Series([4.2, 1e-3], dtype=pl.Float64),
            "heart_rate": pl.Series([101, None], dtype=pl.Int16),
            "sex": pl.Series(["female", "male"], dtype=pl.Categorical),
            "subject": [7, 12],
            "as_of": pl.Series([NOON, None], dtype=pl.Datetime("ns", "UTC")),
        }
    )

    (one,), (other,) = read(text), read(parquet(frame), "asked.parquet")

    assert one.equals(other)


@pytest.mark.parametrize("name", ["asked.csv", "asked.parquet"])
def test_blocks_have_the_rows_that_are_asked_for_and_say_where_they_stood(read, name):
    frame = pl.DataFrame({"lactate": np.arange(25) / 2})
    content = parquet(frame) if name.endswith("parquet") else frame.write_csv().encode()

    blocks = read(content, name, rows=10)

    assert [one.height for one in blocks] == [10, 10, 5]
    whole = pl.concat(blocks)
    assert whole["row"].to_list() == list(range(1, 26))
    assert whole["input.lactate"].to_list() == frame["lactate"].to_list()


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ("lactate,lactate\n1,2\n", "Columns 1 and 2"),
        (f"lactate,{A_VALUE}\n1,2\n", "Column 2 of"),
        (f"lactate,heart_rate\n1,2\n3,{A_VALUE}x\n", "'heart_rate', row 2,"),
        ("lactate\n1\ninf\n", "'lactate', row 2, is not a finite"),
        ("lactate\nNaN\n", "'lactate', row 1, is not a finite"),
        (f"lactate,as_of\n1,{A_VALUE}\n", "'as_of', row 1, is not a time"),
        ("lactate,as_of\n1,2026-03-01\n", "'as_of', row 1, is a date without"),
        (f"lactate,pseudonym\n1,{A_VALUE}\n", "'pseudonym', row 1, is no pseudonym"),
        ("lactate,pseudonym\n1,-4\n", "'pseudonym', row 1, is no pseudonym"),
        ("lactate,pseudonym,subject\n1,4,x\n", "stands beside a subject"),
        ("subject\nx\n", "no input of this model"),
        ("lactate,icu\n1,true\n", "'icu' needs the time"),
        (f"lactate,heart_rate\n1,2\n1,2,{A_VALUE}\n", "Line 3 of"),
        (f"lactate,heart_rate\n1,2\n{A_VALUE}\n", "Line 3 of"),
        ("", "no row under a line of names"),
        ("lactate", "no row under a line of names"),
        (b"\xff\xfe\x00", "malformed"),
        (b"lactate,sex\n1,\xff\n", "malformed"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place_and_without_its_value(read, content, where):
    with pytest.raises(Invalid) as refused:
        read(content)

    assert where in str(refused.value)
    assert A_VALUE not in str(refused.value)


@pytest.mark.parametrize(
    ("columns", "where"),
    [
        ({"lactate": [A_VALUE]}, "'lactate' holds no numbers"),
        ({"lactate": [True]}, "'lactate' holds no numbers"),
        ({"lactate": [[1.0]]}, "'lactate' holds no numbers"),
        ({"lactate": [None, float("nan")]}, "'lactate', row 2, is not a finite"),
        ({"lactate": [1.0], "sex": [1]}, "'sex' holds no text"),
        ({"lactate": [1.0], "as_of": [datetime(2026, 3, 1)]}, "times without a zone"),  # noqa: DTZ001
        ({"lactate": [1.0], "as_of": [NOON.replace(year=1700)]}, "outside 1850 to 2200"),
        ({"lactate": [1.0], "subject": [4.5]}, "'subject' holds no text"),
        ({"lactate": [1.0], "pseudonym": ["7"]}, "holds no whole numbers"),
    ],
)
def test_a_column_of_another_type_is_refused(read, columns, where):
    with pytest.raises(Invalid) as refused:
        read(parquet(pl.DataFrame(columns)), "asked.parquet")

    assert where in str(refused.value)
    assert A_VALUE not in str(refused.value)


def test_only_a_file_of_these_two_kinds_is_opened(tmp_path):
    with pytest.raises(NotFound):
        blocks_of(tmp_path / "nothing.csv")
    with pytest.raises(NotFound):
        blocks_of(tmp_path / "*.parquet")
    (tmp_path / "asked.xlsx").write_bytes(b"")
    with pytest.raises(Invalid, match="neither"):
        blocks_of(tmp_path / "asked.xlsx")


def test_a_long_text_that_a_small_file_repeats_is_not_unpacked(read):
    rows = 60_000
    names = pa.DictionaryArray.from_arrays(pa.nulls(rows, pa.int8()).fill_null(0), ["x" * 40_000])
    buffer = BytesIO()
    pq.write_table(pa.table({"lactate": np.ones(rows), "subject": names}), buffer)
    content = buffer.getvalue()
    assert len(content) < 1_000_000

    (block,) = read(content, "asked.parquet", rows=100_000)

    assert block["subject_id"].unique().to_list() == [40_000]


VALID = parquet(pl.DataFrame({"lactate": [1.0, 2.0], "sex": ["female", None]}))


@given(
    content=st.one_of(
        st.binary(max_size=200).map(lambda more: ("x.csv", more)),
        st.text(alphabet='01.9ex,"\n\r -NaT:Z', max_size=80).map(
            lambda more: ("x.csv", (HEADER + more).encode())
        ),
        st.binary(max_size=60).map(lambda more: ("x.parquet", b"PAR1" + more + b"PAR1")),
        st.tuples(st.integers(0, len(VALID) - 1), st.integers(0, 255)).map(
            lambda at: ("x.parquet", VALID[: at[0]] + bytes([at[1]]) + VALID[at[0] + 1 :])
        ),
        st.integers(0, len(VALID)).map(lambda at: ("x.parquet", VALID[:at])),
    )
)
@settings(max_examples=150, deadline=None)
def test_whatever_bytes_come_there_are_rows_or_an_error_of_ours(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / content[0]
    path.write_bytes(content[1])

    try:
        blocks = blocks_of(path)
    except BedsideError:
        return

    for block in blocks:
        told = told_of(block, WARD, NOON)
        assert all(not np.isinf(values).any() for values in told.values)

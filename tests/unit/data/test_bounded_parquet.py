"""Parquet files of strangers: small ones that hold far more than they seem to, and odd columns."""

from datetime import UTC, datetime
from io import BytesIO

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bedside.data.collect.formats import bounded_parquet
from bedside.data.collect.formats.bounded_parquet import Unreadable, read_parquet


def a_file(table: pa.Table) -> bytes:
    buffer = BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def test_a_text_that_is_repeated_beyond_all_bounds_is_refused_at_once() -> None:
    rows = 100_000
    codes = pa.DictionaryArray.from_arrays(pa.nulls(rows, pa.int8()).fill_null(0), ["x" * 50_000])

    content = a_file(pa.table({"code": codes}))

    assert len(content) < 10_000
    with pytest.raises(Unreadable, match="more than 1 GiB of text"):
        read_parquet(content)


def test_more_cells_than_memory_bears_are_refused_before_they_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bounded_parquet, "MOST_CELLS", 100)

    with pytest.raises(Unreadable, match="more than 100 cells"):
        read_parquet(a_file(pa.table({"a": range(60), "b": range(60)})))


def test_categories_come_as_text_and_lists_are_left_out() -> None:
    nine = datetime(2026, 3, 2, 9, tzinfo=UTC)
    frame = pl.DataFrame(
        {"code": ["a", "b", "a"], "time": [nine] * 3, "note": [["x"]] * 3, "other": [1, 2, 3]},
        schema_overrides={"code": pl.Categorical},
    )
    buffer = BytesIO()
    frame.write_parquet(buffer)

    read, others = read_parquet(buffer.getvalue(), lambda name: name != "other")

    assert read.schema == {"code": pl.String, "time": pl.Datetime("us", "UTC")}
    assert read["code"].to_list() == ["a", "b", "a"]
    assert read["time"].to_list() == [nine] * 3
    assert others == ("note", "other")


def test_a_file_with_nothing_that_is_wanted_is_told() -> None:
    with pytest.raises(Unreadable, match="none of the columns"):
        read_parquet(a_file(pa.table({"a": [1]})), lambda name: name == "b")

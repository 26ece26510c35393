"""Raw files: where each record lies, and the file without some of them."""

import gzip
from io import BytesIO

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.core.errors import Invalid
from bedside.data.collect.reading import ROW, kept_file, read_file, received, record_starts

CSV = b'case,note\r\n01,"fever,\n then none"\r\n02,well\r\n03,"a ""quoted"" word"\n'


def test_the_offset_of_a_csv_record_is_its_first_byte():
    file = received(CSV, name="ward.csv", subject="case")

    lines = [CSV[offset:].split(b",")[0] for offset in file.offsets]

    assert lines == [b"01", b"02", b"03"]
    assert file.file.unit == "byte"


def test_the_offset_of_a_parquet_record_is_its_row():
    buffer = BytesIO()
    pl.DataFrame({"case": ["a", "b"]}).write_parquet(buffer)

    file = received(buffer.getvalue(), name="ward.parquet", subject="case")

    assert file.offsets.to_list() == [0, 1]
    assert file.file.unit == "row"


def test_a_csv_without_some_records_keeps_every_other_byte():
    file = received(CSV, name="ward.csv", subject="case")

    left = file.without(file.table["case"] == 2)

    assert left.content == CSV.replace(b"02,well\r\n", b"")
    assert left.offsets.to_list() == [file.offsets[0], file.offsets[2]]
    assert left.file.gone == ((file.offsets[1], len(b"02,well\r\n")),)
    for offset, now in zip(left.offsets, record_starts(left.content)[1:], strict=True):
        assert left.file.place(offset) == now


cells = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=5)


@given(
    st.lists(st.tuples(st.integers(1, 5), cells), min_size=1, max_size=8),
    st.lists(st.integers(1, 5), max_size=3),
    st.sampled_from(["ward.csv", "ward.parquet"]),
)
def test_cutting_subjects_out_one_after_another_never_moves_the_others(rows, gone, name):
    table = pl.DataFrame(
        {"case": [f"c{who}" for who, _ in rows], "note": [f"x{text}" for _, text in rows]}
    )
    buffer = BytesIO()
    if name.endswith("csv"):
        table.write_csv(buffer, quote_style="non_numeric")
    else:
        table.write_parquet(buffer)
    first = file = received(buffer.getvalue(), name=name, subject="case")

    for who in gone:
        cut = file.without(file.table["case"] == f"c{who}")
        file = kept_file(cut.content, cut.file)

    kept = [who not in gone for who, _ in rows]
    assert file.table.equals(table.filter(kept))
    assert file.offsets.to_list() == first.offsets.filter(pl.Series(kept)).to_list()
    for place, offset in enumerate(file.offsets):
        now = record_starts(file.content)[place + 1] if name.endswith("csv") else place
        assert file.file.place(offset) == now


ARFF = b"""% of a ward
@relation ward
@attribute 'heart rate' numeric
@attribute fate {alive,'left early'}
@data
80,alive
% the next is missing
?,'left early'
91.5,?
"""


def test_an_arff_file_is_a_table_whose_question_marks_are_missing():
    file = received(ARFF, name="ward.arff", subject=ROW)

    assert file.table.to_dict(as_series=False) == {
        "heart rate": [80.0, None, 91.5],
        "fate": ["alive", "left early", None],
        "_row": ["ward.arff#1", "ward.arff#2", "ward.arff#3"],
    }
    assert [ARFF[offset : offset + 2] for offset in file.offsets] == [b"80", b"?,", b"91"]


@pytest.mark.parametrize("content", [ARFF, b"rate,fate\n80,alive\n,left\n91.5,\n"])
def test_a_row_keeps_its_number_when_rows_before_it_are_cut_out(content):
    file = received(content, name="ward.arff" if content is ARFF else "ward.csv", subject=ROW)

    for number in (1, 2):
        cut = file.without(file.table["_row"].str.ends_with(f"#{number}"))
        file = kept_file(cut.content, cut.file)
        assert file.table.equals(cut.table)

    assert file.table["_row"].to_list() == [f"{file.file.name}#3"]
    assert file.table.to_series(0).to_list() == [91.5]


@pytest.mark.parametrize(("name", "plain"), [("ward.csv.gz", CSV), ("ward.arff.gz", ARFF)])
def test_a_gzipped_table_is_kept_as_what_it_holds(tmp_path, name, plain):
    (tmp_path / name).write_bytes(gzip.compress(plain))

    file = read_file(tmp_path / name, subject=ROW)

    assert (file.content, file.file.name) == (plain, name.removesuffix(".gz"))
    assert file.table.height == 3


def test_a_gzipped_table_that_is_cut_short_is_refused(tmp_path):
    (tmp_path / "ward.csv.gz").write_bytes(gzip.compress(CSV)[:-9])

    with pytest.raises(Invalid, match="it is damaged or cut"):
        read_file(tmp_path / "ward.csv.gz", subject=ROW)


@pytest.mark.parametrize("content", [b"", b"\x00\x01", b'case\n"open'])
def test_bytes_that_are_no_table_are_refused_without_repeating_them(content):
    with pytest.raises(Invalid) as error:
        received(content + b"SECRET", name="ward.parquet", subject="case")

    assert "SECRET" not in str(error.value)


@given(st.binary(max_size=200), st.sampled_from(["a.csv", "a.parquet", "a.arff"]))
def test_strangers_bytes_give_a_table_or_a_clear_error(content, name):
    try:
        file = received(content, name=name, subject="case")
    except Invalid:
        return

    assert len(file.offsets) == file.table.height

"""Records cut out of a part that was kept, one subject after another: what is left stays found."""

from io import BytesIO

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.ids import digest_bytes
from bedside.core.records.snapshot import RawFile
from bedside.data.collect.kept import INDEX_SCHEMA, KeptPart, index_bytes


def a_part(content: bytes, index: pl.DataFrame, unit: str) -> KeptPart:
    file = RawFile(
        digest=digest_bytes(content),
        name="a",
        unit=unit,
        rows=index.height,
        subject="",
        index=digest_bytes(index_bytes(index)),
    )
    return KeptPart.of(content, file, index_bytes(index))


def an_index(rows: list[tuple[int, int, int]]) -> pl.DataFrame:
    told = [(offset, length, subject, None) for offset, length, subject in rows]
    return pl.DataFrame(told, schema=INDEX_SCHEMA, orient="row")


@st.composite
def records(draw) -> list[tuple[int, int, int]]:
    """Runs of a part with their subject; some lie inside others, as resources lie in a bundle."""
    at, rows = draw(st.integers(0, 3)), []
    for _ in range(draw(st.integers(0, 10))):
        length, subject = draw(st.integers(1, 6)), draw(st.integers(1, 3))
        rows.append((at, length, subject))
        if draw(st.integers(0, 3)) == 0:
            rows.append((at + length // 2, length - length // 2, draw(st.integers(1, 3))))
        at += length + draw(st.integers(0, 2))
    return rows


@given(
    records(),
    st.permutations([1, 2, 3]).map(lambda one: one[:2]),
    st.binary(min_size=99, max_size=99),
)
@settings(max_examples=200, deadline=None)
def test_whatever_is_erased_in_whatever_order_the_rest_is_whole_and_found(rows, erased, content):
    part = a_part(content, an_index(rows), "byte")

    for subject in erased:
        part = part.without(part.index["subject_id"] == subject)

    gone = {
        at for offset, length, subject in rows if subject in erased
        for at in range(offset, offset + length)
    }  # fmt: skip
    assert part.content == bytes(b for at, b in enumerate(content) if at not in gone)
    assert part.file.digest == digest_bytes(part.content)
    assert part.file.rows == part.index.height
    assert sorted(part.index["subject_id"].to_list()) == sorted(
        subject for _, _, subject in rows if subject not in erased
    )
    for offset, length, _, _ in part.index.iter_rows():
        if not gone.intersection(range(offset, offset + length)):
            place = part.file.place(offset)
            assert part.content[place : place + length] == content[offset : offset + length]
            assert part.file.as_received(place) == offset


@given(st.lists(st.integers(1, 3), min_size=1, max_size=12), st.permutations([1, 2, 3]))
@settings(max_examples=50, deadline=None)
def test_rows_are_cut_out_of_a_columnar_part_and_the_others_keep_their_numbers(subjects, order):
    buffer = BytesIO()
    pl.DataFrame({"row": range(len(subjects))}).write_parquet(buffer)
    index = an_index([(at, 1, subject) for at, subject in enumerate(subjects)])
    part = a_part(buffer.getvalue(), index, "row")

    for subject in order[:2]:
        part = part.without(part.index["subject_id"] == subject)

    left = [at for at, subject in enumerate(subjects) if subject == order[2]]
    table = pl.read_parquet(BytesIO(part.content))
    assert table["row"].to_list() == left
    assert [part.file.place(offset) for offset in part.index["offset"]] == list(range(len(left)))

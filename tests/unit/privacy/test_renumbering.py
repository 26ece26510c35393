"""The counts from which new numbers follow, against counting row by row."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from bedside.privacy.renumbering import BEYOND, Ordinals, at_rows

ROWS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["a", "b", "c", None])), max_size=40)


def _one_by_one(rows: list[tuple[int, str | None]]) -> dict[tuple[int, str | None], int]:
    counts: dict[tuple[int, str | None], int] = {}
    for subject, thing in rows:
        of_subject = sum(1 for other, _ in counts if other == subject)
        counts.setdefault((subject, thing), of_subject)
    return counts


@given(ROWS)
def test_things_are_counted_within_each_subject_in_the_order_in_which_they_come(rows):
    told = sorted(rows, key=lambda row: row[0])
    subject = pl.Series([one for one, _ in told], dtype=pl.Int64)
    thing = pl.Series([one for _, one in told], dtype=pl.String)
    counted, expected = Ordinals.counted(subject, thing), _one_by_one(told)
    by_row = pl.Series(counted.ordinals, dtype=pl.Int64).gather(counted.runs)
    assert by_row.to_list() == [expected[row] for row in told]
    assert counted.of(subject, thing).tolist() == by_row.to_list()


def test_what_no_row_tells_of_is_numbered_beyond_all():
    counted = Ordinals.counted(pl.Series([1, 1]), pl.Series(["a", "b"]))
    unknown = counted.of(pl.Series([1, 1, 1]), pl.Series(["x", "b", "y"])).tolist()
    assert unknown[1] == 1
    assert min(unknown[0], unknown[2]) >= BEYOND
    assert unknown[0] != unknown[2]


def test_values_stand_at_the_rows_that_are_true_and_nowhere_else():
    rows = pl.Series([False, True, False, True])
    assert at_rows(pl.Series([b"x", b"y"]), rows).to_list() == [None, b"x", None, b"y"]

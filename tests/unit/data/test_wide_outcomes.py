"""Outcomes of a wide table: whether, when, which and how much."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from bedside.core.errors import Invalid
from bedside.core.records.declaration import Clock, Signal, Source
from bedside.data.collect.table import collect_table
from served import a_declaration

ORIGIN = datetime(2000, 1, 1, tzinfo=UTC)
WARD = pl.DataFrame(
    {
        "case": ["a", "b", "c"],
        "fate": ["dead", "alive", "relapsed"],
        "status": [1.0, 0.0, 2.0],
        "months": [2.0, 12.0, 0.5],
        "grade": [0.0, 3.0, None],
    }
)


def an_outcome(**changes):
    parts = {"label": "fate", "code": "OUTCOME//fate", "visible_after": "0 min", "role": "outcome"}
    return Signal(**parts | changes)


def happened(signal, ward=WARD):
    """Days after the origin, text and value of each event of the outcome, by time."""
    data = Source(
        file="ward.csv",
        subject="case",
        licence="none",
        release_mode="identified",
        clock=Clock(origin="2000-01-01T00:00:00Z"),
        row_event="VISIT//v",
    )
    events, _ = collect_table(ward, a_declaration(data=data, signals={"fate": signal}))
    fates = events.filter(pl.col("code").cast(pl.String) == "OUTCOME//fate").sort("time")
    return [
        ((time - ORIGIN) / timedelta(days=1), text, value)
        for time, text, value in fates.select("time", "text", "value").iter_rows()
    ]


def test_an_outcome_happens_as_long_after_the_row_as_a_column_says_in_its_unit():
    months = {"happens_after_column": "months", "happens_after_unit": "month"}

    assert happened(an_outcome(column="status", **months)) == [(60.875, None, None)]
    assert happened(an_outcome(column="status", equals="2", **months)) == [(15.21875, None, None)]
    assert happened(an_outcome(column="fate", equals="dead", happens_after_column="months")) == [
        (2.0, None, None)
    ]


def test_the_end_of_follow_up_happens_to_everyone():
    end = an_outcome(happens_after_column="months", happens_after_unit="year")

    assert happened(end) == [(182.625, None, None), (730.5, None, None), (4383.0, None, None)]


def test_an_outcome_with_categories_or_a_unit_says_what_it_is_in_each_row_that_says_it():
    grades = an_outcome(column="grade", categories={"0": "none", "3": "severe"})
    scores = an_outcome(column="grade", unit="{score}", happens_after="1 d")

    assert sorted(happened(grades)) == [(0.0, "none", None), (0.0, "severe", None)]
    assert sorted(happened(scores)) == [(1.0, None, 0.0), (1.0, None, 3.0)]


@pytest.mark.parametrize("months", [None, -1.0, float("nan")])
def test_an_outcome_that_does_not_say_when_is_refused_without_a_value(months):
    ward = WARD.with_columns(pl.Series("months", [months, 12.0, 0.5]))

    with pytest.raises(Invalid, match="does not say in every row how long after") as error:
        happened(an_outcome(column="status", happens_after_column="months"), ward)

    assert "-1" not in str(error.value)


def test_a_text_that_marks_an_outcome_must_be_named():
    with pytest.raises(Invalid, match="is not 0 or 1"):
        happened(an_outcome(column="fate"))


def test_a_table_whose_labels_have_not_come_has_no_outcome():
    unlabelled = WARD.drop("months")

    assert happened(an_outcome(column="status", happens_after_column="months"), unlabelled) == []

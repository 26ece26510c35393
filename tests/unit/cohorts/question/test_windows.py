"""Windows of a question: plain ACES."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.cohorts.question import ask
from bedside.core.errors import Invalid
from bedside.core.records.question import Predicate, Question, Window

ORIGIN = datetime(2026, 1, 1, tzinfo=UTC)
TIME = pl.Datetime("us", "UTC")


def question(start, end, **kwargs):
    return Question(
        ask="?",
        predicates={"t": Predicate(code="T//t"), "o": Predicate(code="O//o")},
        trigger="t",
        windows={"target": Window(start=start, end=end, label="o", **kwargs)},
    )


def events(rows):
    made = [(s, ORIGIN + timedelta(hours=h), ORIGIN + timedelta(hours=h), c) for s, h, c in rows]
    schema = {"subject_id": pl.Int64, "time": TIME, "known_at": TIME, "code": pl.String}
    return pl.DataFrame(made, schema=schema, orient="row")


@given(
    st.lists(
        st.tuples(st.integers(1, 4), st.integers(0, 20), st.sampled_from(["T//t", "O//o"])),
        min_size=1,
        max_size=30,
    ),
    st.integers(-6, 3),
    st.integers(0, 9),
    st.booleans(),
    st.booleans(),
)
@settings(deadline=None)
def test_labels_are_what_a_slow_reading_says(rows, start, length, opens, closes):
    end = start + length
    asked_for = question(
        f"trigger {'+' if start >= 0 else '-'} {abs(start)}h",
        f"trigger {'+' if end >= 0 else '-'} {abs(end)}h",
        start_inclusive=opens,
        end_inclusive=closes,
    )
    triggers = sorted({(s, h) for s, h, c in rows if c == "T//t"})
    if not triggers:
        with pytest.raises(Invalid, match="No subject"):
            ask(asked_for, events(rows))
        return

    found = ask(asked_for, events(rows), data_end=ORIGIN + timedelta(days=9)).rows

    def inside(hour, trigger):
        low, high = trigger + start, trigger + end
        return (low <= hour if opens else low < hour) and (hour <= high if closes else hour < high)

    slow = [
        int(any(s2 == s and c == "O//o" and inside(h2, h) for s2, h2, c in rows))
        for s, h in triggers
    ]
    assert found["label"].to_list() == slow

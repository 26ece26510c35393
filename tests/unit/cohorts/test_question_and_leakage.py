"""The question against a slow evaluator, and leaks that must be found."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.cohorts.leakage import audit_features, audit_splits, audit_visibility
from bedside.cohorts.question import ask
from bedside.cohorts.splits import assign
from bedside.core.errors import Invalid
from bedside.core.records.question import Predicate, Question, Window
from bedside.core.records.split import Split

ORIGIN = datetime(2026, 1, 1, tzinfo=UTC)
SCHEMA = {"subject_id": pl.Int64, "time": pl.Datetime("us", "UTC"), "code": pl.String}


def question(start, end, **kwargs):
    return Question(
        ask="?",
        predicates={"t": Predicate(code="T//t"), "o": Predicate(code="O//o")},
        trigger="t",
        windows={"target": Window(start=start, end=end, label="o", **kwargs)},
    )


def events(rows):
    made = [(s, ORIGIN + timedelta(hours=h), c) for s, h, c in rows]
    return pl.DataFrame(made, schema=SCHEMA, orient="row")


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

    found = ask(asked_for, events(rows))

    def inside(hour, trigger):
        low, high = trigger + start, trigger + end
        return (low <= hour if opens else low < hour) and (hour <= high if closes else hour < high)

    slow = [
        int(any(s2 == s and c == "O//o" and inside(h2, h) for s2, h2, c in rows))
        for s, h in triggers
    ]
    assert found["label"].to_list() == slow


def test_new_subjects_do_not_move_old_ones():
    asked = pl.DataFrame({"subject_id": range(400), "label": [0, 1] * 200})
    more = pl.DataFrame({"subject_id": range(800), "label": [0, 1] * 400})

    before = assign(asked, Split())

    after = assign(more, Split()).head(400)
    assert before["side"].to_list() == after["side"].to_list()
    assert audit_splits(before) == []


def test_an_empty_class_is_refused():
    asked = pl.DataFrame({"subject_id": range(100), "label": [0] * 100})

    with pytest.raises(Invalid, match="no positive case"):
        assign(asked, Split())


@pytest.mark.parametrize("shift", [-1, 0, 1, 2])
def test_a_label_moved_by_an_hour_is_found(shift):
    generator = np.random.default_rng(5)
    stays = [
        np.r_[np.zeros(30, int), np.ones(10 if ill else 0, int)]
        for ill in generator.random(400) < 0.1
    ]
    label = np.concatenate(stays)
    leak = np.concatenate(
        [
            np.r_[stay[-shift:], np.repeat(stay[-1], -shift)]
            if shift < 0
            else np.r_[np.zeros(shift, int), stay[: len(stay) - shift]]
            for stay in stays
        ]
    ).astype(float)
    honest = label * 0.5 + generator.normal(size=len(label))

    found = audit_features(np.column_stack([honest, leak]), label, ["honest", "leak"])

    assert [finding.name for finding in found] == ["strong_alone:leak"]


def test_a_feature_that_sees_the_future_is_found_and_an_honest_one_is_not():
    rows = events([(1, h, "T//t") for h in range(5)]).with_columns(known_at=pl.col("time"))
    asked = rows.select("subject_id", pl.col("time").alias("prediction_time"))

    def count_seen(seen, one):
        return np.full((one.height, 1), float(seen.height))

    honest = np.arange(1.0, 6.0)[:, None]
    cheat = np.full((5, 1), 5.0)

    assert audit_visibility(rows, asked, honest, ["n"], count_seen) == []
    assert audit_visibility(rows, asked, cheat, ["n"], count_seen)[0].kind == "visibility"

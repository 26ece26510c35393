"""The whole audit: silent on a clean ward, the same in any order, and what suspects are worth."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.cohorts.leakage import AuditInputs
from bedside.core.errors import Invalid
from planted_leaks import DIAGNOSES, LABORATORY, a_ward, facts, plain

ALERT = "ALERT//team"


@pytest.mark.parametrize("seed", range(8))
def test_nothing_is_found_on_a_ward_without_leaks(seed):
    report = a_ward(seed).audited()

    assert report.findings == ()
    assert report.scores == ()
    assert all(one.number for one in report.checked)
    assert len({one.detector for one in report.checked}) == 11


def leaking():
    """A ward with several leaks at once."""
    ward = a_ward(9, subjects=100).with_signal("alert", ALERT)
    told = [
        (row["subject_id"], row["encounter_id"], row["worse"], row["worse"], None)
        for row in ward.stays.iter_rows(named=True)
        if row["worse"] is not None
    ]
    ward = ward.has(facts(told, ALERT))
    side = pl.when(pl.col("encounter_id") == 10).then(pl.lit("tuning")).otherwise("side")
    return replace(
        ward,
        asked=ward.asked.with_columns(side=side),
        events=ward.events.with_columns(
            known_at=pl.when(pl.col("code") == LABORATORY[0]).then("time").otherwise("known_at")
        ),
    )


LEAKING = leaking()
FOUND = LEAKING.audited()


@given(seed=st.integers(0, 2**32 - 1), shards=st.integers(1, 6))
@settings(deadline=None, max_examples=6)
def test_the_order_of_rows_and_the_numbers_of_subjects_do_not_change_what_is_found(seed, shards):
    generator = np.random.default_rng(seed)
    old = LEAKING.events["subject_id"].unique().sort()
    new = dict(zip(old, generator.permutation(10**6)[: len(old)].tolist(), strict=True))
    renamed = pl.col("subject_id").replace_strict(new, return_dtype=pl.Int64)
    events, asked = LEAKING.events, LEAKING.asked
    shuffled = replace(
        LEAKING,
        events=events[generator.permutation(events.height)].with_columns(renamed),
        asked=asked[generator.permutation(asked.height)].with_columns(renamed),
    )

    again = shuffled.audited(shards=shards)

    assert again.findings == FOUND.findings
    assert again.checked == FOUND.checked
    assert again.delays == FOUND.delays


def test_several_leaks_at_once_are_all_found():
    assert set(plain(FOUND)) >= {f"derived_from_label:{ALERT}", f"no_delay:{LABORATORY[0]}"}
    assert {f.name for f in FOUND.leaks} == {f"derived_from_label:{ALERT}"}


def test_each_suspect_is_left_out_by_itself_and_then_all_together():
    asked = []

    def score(kept):
        asked.append(kept)
        return {"auroc": 0.5 + len(kept) / 1000}

    report = LEAKING.audited(score=score)

    every = len(asked[0])
    assert [(s.without, s.features) for s in report.scores] == [
        ("", ()),
        (f"derived_from_label:{ALERT}", ("alert.count.24h",)),
        (f"no_delay:{LABORATORY[0]}",
         ("creatinine.last", "creatinine.hours_since", "creatinine.count.24h")),
        ("*", ("creatinine.last", "creatinine.hours_since", "creatinine.count.24h",
               "alert.count.24h")),
    ]  # fmt: skip
    assert [len(kept) for kept in asked] == [every, every - 1, every - 3, every - 4]
    assert [s.figures["auroc"] for s in report.scores] == [
        pytest.approx(0.5 + len(kept) / 1000) for kept in asked
    ]


def test_a_matrix_of_other_rows_is_refused():
    with pytest.raises(Invalid, match="row for each question"):
        AuditInputs(
            declaration=LEAKING.declaration,
            names=("a",),
            codes=(DIAGNOSES,),
            asked=LEAKING.asked,
            matrix=np.zeros((3, 1)),
            shards=[],
            recompute=lambda events, rows: np.zeros((rows.height, 1)),
        )


def test_data_without_events_or_dates_are_borne():
    ward = a_ward(0, subjects=20)
    undated = pl.lit(None).cast(pl.Datetime("us", "UTC"))
    static = replace(ward, events=ward.events.with_columns(time=undated))
    empty = replace(ward, events=ward.events.clear())

    assert plain(static.audited()) == []
    assert plain(empty.audited()) == []

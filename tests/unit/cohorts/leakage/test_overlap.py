"""The same patient, stay or group on both sides, and features that are the label."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from bedside.cohorts.leakage import audit_features, audit_splits
from bedside.core.records.split import Split
from planted_leaks import a_ward, facts, plain


def test_a_subject_on_both_sides_is_found():
    ward = a_ward(7, subjects=80)
    side = pl.when(pl.int_range(pl.len()) % 7 == 0).then(pl.lit("held_out")).otherwise("side")
    torn = replace(ward, asked=ward.asked.with_columns(side=side))

    assert "subject_on_both_sides" in plain(torn.audited())
    assert [f.name for f in audit_splits(torn.asked)] == ["subject_on_both_sides"]
    assert audit_splits(ward.asked) == []


def test_a_stay_on_both_sides_is_found():
    ward = a_ward(7, subjects=80)
    shared = pl.when(pl.col("subject_id") <= 2).then(10).otherwise("encounter_id")
    asked = ward.asked.with_columns(encounter_id=shared.cast(pl.Int64))
    asked = asked.with_columns(
        side=pl.when(pl.col("subject_id") == 2).then(pl.lit("held_out")).otherwise("side")
    )

    assert plain(replace(ward, asked=asked).audited()) == ["stay_on_both_sides"]


@pytest.mark.parametrize(("torn", "found"), [(True, ["group_on_both_sides:room"]), (False, [])])
def test_a_group_on_both_sides_is_found(torn, found):
    ward = a_ward(7, subjects=80)
    came = ward.stays.unique("subject_id", keep="first").sort("subject_id")
    told = facts(
        ((s, None, at, at, None) for s, at in came.select("subject_id", "came").iter_rows()),
        "BEDSIDE//room",
    )
    room = pl.col("subject_id") % (7 if torn else 5)
    rooms = told.with_columns(text=pl.format("room {}", room))
    split = replace(ward.declaration.evaluation, split=Split(group="room"))

    assert plain(ward.declares(evaluation=split).has(rooms).audited()) == found


def twins(ward, number):
    """The record of some training subjects again, as that of held-out ones, on other dates."""
    copied = list(range(5, 5 * number + 1, 5))  # train: their number is a multiple of five
    new = {subject: subject + 4 for subject in copied}  # held out
    gone = ward.events["subject_id"].is_in(list(new.values()))
    by = pl.col("subject_id").replace_strict(new, return_dtype=pl.Int64)
    again = ward.events.filter(pl.col("subject_id").is_in(copied)).with_columns(
        subject_id=by,
        time=pl.col("time") + timedelta(days=17),
        known_at=pl.col("known_at") + timedelta(days=17),
    )
    rows = ward.asked.filter(pl.col("subject_id").is_in(copied)).with_columns(
        subject_id=by,
        prediction_time=pl.col("prediction_time") + timedelta(days=17),
        side=pl.lit("held_out"),
        encounter_id=pl.lit(None, dtype=pl.Int64),
    )
    kept = ward.asked.filter(~pl.col("subject_id").is_in(list(new.values())))
    return replace(ward, events=pl.concat([ward.events.filter(~gone), again]),
                   asked=pl.concat([kept, rows]))  # fmt: skip


def test_one_patient_under_two_numbers_on_two_sides_is_found_however_the_dates_were_shifted():
    report = twins(a_ward(8, subjects=150), 6).audited()

    assert [(f.name, f.severity) for f in report.findings] == [("duplicate_record", "leak")]
    assert report.findings[0].evidence["subjects"] == 12
    assert "12 subjects" in report.findings[0].text


def test_very_few_of_them_among_many_are_a_warning_that_counts_nobody():
    report = twins(a_ward(8, subjects=1200), 1).audited()

    assert [(f.name, f.severity) for f in report.findings] == [("duplicate_record", "warning")]
    assert "10 or fewer subjects" in report.findings[0].text


def test_rows_that_say_little_are_not_taken_for_one_patient():
    ward = a_ward(8, subjects=80)
    told = {"since": pl.col("code").is_in(["ENCOUNTER//start", "ENCOUNTER//end"])}
    bare = replace(ward, events=ward.events.filter(told["since"]))

    assert plain(bare.audited()) == []


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


def test_a_missing_value_that_tells_the_label_is_found():
    label = np.r_[np.zeros(300, int), np.ones(60, int)]
    told = np.where(label == 1, np.nan, np.random.default_rng(0).normal(size=360))

    found = audit_features(told[:, None], label, ["tube"])

    assert [finding.name for finding in found] == ["strong_alone:tube"]

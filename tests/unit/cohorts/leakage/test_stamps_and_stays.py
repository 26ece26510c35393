"""Dates that became midnight, and codes that were filled in at discharge."""

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

from planted_leaks import DIAGNOSES, OUTCOME, a_ward, facts, plain

CODE = "PROCEDURE//line"


def procedures(ward, zone="UTC", known=timedelta(), seed=0):
    """A procedure in each stay, of which only the date is kept, as midnight in a zone."""
    generator = np.random.default_rng(seed)
    told = []
    for row in ward.stays.iter_rows(named=True):
        at = row["came"] + timedelta(hours=float(generator.uniform(4, 40)))
        local = at.astimezone(ZoneInfo(zone))
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        told.append((row["subject_id"], row["encounter_id"], midnight, midnight + known, None))
    return facts(told, CODE)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_a_date_that_is_known_from_its_midnight_on_is_a_leak(zone):
    ward = a_ward(5, subjects=150).with_signal("line", CODE)

    report = ward.has(procedures(ward, zone)).audited(timezones=("UTC", zone))

    assert [(f.name, f.severity) for f in report.findings] == [(f"date_only:{CODE}", "leak")]
    assert zone in report.findings[0].text
    assert report.findings[0].evidence["rows_that_saw_it"] >= 5


def test_a_date_that_is_known_when_its_day_is_over_is_only_imprecise():
    ward = a_ward(5, subjects=150).with_signal("line", CODE)

    report = ward.has(procedures(ward, known=timedelta(hours=24))).audited()

    assert [(f.name, f.severity) for f in report.findings] == [(f"date_only:{CODE}", "warning")]


def test_some_bare_dates_among_real_times_are_found():
    ward = a_ward(5, subjects=200).with_signal("line", CODE)
    told = [
        (row["subject_id"], row["encounter_id"], at, at, None)
        for row in ward.stays.iter_rows(named=True)
        for hour in (3, 20)
        for at in (row["came"] + timedelta(hours=hour),)
    ]

    report = ward.has(procedures(ward), facts(told, CODE)).audited()

    assert plain(report) == [f"date_only:{CODE}"]
    assert report.findings[0].evidence["share_at_midnight"] == pytest.approx(1 / 3, abs=0.01)


@pytest.mark.parametrize("hours", [(0, 12), (0, 6, 12, 18)])
def test_a_rhythm_is_no_bare_date(hours):
    ward = a_ward(5, subjects=150).with_signal("line", CODE)
    told = []
    for row in ward.stays.iter_rows(named=True):
        day = row["came"].replace(hour=0, minute=0)
        for number in range(1, 4):
            for hour in hours:
                at = day + timedelta(days=number, hours=hour)
                told.append((row["subject_id"], row["encounter_id"], at, at, None))

    assert plain(ward.has(facts(told, CODE)).audited()) == []


def test_the_origin_of_a_clock_without_dates_is_no_bare_date():
    ward = a_ward(5, subjects=150).with_signal("line", CODE)
    first = ward.stays["came"].min().replace(hour=0, minute=0)
    shift = ward.stays.group_by("subject_id").agg(pl.col("came").min())
    moved = {row["subject_id"]: row["came"] - first for row in shift.iter_rows(named=True)}
    by = pl.col("subject_id").replace_strict(moved, return_dtype=pl.Duration("us"))
    still = facts([(subject, None, first, first, None) for subject in moved], CODE)
    clocked = replace(
        ward,
        events=ward.events.filter(pl.col("code") != "MEDS_BIRTH").with_columns(
            pl.col("time") - by, pl.col("known_at") - by
        ),
        asked=ward.asked.with_columns(pl.col("prediction_time") - by - timedelta(hours=20)),
    )

    assert plain(clocked.has(still).audited()) == []


def test_an_outcome_that_is_only_dated_is_a_warning():
    ward = a_ward(5, subjects=300)
    day = pl.when(pl.col("code") == OUTCOME).then(pl.col("time").dt.truncate("1d"))
    dated = replace(ward, events=ward.events.with_columns(time=day.otherwise("time")))

    report = dated.audited()

    assert [(f.name, f.severity) for f in report.findings] == [(f"date_only:{OUTCOME}", "warning")]


def at_discharge(ward):
    """Everyone asked as they leave."""
    left = ward.stays.select("encounter_id", pl.col("left").cast(pl.Datetime("us", "UTC")))
    asked = ward.asked.join(left, on="encounter_id", maintain_order="left")
    again = np.random.default_rng(1).random(asked.height) < 0.3
    return replace(
        ward,
        asked=asked.drop("prediction_time", "label").rename({"left": "prediction_time"})
        .with_columns(label=pl.Series(again.astype(np.int64)))
        .select(ward.asked.columns),
    )  # fmt: skip


def filled(ward, drop_stays=False):
    billed = pl.col("code").is_in(DIAGNOSES)
    events = ward.events.with_columns(known_at=pl.when(billed).then("time").otherwise("known_at"))
    if drop_stays:
        events = events.with_columns(encounter_id=pl.lit(None, dtype=pl.Int64))
    return replace(ward, events=events)


@pytest.mark.parametrize("drop_stays", [False, True])
def test_billing_codes_filled_in_at_discharge_and_seen_there_are_a_leak(drop_stays):
    ward = at_discharge(a_ward(6, subjects=200))

    report = filled(ward, drop_stays).audited()

    assert set(plain(report)) == {f"after_discharge:{code}" for code in DIAGNOSES}
    assert {f.severity for f in report.findings} == {"leak"}
    assert report.findings[0].features


def test_billing_codes_that_are_known_days_later_are_none():
    assert plain(at_discharge(a_ward(6, subjects=200)).audited()) == []


def test_billing_codes_filled_in_at_discharge_are_none_to_who_is_asked_long_before():
    assert plain(filled(a_ward(6, subjects=200)).audited()) == []


def test_stays_that_are_told_as_one_moment_tell_nothing():
    ward = at_discharge(a_ward(6, subjects=200))
    ends = ward.stays.select("encounter_id", pl.col("left").cast(pl.Datetime("us", "UTC")))
    moment = ward.events.join(ends, on="encounter_id", how="left", maintain_order="left")
    flat = moment.with_columns(time=pl.coalesce("left", "time")).with_columns(
        known_at=pl.when(pl.col("code") == "MEDS_BIRTH").then("known_at").otherwise("time")
    )

    found = plain(replace(ward, events=flat.select(ward.events.columns)).audited())

    assert not [name for name in found if name.startswith("after_discharge")]

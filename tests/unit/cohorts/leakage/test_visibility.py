"""What was known later, and delays that are missing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from bedside.cohorts.leakage import audit_visibility
from bedside.core.records.declaration import Signal
from planted_leaks import LABORATORY, a_ward, plain

ORIGIN = datetime(2026, 1, 1, tzinfo=UTC)


def at_once(events, *codes):
    seen = pl.when(pl.col("code").is_in(codes)).then("time").otherwise("known_at")
    return events.with_columns(known_at=seen)


def test_features_made_of_results_that_nobody_had_seen_yet_are_found():
    ward = a_ward(1, subjects=120)
    early = replace(ward, events=at_once(ward.events, LABORATORY[1])).matrix()

    report = ward.audited(matrix=early)

    assert set(plain(report)) == {
        f"sees_the_future:lactate.{what}" for what in ("last", "hours_since", "count.24h")
    }
    assert all(0 < f.evidence["share_of_rows"] < 1 for f in report.findings)
    assert {f.severity for f in report.findings} == {"leak"}


def test_a_correction_that_came_later_must_not_be_seen():
    ward = a_ward(1, subjects=40)
    later = pl.col("known_at") + timedelta(days=40)
    corrected = ward.events.filter(pl.col("code") == LABORATORY[0]).with_columns(
        known_at=later,
        value=pl.col("value") * 2,
        replaces=pl.col("source_row"),
        source_row=pl.col("source_row").bin.encode("hex").cast(pl.Binary),
    )
    ward = ward.has(corrected)
    leaking = replace(
        ward,
        events=ward.events.with_columns(
            known_at=pl.when(pl.col("replaces").is_not_null())
            .then(pl.col("known_at") - timedelta(days=40))
            .otherwise("known_at")
        ),
    ).matrix()

    assert plain(ward.audited()) == []
    assert any("creatinine" in name for name in plain(ward.audited(matrix=leaking)))


def test_only_so_many_subjects_are_replayed_and_always_the_same():
    ward = a_ward(1, subjects=120)
    early = replace(ward, events=at_once(ward.events, *LABORATORY)).matrix()

    few, again = ward.audited(matrix=early, replayed=20), ward.audited(matrix=early, replayed=20)

    assert few == again
    replayed = next(c.number for c in few.checked if c.detector == "visibility")
    assert 20 <= replayed <= 40
    assert few.findings


def test_a_feature_that_counts_what_is_to_come_is_found_and_an_honest_one_is_not():
    rows = pl.DataFrame(
        {
            "subject_id": [1] * 5,
            "time": [ORIGIN + timedelta(hours=hour) for hour in range(5)],
            "code": ["T//t"] * 5,
        }
    ).with_columns(known_at=pl.col("time"))
    asked = rows.select("subject_id", pl.col("time").alias("prediction_time"))

    def count_seen(seen, some):
        counted = some.join(seen.group_by("subject_id").len(), on="subject_id", how="left")
        return counted["len"].fill_null(0).to_numpy().astype(float)[:, None]

    honest = np.arange(1.0, 6.0)[:, None]
    cheat = np.full((5, 1), 5.0)

    assert audit_visibility(rows, asked, honest, ["n"], count_seen) == []
    assert audit_visibility(rows, asked, cheat, ["n"], count_seen)[0].kind == "sees_the_future"


def test_a_laboratory_code_without_delay_among_others_with_one_is_a_warning():
    ward = a_ward(2, subjects=80)

    report = replace(ward, events=at_once(ward.events, LABORATORY[0])).audited()

    assert [(f.name, f.severity) for f in report.findings] == [
        (f"no_delay:{LABORATORY[0]}", "warning")
    ]
    assert report.findings[0].features == (
        "creatinine.last",
        "creatinine.hours_since",
        "creatinine.count.24h",
    )


def test_where_no_laboratory_code_has_a_delay_none_is_odd():
    ward = a_ward(2, subjects=80)

    assert plain(replace(ward, events=at_once(ward.events, *LABORATORY)).audited()) == []


def test_a_code_that_does_not_keep_its_declared_delay_is_a_warning():
    ward = a_ward(2, subjects=80)
    late = Signal(label="heart rate", code="LOINC//8867-4", unit="/min", visible_after="30 min")
    ward = ward.declares(signals={**ward.declaration.signals, "heart_rate": late})

    assert plain(ward.audited()) == ["no_delay:LOINC//8867-4"]


def test_delays_are_counted_in_bands_for_every_code_that_is_read():
    ward = a_ward(2, subjects=80)

    told = {one.code: one.counts for one in ward.audited().delays}

    events = dict(ward.events.group_by("code").len().iter_rows())
    assert {code: sum(counts) for code, counts in told.items()} == {
        code: events[code] for code in told
    }
    assert told["LOINC//8867-4"][0] == events["LOINC//8867-4"]
    assert told[LABORATORY[0]][0] == 0


def test_a_unit_at_the_end_of_a_code_is_read_as_well():
    ward = a_ward(2, subjects=80)
    named = dict(zip(LABORATORY, ("LAB//1//mg/dL", "LAB//2//mmol/L", "LAB//3//mEq/L"), strict=True))
    signals = {
        name: replace(one, code=named.get(one.code, one.code), unit=None)
        for name, one in ward.declaration.signals.items()
    }
    events = at_once(ward.events, LABORATORY[0]).with_columns(
        pl.col("code").replace(named), unit=pl.lit(None, dtype=pl.String)
    )

    report = replace(ward.declares(signals=signals), events=events).audited()

    assert plain(report) == ["no_delay:LAB//1//mg/dL"]

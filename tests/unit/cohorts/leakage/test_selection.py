"""Questions whose rows or windows only the future decides."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from bedside.cohorts.leakage.selection import selected
from bedside.core.records.question import (
    RECORD_END,
    Predicate,
    PredictionTimes,
    Question,
    Window,
)
from planted_leaks import QUESTION, a_ward, plain

FIRST, TARGET = QUESTION.windows["first_day"], QUESTION.windows["target"]


def question(windows=None, **changes):
    told = {
        "ask": "?",
        "predicates": {
            **QUESTION.predicates,
            "death": Predicate(code="MEDS_DEATH"),
            "end": Predicate(expr="or(discharge, deterioration)"),
        },
        "trigger": "admission",
        "windows": windows or QUESTION.windows,
    }
    return Question(**{**told, **changes})


def names(asked):
    return [finding.name for finding in selected(asked).findings]


def test_a_question_that_looks_back_only_is_clean():
    washed = Window(start=None, end="trigger", has={"death": "(None, 0)"})

    assert names(question({**QUESTION.windows, "before": washed})) == []
    assert names(question(prediction_times=PredictionTimes(every="6h", keep="first"))) == []


@pytest.mark.parametrize(
    "end", ["first_day.end + 24h", "start -> discharge", None, "trigger + 25h", "start + 48 hours"]
)
def test_a_bound_on_what_comes_after_the_prediction_time_is_immortal_time(end):
    stays = Window(start="first_day.end", end=end, has={"discharge": "(None, 0)"})

    found = selected(question({**QUESTION.windows, "stays": stays})).findings

    assert [finding.name for finding in found] == ["selected_by_future:stays"]
    assert found[0].severity == "leak"


@pytest.mark.parametrize("end", ["trigger", "trigger + 24h", "first_day.end", "first_day.end - 1h"])
def test_a_bound_up_to_the_prediction_time_is_none(end):
    there = Window(start="trigger - 30d", end=end, has={"discharge": "(None, 0)"})

    assert names(question({**QUESTION.windows, "there": there})) == []


def test_to_leave_out_whom_the_outcome_met_before_it_counts_is_a_warning():
    gap = Window(start="first_day.end", end="start + 6h", has={"end": "(None, 0)"})

    found = selected(question({"first_day": FIRST, "gap": gap, "target": TARGET})).findings

    assert [(f.name, f.severity) for f in found] == [("selected_by_future:gap", "warning")]


def test_the_last_prediction_of_a_stay_is_chosen_by_the_future():
    asked = question(prediction_times=PredictionTimes(every="6h", keep="last"))

    assert names(asked) == ["selected_by_future:keep_last"]


def test_a_window_that_the_outcome_ends_differs_between_the_ill_and_the_well():
    seen = Window(start="trigger", end="start -> end", index_timestamp="start")
    target = Window(start="trigger", end="start + 72h", label="deterioration")

    found = names(question({"seen": seen, "target": target}))

    assert found == ["window_depends_on_outcome:seen"]


@pytest.mark.parametrize(
    "window",
    [
        Window(start="end - 24h", end="trigger -> deterioration", index_timestamp="start"),
        Window(start="trigger", end=None, index_timestamp="end"),
        Window(start="trigger", end="start -> deterioration", index_timestamp="end"),
        Window(start="trigger - 6h", end="trigger", index_timestamp="start"),
    ],
)
def test_a_prediction_time_that_a_later_event_places_is_found(window):
    target = Window(start="seen.start", end="start + 72h", label="deterioration")

    found = names(question({"seen": window, "target": target}))

    assert "window_depends_on_outcome:prediction_time" in found


def test_a_prediction_at_the_end_of_the_record_is_found():
    found = names(question({"target": TARGET, "first_day": FIRST}, trigger=RECORD_END))

    assert found == ["window_depends_on_outcome:prediction_time"]


def moved(ward, hours_before, of):
    """Asked a while before the deterioration, and the others before their discharge."""
    when = pl.when(pl.col("worse").is_not_null()).then(pl.col("worse")).otherwise(pl.col("left"))
    late = ward.stays.select("encounter_id", moment=when - timedelta(hours=hours_before))
    asked = ward.asked.join(late, on="encounter_id", maintain_order="left")
    label = ward.stays.select("encounter_id", is_worse=pl.col("worse").is_not_null().cast(pl.Int64))
    asked = asked.join(label, on="encounter_id", maintain_order="left")
    moment = pl.when(pl.col("is_worse") == of).then("moment").otherwise("prediction_time")
    return asked.select(
        "subject_id",
        "encounter_id",
        moment.cast(pl.Datetime("us", "UTC")).alias("prediction_time"),
        pl.col("is_worse").alias("label"),
        "side",
    )


@pytest.mark.parametrize("of", [0, 1])
def test_the_ill_asked_at_another_moment_than_the_well_are_told_by_the_length_of_their_record(of):
    ward = a_ward(11, subjects=240)
    firsts = ward.asked.group_by("subject_id").agg(pl.col("encounter_id").min())
    asked = moved(ward, 1, of).join(firsts, on="encounter_id", how="semi")

    report = type(ward)(
        declaration=ward.declaration, events=ward.events, asked=asked, stays=ward.stays
    ).audited()

    found = {f.name: f for f in report.findings if f.kind == "observed_length"}
    assert "observed_length:hours" in found
    area = found["observed_length:hours"].evidence["auroc"]
    assert (area > 0.8) if of == 1 else (area < 0.2)


def test_unknown_labels_are_not_counted():
    ward = a_ward(4, subjects=60)
    unknown = np.arange(ward.asked.height) % 3 == 0
    asked = ward.asked.with_columns(
        label=pl.when(pl.Series(unknown)).then(None).otherwise(pl.col("label"))
    )

    report = type(ward)(
        declaration=ward.declaration, events=ward.events, asked=asked, stays=ward.stays
    ).audited()

    counted = next(c.number for c in report.checked if c.detector == "observed length")
    assert counted == int((~unknown).sum())
    assert plain(report) == []

"""What a question says beyond ACES, one rule a test: a small ward, hours from midnight."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from bedside.cohorts.question import ask, columns_of, where_of
from bedside.core.errors import Invalid
from bedside.core.records.question import (
    CodePattern,
    Predicate,
    PredictionTimes,
    Question,
    TimeAtRisk,
    Washout,
    Window,
)

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)
TIME = pl.Datetime("us", "UTC")
SCHEMA = {
    "subject_id": pl.Int64,
    "time": TIME,
    "known_at": TIME,
    "end": TIME,
    "code": pl.Categorical,
    "value": pl.Float64,
    "text": pl.String,
    "encounter_id": pl.Int64,
    "source_row": pl.Binary,
    "replaces": pl.Binary,
}
PREDICATES = {
    "admission": Predicate(code="ADMISSION"),
    "discharge": Predicate(code="DISCHARGE"),
    "death": Predicate(code="DEATH"),
    "round": Predicate(code="ROUND"),
    "sepsis": Predicate(code="SEPSIS"),
    "high_lactate": Predicate(code="LACTATE", value_min=2.0),
}
A_DAY = {"day": Window(start="trigger", end="trigger + 24h", label="death")}
LONG_AFTER = MIDNIGHT + timedelta(days=99)


def hour(number):
    return None if number is None else MIDNIGHT + timedelta(hours=number)


def an_event(code, at, *, subject=1, known=None, value=None, stay=None, row=None, replaces=None):
    known = hour((at or 0) if known is None else known)
    row = (row or f"{subject}/{code}/{at}/{known}").encode()
    replaced = None if replaces is None else replaces.encode()
    return (subject, hour(at), known, None, code, value, None, stay, row, replaced)


def a_ward(*events):
    return pl.DataFrame(events, schema=SCHEMA, orient="row")


def a_question(**changes):
    told = {"ask": "?", "predicates": PREDICATES, "trigger": "admission", "windows": A_DAY}
    return Question(**(told | changes))


def hours_asked(question, ward, **options):
    rows = ask(question, ward, **({"data_end": LONG_AFTER} | options)).rows
    return [(at - MIDNIGHT) / timedelta(hours=1) for at in rows["prediction_time"]]


def labels(question, ward, **options):
    return ask(question, ward, **({"data_end": LONG_AFTER} | options)).rows["label"].to_list()


def test_nobody_is_asked_about_before_the_trigger_could_be_seen():
    ward = a_ward(an_event("ADMISSION", 8, known=10))

    assert hours_asked(a_question(), ward) == [10]
    assert hours_asked(a_question(prediction_times=PredictionTimes(seen="time")), ward) == [8]


def test_a_late_result_does_not_count_for_who_is_asked_about_but_for_the_label_it_does():
    needs_lactate = {"before": Window(start=None, end="trigger", has={"high_lactate": "(1, None)"})}
    label = {"day": Window(start="trigger", end="trigger + 24h", label="high_lactate")}
    late = [an_event("ADMISSION", 8), an_event("LACTATE", 7, known=9, value=4.0)]
    after = [an_event("ADMISSION", 8, subject=2), an_event("LACTATE", 8.5, subject=2, value=4.0)]

    assert ask(a_question(windows=A_DAY | needs_lactate), a_ward(*late)).rows.is_empty()
    assert labels(a_question(windows=label), a_ward(*late, *after)) == [0, 1]


@pytest.mark.parametrize(("corrected", "asked"), [(7.5, []), (9, [8])])
def test_a_corrected_result_counts_until_the_correction_was_known(corrected, asked):
    needs_lactate = {"before": Window(start=None, end="trigger", has={"high_lactate": "(1, None)"})}
    ward = a_ward(
        an_event("ADMISSION", 8),
        an_event("LACTATE", 7, value=4.0, row="first"),
        an_event("LACTATE", 7, known=corrected, value=1.0, replaces="first"),
    )

    assert hours_asked(a_question(windows=A_DAY | needs_lactate), ward) == asked


def test_a_trigger_that_was_taken_back_before_the_prediction_time_is_not_asked_about():
    later = {"wait": Window(start="trigger", end="start + 2h", index_timestamp="end")}
    ward = a_ward(
        an_event("ADMISSION", 8, row="wrong"), an_event("ADMISSION", 8, known=9, replaces="wrong")
    )

    assert hours_asked(a_question(), ward) == [8]
    cohort = ask(a_question(windows=A_DAY | later), ward)
    assert cohort.rows.is_empty()
    assert [(step.name, step.rows) for step in cohort.flow][2:4] == [
        ("prediction times", 1),
        ("trigger taken back", 0),
    ]


def test_a_prediction_time_at_an_event_waits_until_that_event_could_be_seen():
    at_lactate = {
        "wait": Window(start="trigger", end="start -> high_lactate", index_timestamp="end")
    }
    ward = a_ward(an_event("ADMISSION", 8), an_event("LACTATE", 9, known=11, value=4.0))

    assert hours_asked(a_question(windows=A_DAY | at_lactate), ward) == [11]


def test_a_question_is_repeated_until_an_event_the_next_trigger_or_for_the_longest_time():
    every = PredictionTimes(every="2h", until="discharge", at_most="7h")
    ward = a_ward(
        an_event("ADMISSION", 0),
        an_event("DISCHARGE", 4),
        an_event("ADMISSION", 10),
        an_event("ADMISSION", 13),
        an_event("ROUND", 17),
    )

    assert hours_asked(a_question(prediction_times=every), ward) == [0, 2, 10, 12, 13, 15, 17, 19]
    short = PredictionTimes(every="2h", at_most="2h")
    assert hours_asked(a_question(prediction_times=short), ward) == [0, 2, 10, 12, 13, 15]


def test_no_moment_is_asked_about_or_left_out_because_the_record_goes_on_or_ends():
    asked = a_question(prediction_times=PredictionTimes(every="2h", at_most="5h"))
    admitted = [an_event("ADMISSION", 0)]
    seen_again = [*admitted, an_event("ROUND", 40)]

    short, long = (ask(asked, a_ward(*one), data_end=hour(27)) for one in (admitted, seen_again))

    assert short.rows.equals(long.rows)
    assert short.rows["prediction_time"].to_list() == [hour(at) for at in (0, 2, 4)]
    assert short.rows["label"].to_list() == [0, 0, None]


@pytest.mark.parametrize(
    ("times", "says"),
    [
        (PredictionTimes(every="2h", until="discharge"), "no at_most"),
        (PredictionTimes(every="1 s", at_most="1000 d"), "times in one shard"),
    ],
)
def test_a_question_that_is_repeated_without_an_end_or_far_too_often_is_refused(times, says):
    with pytest.raises(Invalid, match=says):
        ask(a_question(prediction_times=times), a_ward(an_event("ADMISSION", 0)))


def test_a_question_is_asked_at_each_event_after_the_trigger():
    each = PredictionTimes(each="round", until="discharge")
    ward = a_ward(
        an_event("ROUND", 1),
        an_event("ADMISSION", 2),
        *(an_event("ROUND", at) for at in (2, 5, 9, 12)),
        an_event("DISCHARGE", 9),
    )

    assert hours_asked(a_question(prediction_times=each), ward) == [2, 5]


def test_of_rows_at_one_prediction_time_the_latest_anchor_is_kept():
    every = PredictionTimes(every="1h", at_most="3h")
    ward = a_ward(an_event("ADMISSION", 0, known=2.5), an_event("ROUND", 9))

    cohort = ask(a_question(prediction_times=every), ward, data_end=LONG_AFTER)

    assert hours_asked(a_question(prediction_times=every), ward) == [2.5, 3]
    assert [step.rows for step in cohort.flow if step.name == "asked at once"] == [2]


def test_the_first_or_last_of_each_stay_or_subject_is_kept():
    ward = a_ward(
        an_event("ADMISSION", 0, stay=7),
        an_event("ADMISSION", 5, stay=7),
        an_event("ADMISSION", 8, stay=9),
        an_event("ADMISSION", 9),
        an_event("ADMISSION", 11),
    )

    def asked(keep, per):
        times = PredictionTimes(keep=keep, per=per)
        return hours_asked(a_question(prediction_times=times), ward)

    assert asked("first", "stay") == [0, 8, 9]
    assert asked("last", "stay") == [5, 8, 11]
    assert asked("first", "subject") == [0]


def test_who_had_it_within_the_washout_as_it_was_known_is_left_out():
    washout = (Washout(predicate="sepsis", span="24h", because="it must be new"),)
    ward = a_ward(
        *(an_event("ADMISSION", 48, subject=one) for one in (1, 2, 3)),
        an_event("SEPSIS", 24, subject=1),
        an_event("SEPSIS", 23, subject=2),
        an_event("SEPSIS", 40, subject=3, known=50),
    )

    cohort = ask(a_question(washout=washout), ward)

    assert cohort.rows["subject_id"].to_list() == [2, 3]
    assert next(step.because for step in cohort.flow if "washout" in step.name) == "it must be new"


@pytest.mark.parametrize(
    ("events", "label", "event", "hours"),
    [
        ([("SEPSIS", 30)], 1, 1, 30),
        ([("DEATH", 20), ("SEPSIS", 30)], 0, 2, 20),  # it can no longer happen
        ([("DISCHARGE", 20), ("SEPSIS", 30)], None, 0, 20),  # nobody watched
        ([("SEPSIS", 20), ("DEATH", 20)], 1, 1, 20),
        ([("DISCHARGE", 60)], 0, 0, 48),
        ([("ROUND", 47)], None, 0, 47),  # the data end
        ([("ROUND", 48)], 0, 0, 48),
    ],
)
def test_censoring_leaves_a_label_unknown_and_a_competing_event_makes_it_negative(
    events, label, event, hours
):
    risk = TimeAtRisk(outcome="sepsis", end="48h", censored_by=("discharge",), competing=("death",))
    ward = a_ward(an_event("ADMISSION", 0), *(an_event(code, at) for code, at in events))

    row = ask(a_question(windows={}, time_at_risk=risk), ward).rows.row(0, named=True)

    assert (row["label"], row["event"], row["hours_at_risk"]) == (label, event, hours)


def test_an_outcome_before_the_time_at_risk_leaves_the_row_out():
    risk = TimeAtRisk(outcome="sepsis", start="6h", end="48h")
    ward = a_ward(an_event("ADMISSION", 0), an_event("SEPSIS", 6))

    cohort = ask(a_question(windows={}, time_at_risk=risk), ward)

    assert cohort.rows.is_empty()
    assert [step.rows for step in cohort.flow if step.name.startswith("outcome before")] == [0]


@pytest.mark.parametrize(("settles", "label"), [("0 min", 0), ("2h", None)])
def test_a_label_is_unknown_when_the_data_end_before_it_is_settled(settles, label):
    ward = a_ward(an_event("ADMISSION", 0), an_event("ROUND", 25))

    assert labels(a_question(settles_after=settles), ward, data_end=None) == [label]


def test_a_window_that_ends_with_an_event_or_the_record_has_ended():
    to_discharge = {"stay": Window(start="trigger", end="start -> discharge", label="death")}
    to_the_end = {"all": Window(start="trigger", end=None, label="death")}
    ward = a_ward(an_event("ADMISSION", 0), an_event("DISCHARGE", 25))

    for windows in (to_discharge, to_the_end):
        assert labels(a_question(windows=windows, settles_after="9 d"), ward, data_end=None) == [0]


def test_subjects_without_a_static_predicate_are_left_out():
    adult = {"adult": Predicate(code="ADULT", static=True)}
    ward = a_ward(
        *(an_event("ADMISSION", 1, subject=one) for one in (1, 2)), an_event("ADULT", None)
    )

    cohort = ask(a_question(patient_demographics=adult), ward)

    assert cohort.rows["subject_id"].to_list() == [1]
    assert [step.subjects for step in cohort.flow][:3] == [2, 1, 1]


def test_codes_are_named_by_pattern_list_value_and_text():
    predicates = PREDICATES | {
        "start": Predicate(code=CodePattern(regex="ADM")),
        "end": Predicate(code=CodePattern(any=("DEATH", "DISCHARGE"))),
        "worse": Predicate(code="LACTATE", value_min=2.0, value_min_inclusive=True, value_max=4.0),
    }
    windows = {"day": Window(start="trigger", end="start -> end", label="worse")}
    ward = a_ward(
        *(an_event("ADMISSION", 0, subject=one) for one in (1, 2, 3)),
        *(an_event("LACTATE", 1, subject=one, value=one + 1.0) for one in (1, 2, 3)),
        *(an_event("DISCHARGE", 9, subject=one) for one in (1, 2, 3)),
        an_event("NO_ADMISSION", 2, subject=4),
    )

    asked = a_question(predicates=predicates, trigger="start", windows=windows)

    assert labels(asked, ward) == [1, 1, 0]


@pytest.mark.parametrize(
    "times",
    [
        PredictionTimes(each="round", until="discharge"),
        PredictionTimes(every="1h", until="round", at_most="9h"),
    ],
)
def test_the_rows_that_are_read_are_enough(times):
    ward = a_ward(
        an_event("ADMISSION", 2),
        *(an_event("ROUND", at) for at in (2, 5, 9)),
        an_event("OTHER", 3),
        an_event("DEATH", 9, row="wrong"),
        an_event("OTHER", 9, known=10, value=1.0, replaces="wrong"),
    )
    asked = a_question(prediction_times=times)

    few = ward.filter(where_of(asked)).select(columns_of(asked))

    assert few.height == ward.height - 1
    assert ask(asked, few, data_end=LONG_AFTER).rows.equals(
        ask(asked, ward, data_end=LONG_AFTER).rows
    )
    assert where_of(a_question(trigger="_ANY_EVENT")) is None


def test_a_table_without_a_needed_column_is_refused():
    with pytest.raises(Invalid, match="known_at"):
        ask(a_question(), a_ward(an_event("ADMISSION", 1)).drop("known_at"))


def test_where_nothing_is_asked_to_come_true_no_label_is_known():
    nothing = a_question(windows={"day": Window(start="trigger", end="trigger + 24h")})

    assert labels(nothing, a_ward(an_event("ADMISSION", 0)), data_end=LONG_AFTER) == [None]

"""A patient counts once, wherever their questions fall, and by the same rule before and now."""

from dataclasses import replace

import numpy as np

from bedside.monitor.stream.draws import drawn, draws, first_of_day, span_of
from streamed import a_baseline, ward_answers


def test_a_patient_counts_once():
    answers = ward_answers(200)
    told = draws(a_baseline(), answers)

    counted = answers.subject[told.rows]

    assert len(counted) == len(set(counted)) > 150
    assert set(counted) == set(told.counted)


def test_where_a_question_is_asked_once_everybody_counts_at_it():
    answers = ward_answers(200, asked=1, strange=False)

    assert span_of(answers, seed=7) == 0
    assert draws(a_baseline(answers), answers).rows.all()


def test_patients_count_at_different_times_of_their_stay():
    answers = ward_answers(300, asked=4, strange=False)
    hours = answers.hours[draws(a_baseline(), answers).rows]

    assert {0.0, 8.0, 16.0, 24.0} >= set(hours) >= {8.0, 16.0}
    assert 8 < hours.mean() < 24


def test_the_span_is_so_short_that_nearly_all_are_drawn():
    answers = ward_answers(300, asked=2, strange=False)  # the last question comes after 8 hours
    span = span_of(answers, seed=7)

    assert 0 < span <= 12
    assert drawn(answers, seed=7, span_hours=span).rows.sum() >= 270


def test_who_was_counted_before_does_not_count_again():
    answers = ward_answers(100)
    baseline = a_baseline()
    before = draws(baseline, answers).counted

    again = draws(baseline, answers, before)

    assert not again.rows.any()
    assert (again.counted == before).all()


def test_answers_of_nobody_and_failures_are_not_drawn():
    answers = ward_answers(50, strange=False)
    n = len(answers)

    nobody = replace(answers, subject=np.full(n, -1))
    broken = replace(answers, outcome=np.full(n, 2, dtype=np.int8))

    assert not draws(a_baseline(), nobody).rows.any()
    assert not draws(a_baseline(), broken).rows.any()
    assert not first_of_day(nobody).any()
    assert first_of_day(broken).sum() == len({*zip(broken.day, broken.subject, strict=True)})

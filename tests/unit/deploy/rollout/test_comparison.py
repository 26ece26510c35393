"""Two versions on the same questions: pairs, agreement, and differences as a plain loop finds."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss

from bedside.deploy.rollout.comparison import compare_answers, paired
from live_answers import a_failure, a_score, an_abstention, scores


def test_pairs_are_the_same_questions_and_the_newest_answer_counts():
    first = [a_score(1), a_score(2), replace(a_score(9, 0.9), question="q1")]
    second = [a_score(1, 0.5), a_score(3)]

    ((mine, theirs),) = paired(first, second)

    assert (mine.risk, theirs.risk) == (0.9, 0.5)
    known = replace(a_score(1, 0.4), label=1.0)
    ((mine, _),) = paired([*first, known], second)
    assert mine.risk == 0.4


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=40))
def test_agreement_and_alerts_are_those_of_a_plain_loop(risks):
    first = [a_score(at, one) for at, (one, _) in enumerate(risks)]
    second = [a_score(at, other) for at, (_, other) in enumerate(risks)]

    told = compare_answers(first, second, "binary", replicates=100)

    alerts = [(one >= 0.3, other >= 0.3) for one, other in risks]
    assert told["pairs"] == len(risks)
    assert told["same_alert"]["estimate"] == pytest.approx(np.mean([a == b for a, b in alerts]))
    more = np.mean([int(b) - int(a) for a, b in alerts])
    assert told["differences"]["alert_rate"]["estimate"] == pytest.approx(more)
    shown = [count for count in told["alerts"].values() if count is not None]
    assert not any(0 < count <= 10 for count in shown)


def test_a_better_challenger_is_surely_better_on_paired_answers():
    first = scores(300)
    better = [
        replace(one, risk=0.5 * one.risk + 0.5 * one.label) for one in first
    ]  # half-way to the truth
    better = [replace(one, alert=one.risk >= 0.3) for one in better]

    told = compare_answers(first, better, "binary")

    brier = told["differences"]["brier"]
    label = np.array([one.label for one in first])
    plain = brier_score_loss(label, [o.risk for o in better]) - brier_score_loss(
        label, [o.risk for o in first]
    )
    assert brier["estimate"] == pytest.approx(plain)
    assert brier["high"] < 0
    assert told["differences"]["auroc"]["low"] > 0


def test_a_version_beside_itself_differs_in_nothing():
    answers = scores(80)

    told = compare_answers(answers, answers, "binary")

    for figure in told["differences"].values():
        if figure["estimate"] is not None:
            assert (figure["estimate"], figure["low"], figure["high"]) == (0, 0, 0)
    assert told["same_kind"]["estimate"] == 1


def test_who_does_not_score_is_told_apart_from_who_does():
    first = [a_score(1), an_abstention(2), a_failure(3)]
    second = [a_score(1), a_score(2), a_failure(3)]

    told = compare_answers(first, second, "binary")

    assert told["scored"] == 1
    assert told["same_kind"]["estimate"] == pytest.approx(2 / 3)


def test_without_a_common_question_nothing_is_compared():
    assert compare_answers([a_score(1)], [a_score(2)], "binary")["pairs"] == 0

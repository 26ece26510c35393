"""How alike two groups of patients are, against slow and independent ways to say so."""

import json

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from bedside.develop.evaluate.case_mix import (
    Group,
    compare_groups,
    describe_group,
    linear_predictor,
)


def a_group(matrix, came=None, predictor=None):
    matrix = np.asarray(matrix, dtype=np.float64)
    size = len(matrix)
    return Group(
        matrix=matrix,
        subject=np.arange(size),
        came=None if came is None else np.asarray(came, dtype=np.float64),
        predictor=np.zeros(size) if predictor is None else np.asarray(predictor),
    )


def compared(first, second, categories=None):
    names = [f"f{at}" for at in range(first.matrix.shape[1])]
    categories = categories or [0] * len(names)
    told = json.loads(json.dumps(describe_group(first, names, categories, names)))
    return compare_groups(told, second, names, categories, {})


def test_membership_is_the_c_statistic_of_a_logistic_regression_between_normal_groups():
    random = np.random.default_rng(4)
    mixing = random.normal(size=(3, 3))
    one = random.normal(size=(4000, 3)) @ mixing
    two = random.normal(size=(3000, 3)) @ mixing + [0.6, -0.2, 0.4]

    found = compared(a_group(one), a_group(two))["membership"]["c_statistic"]

    every, member = np.vstack([one, two]), np.r_[np.zeros(4000), np.ones(3000)]
    score = LogisticRegression(C=1e6, max_iter=500).fit(every, member).decision_function(every)
    assert found == pytest.approx(roc_auc_score(member, score), abs=0.01)


def test_two_samples_of_one_hospital_are_not_told_apart():
    random = np.random.default_rng(1)

    found = [
        compared(a_group(random.normal(size=(60, 15))), a_group(random.normal(size=(60, 15))))
        for _ in range(10)
    ]

    assert np.median([one["membership"]["c_statistic"] for one in found]) < 0.6


def test_the_standardised_difference_of_a_flag_is_the_same_as_a_number_and_as_two_categories():
    one, two = np.repeat([0.0, 1.0], [60, 40])[:, None], np.repeat([0.0, 1.0], [30, 70])[:, None]

    number = compared(a_group(one), a_group(two))["features"][0]["difference"]
    category = compared(a_group(one), a_group(two), [2])["features"][0]["difference"]

    by_hand = 0.3 / np.sqrt((0.4 * 0.6 + 0.7 * 0.3) / 2)
    assert category == pytest.approx(by_hand)
    assert number == pytest.approx(by_hand, rel=0.01), "the sample variance divides by n - 1"


def test_missing_values_are_compared_as_shares():
    one, two = np.zeros((100, 1)), np.zeros((100, 1))
    one[:20], two[:50] = np.nan, np.nan

    found = compared(a_group(one), a_group(two))["features"][0]

    assert (found["build"]["missing"], found["here"]["missing"]) == (0.2, 0.5)
    assert found["difference_of_missing"] == pytest.approx(0.3 / np.sqrt((0.16 + 0.25) / 2))


def test_what_ten_subjects_or_fewer_have_is_not_kept():
    matrix = np.zeros((200, 3))
    matrix[:7, 0] = np.nan  # seven are not measured
    matrix[7:, 1] = np.nan  # seven are
    matrix[:7, 2], matrix[7:60, 2] = 2, 1  # seven are of the third category

    told = describe_group(a_group(matrix, came=np.arange(200) < 7), ["a", "b", "c"], [0, 0, 3], [])

    assert told["features"]["a"]["missing"] is None
    assert told["features"]["b"]["mean"] is told["features"]["b"]["missing"] is None
    assert told["features"]["c"]["shares"] == [0.7, None, None], "nor can it be subtracted"
    assert told["outcome_rate"] is None


def test_on_the_linear_scale_a_proportional_hazard_is_a_shift():
    hazard = np.array([0.1, 0.5])
    risk, doubled = 1 - np.exp(-hazard), 1 - np.exp(-2 * hazard)

    moved = linear_predictor("survival", doubled) - linear_predictor("survival", risk)

    assert moved == pytest.approx(np.log(2))

"""New patients beside those of a reference: every table, and what is hidden in it."""

import json

import numpy as np
import pytest
from scipy.stats import ks_2samp

from bedside.monitor.whole_drift import LEAST, RISK, whole_drift


def patients(n, random, *, moved=0.0):
    """Two numbers that go together, a level, and what comes of the patient."""
    first = random.normal(moved, 1, n)
    second = 0.9 * first + random.normal(0, 0.4, n)
    level = random.integers(0, 3, n).astype(float)
    risk = 1 / (1 + np.exp(-first + 0.5))
    return np.column_stack([first, second, level]), risk, (random.random(n) < risk).astype(float)


def told(then, now, **more):
    return whole_drift(
        then[0], now[0], ["a", "b", "c"], categories={"c": ("x", "y", "z")},
        risks=(then[1], now[1]), **{"label": then[2], "threshold": 0.5} | more,
    )  # fmt: skip


@pytest.fixture
def random():
    return np.random.default_rng(4)


def test_the_same_patients_differ_in_nothing_and_are_expected_to_do_as_before(random):
    then = patients(600, random)

    made = told(then, patients(500, random))

    assert (made["drift"]["then"], made["drift"]["now"], made["drift"]["moved"]) == (600, 500, 0)
    assert [row["name"] for row in made["drift"]["rows"]] == ["a", "b", "c", RISK]
    assert made["joint"]["p_value"] > 0.01
    area = made["weighted"]["figures"]["auroc"]
    assert area["low"] < area["value"] < area["high"]
    assert json.dumps(made, allow_nan=False)


def test_a_column_that_moved_and_columns_that_come_apart_are_seen(random):
    then, moved, apart = (patients(600, random) for _ in range(3))
    moved[0][:, 0] += 2.0
    apart[0][:, 1] = random.permutation(apart[0][:, 1])

    one, other = told(then, moved), told(then, apart)

    row = one["drift"]["rows"][0]
    assert row["p_adjusted"] < 1e-6
    assert row["ks"] == pytest.approx(ks_2samp(then[0][:, 0], moved[0][:, 0]).statistic, abs=0.02)
    assert other["drift"]["moved"] == 0
    assert other["joint"]["auroc"] > 0.7
    assert other["joint"]["reconstruction"]["p_value"] < 1e-6


def test_riskier_patients_are_expected_to_have_the_outcome_more_often(random):
    then, now = patients(4000, random), patients(4000, random, moved=0.7)

    figures = told(then, now)["weighted"]["figures"]

    assert figures["event_rate"]["value"] == pytest.approx(now[2].mean(), abs=0.04)
    assert figures["event_rate"]["value"] > then[2].mean() + 0.1


def test_patients_like_nobody_before_get_no_expectation(random):
    then, now = patients(600, random), patients(600, random, moved=30.0)

    assert "too few" in told(then, now)["weighted"]["why"]


def test_few_patients_are_not_told_of(random):
    then, now = patients(600, random), patients(600, random)
    now[0][:7, 0] = np.nan
    now[0][:30, 1] = np.nan

    rows = told(then, now)["drift"]["rows"]

    assert rows[0]["missing_now"] is None
    assert rows[1]["missing_now"] == pytest.approx(0.05)
    few = [values[:10] for values in now]
    assert "ten patients or fewer" in told(then, few)["drift"]["why"]
    some = [values[: LEAST - 1] for values in now]
    assert "fewer than" in told(then, some)["joint"]["why"]


def test_what_is_no_yes_or_no_and_alerts_nobody_gets_what_it_can(random):
    then, now = patients(300, random), patients(300, random)

    assert "no yes or no" in told(then, now, label=None)["weighted"]["why"]
    assert "sensitivity" not in told(then, now, threshold=None)["weighted"]["figures"]

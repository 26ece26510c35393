"""The published examples come out, patients count and not rows, and the words say what follows."""

from math import exp, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.core.records.declaration import Learner
from bedside.core.records.outcome import Outcome
from bedside.develop.train.learners.contract import Column, Plan
from bedside.develop.train.matrix import Matrix
from bedside.develop.train.sample_size import (
    candidate_parameters,
    needed_for_a_number,
    needed_for_risk,
    needed_for_survival,
    sample_size,
)


def a_plan(columns=3, kind="binary", horizons=(), categories=0):
    return Plan(
        options=Learner(),
        columns=tuple(Column(name=f"f{at}", categories=categories) for at in range(columns)),
        outcome=Outcome(kind=kind),
        horizons=horizons,
    )


def some_rows(patients=400, per=1, share=0.25, columns=3, **more):
    label = np.repeat((np.arange(patients) < share * patients).astype(np.int64), per)
    features = np.random.default_rng(1).normal(size=(patients * per, columns))
    return Matrix(
        features=features,
        label=label,
        names=tuple(f"f{at}" for at in range(columns)),
        subject=np.repeat(np.arange(patients), per),
        **more,
    )


def test_the_published_examples_come_out():
    # Riley et al., Stat Med 2019;38:1276-1296 (binary) and 1262-1275 (continuous), and
    # BMJ 2020;368:m441 (survival), as the authors' program pmsampsize prints them.
    binary = needed_for_risk(24, prevalence=0.174, r2=0.288)
    survival = needed_for_survival(30, rate=0.065, horizon=2, follow_up=2.07, r2=0.051)
    number = needed_for_a_number(25, mean=1.9, sd=0.6, r2=0.2)

    assert [binary[name] for name in ("shrinkage", "optimism", "overall_risk")] == [623, 662, 221]
    assert [survival[name] for name in ("shrinkage", "optimism")] == [5143, 1039]
    assert [number[name] for name in ("shrinkage", "optimism", "residual_spread")] == [
        918,
        401,
        259,
    ]


def test_so_many_patients_tell_the_overall_risk_by_the_horizon_to_a_twentieth():
    rate, horizon, follow_up = 0.065, 2.0, 2.07

    def margin(n):
        high = rate + 1.96 * sqrt(rate / (n * follow_up))
        low = rate - 1.96 * sqrt(rate / (n * follow_up))
        risk = 1 - exp(-rate * horizon)
        return max((1 - exp(-high * horizon)) - risk, risk - (1 - exp(-low * horizon)))

    n = needed_for_survival(30, rate, horizon, follow_up)["overall_risk"]

    assert margin(n) <= 0.05 < margin(n - 1)


def test_without_an_earlier_model_fifteen_per_cent_of_the_greatest_r2_is_expected():
    greatest = 1 - (0.5**0.5 * 0.5**0.5) ** 2  # Riley et al. 2020: 0.75 where half have it

    assert needed_for_risk(10, 0.5)["r2"] == pytest.approx(0.15 * greatest)
    assert needed_for_risk(10, 0.5) == pytest.approx(needed_for_risk(10, 0.5, r2=0.15 * greatest))


@pytest.mark.parametrize("prevalence", [0.02, 0.3, 0.5])
def test_twice_the_parameters_need_twice_the_patients_against_overfitting(prevalence):
    few, many = needed_for_risk(20, prevalence), needed_for_risk(40, prevalence)

    assert abs(many["shrinkage"] - 2 * few["shrinkage"]) <= 1
    assert many["overall_risk"] == few["overall_risk"]


def test_a_parameter_is_a_number_a_further_category_or_an_indicator():
    three = np.array([0, 1, 2, np.nan, 0, 1.0])
    features = np.column_stack([np.arange(6.0), np.full(6, 7.0), three, np.full(6, np.nan)])
    plan = Plan(
        options=Learner(),
        columns=(
            Column(name="number"),
            Column(name="always the same"),
            Column(name="category", categories=5),
            Column(name="never measured"),
        ),
    )

    assert candidate_parameters(features, plan, indicators=2) == 1 + 0 + 3 + 0 + 2


@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(0, 3))
def test_a_number_counts_once_where_anything_of_it_varies(seed, rows, known):
    generator = np.random.default_rng(seed)
    column = generator.integers(0, known + 1, rows).astype(float)
    column[generator.random(rows) < 0.4] = np.nan
    states = len({str(value) for value in column})

    number = candidate_parameters(column[:, None], a_plan(1), indicators=0)
    category = candidate_parameters(column[:, None], a_plan(1, categories=4), indicators=0)

    assert number == (states > 1)
    assert category == states - 1


def test_patients_count_and_not_their_rows():
    once, often = sample_size(some_rows(), a_plan()), sample_size(some_rows(per=5), a_plan())

    assert once == often
    assert (once["patients"], once["events"]) == (400, 100)


def test_too_few_patients_are_warned_of_and_enough_are_not():
    few = sample_size(some_rows(60), a_plan())
    many = sample_size(some_rows(20_000), a_plan(), learner="logistic")

    assert not few["enough"]
    assert "WARNING" in few["text"]
    assert "more patients than that" in few["text"]
    assert many["enough"]
    assert "WARNING" not in many["text"]
    assert "more patients than that" not in many["text"]


def test_survival_counts_events_in_followed_time_and_a_number_its_patients():
    days = np.full(400, 730.0)
    survival = sample_size(some_rows(target=days), a_plan(kind="survival", horizons=(365.0,)))
    number = sample_size(some_rows(target=np.linspace(1, 9, 400)), a_plan(kind="regression"))

    found = needed_for_survival(3, rate=0.25 / 2, horizon=1.0, follow_up=2.0)  # in years
    assert survival["needed"] == max(found["shrinkage"], found["optimism"], found["overall_risk"])
    assert survival["events_per_parameter"] == pytest.approx(33.33, abs=0.01)
    assert "events" not in number
    assert number["patients_per_parameter"] == pytest.approx(133.3, abs=0.1)


@pytest.mark.parametrize(
    ("rows", "plan"),
    [
        (some_rows(share=0), a_plan()),
        (some_rows(share=1), a_plan()),
        (some_rows(columns=0), a_plan(columns=0)),
        (some_rows(target=np.ones(400)), a_plan(kind="regression")),
    ],
    ids=["nobody ill", "all ill", "no feature", "always the same number"],
)
def test_where_nothing_can_be_learnt_nothing_is_said_to_be_enough(rows, plan):
    told = sample_size(rows, plan)

    assert "enough" not in told
    assert "too little" in told["text"]

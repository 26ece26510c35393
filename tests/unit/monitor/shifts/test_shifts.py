"""Shifts are made as declared, and the laboratory counts what the monitor makes of them."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, chi2

from bedside.core.records.watch import Watch
from bedside.metrics.discrimination import auroc
from bedside.monitor.shifts.hospital import Plan, answers_of, happened, stays_of
from bedside.monitor.shifts.injection import EventChange, Injection
from bedside.monitor.shifts.on_events import changed_events
from bedside.monitor.shifts.on_rows import labels_moved, linked_wrongly, share_for_drop
from bedside.monitor.shifts.population import Inputs, Population
from bedside.monitor.shifts.rates import rate, rate_per
from bedside.monitor.shifts.trial import Trial, Watched
from watched import held_out_biopsies

PLAN = Plan(seed=3, days=40, per_day=20, baseline=600)


def biopsies() -> Population:
    """Real patients, each asked about once; half of them stand for another place."""
    told = held_out_biopsies()
    n = len(told.risk)
    inputs = Inputs(
        matrix=told.matrix.astype(np.float32),
        risk=told.risk,
        contributions=None,
        reason=np.full(n, "", dtype=np.str_),
        about=np.full(n, "", dtype=np.str_),
        aside=np.full(n, "", dtype=np.str_),
        codes=np.full(n, "", dtype=np.str_),
    )
    return Population(
        start=np.arange(n + 1),
        hours=np.zeros(n),
        label=told.label.astype(float),
        wait=np.full(n, 2),
        features=tuple(told.names),
        threshold=0.3,
        age=told.matrix[:, 0],
        wave=np.zeros(n),
        elsewhere=np.zeros(n, dtype=bool),
        inputs=inputs,
    )


def watched(population: Population) -> Watched:
    return Watched(
        watch=Watch(),
        signals={name: name for name in population.features},
        titles={},
        categories={},
        units={},
        minimum=50,
        seed=1,
    )


def events() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "subject_id": [1, 1, 2, 3],
            "code": ["LAB//a", "LAB//b", "LAB//a", "SEX"],
            "value": [1.0, 5.0, 2.0, None],
            "text": [None, None, None, "male"],
        }
    )


def test_a_unit_change_moves_the_values_of_its_signal_alone():
    change = EventChange(what="rescale", codes=("LAB//a",), factor=88.4)

    moved = changed_events(events(), change, seed=1)

    assert moved["value"].to_list() == [88.4, 5.0, 176.8, None]


def test_a_lost_feed_leaves_everything_else():
    lost = changed_events(events(), EventChange(what="drop", codes=("LAB//a",)), seed=1)

    assert lost["code"].to_list() == ["LAB//b", "SEX"]


def test_a_new_coding_system_changes_texts():
    change = EventChange(what="recode", codes=("SEX",), texts={"male": "M"})

    assert changed_events(events(), change, seed=1)["text"].to_list()[-1] == "M"


def test_a_code_that_nobody_knows_comes_in_the_place_of_a_known_one():
    change = EventChange(what="rename", codes=("LAB//a",), other="LOCAL//a")

    moved = changed_events(events(), change, seed=1)

    assert moved["code"].to_list() == ["LOCAL//a", "LAB//b", "LOCAL//a", "SEX"]
    assert moved.drop("code").equals(events().drop("code"))


def test_a_share_hits_whole_patients():
    many = pl.DataFrame(
        {"subject_id": np.repeat(np.arange(2000), 3), "code": "LAB//a", "value": 1.0, "text": ""}
    )
    change = EventChange(what="rescale", codes=("LAB//a",), factor=2.0, share=0.3)

    by_patient = (
        changed_events(many, change, seed=1)
        .group_by("subject_id")
        .agg(pl.col("value").n_unique().alias("kinds"), pl.col("value").first())
    )

    assert by_patient["kinds"].to_list() == [1] * 2000
    assert abs((by_patient["value"] == 2.0).mean() - 0.3) < 0.05


def test_an_injection_travels_to_the_workers_and_back():
    told = Injection(
        kind="unit_change", size=1.0, words="", signal="creatinine", group=("sex", "male"),
        events=EventChange(what="recode", codes=("A", "B"), texts={"x": "y"}),
    )  # fmt: skip

    assert Injection.from_json(told.as_json()) == told


def test_a_population_is_read_back_as_it_was_kept():
    population = biopsies()
    again = Population.from_bytes(population.to_bytes())

    assert again.features == population.features
    assert np.array_equal(again.inputs.matrix, population.inputs.matrix, equal_nan=True)
    assert np.array_equal(again.label, population.label)


def test_results_at_anothers_name_lower_the_area_by_what_was_asked_for():
    population, random = biopsies(), np.random.default_rng(1)
    rows = random.choice(population.subjects, 40_000)
    inputs, label = population.inputs.taken(rows), population.label[rows]
    before = auroc(label, inputs.risk)

    wrong = linked_wrongly(inputs, share_for_drop(before, 0.05), random)

    assert auroc(label, wrong.risk) == pytest.approx(before - 0.05, abs=0.006)


@pytest.mark.parametrize("factor", [0.8, 1.2, 1.5])
def test_labels_move_by_the_factor_while_the_risks_stay(factor):
    random = np.random.default_rng(2)
    risk = random.uniform(0.05, 0.4, 50_000)
    label = (random.random(50_000) < risk).astype(float)

    moved = labels_moved(label, risk, np.arange(50_000), factor, random)

    assert moved.mean() / label.mean() == pytest.approx(factor, rel=0.03)


def test_the_same_seed_gives_the_same_hospital():
    population = biopsies()
    first, second = (answers_of(population, stays_of(population, PLAN)[1], PLAN) for _ in range(2))

    assert np.array_equal(first.day, second.day)
    assert np.array_equal(first.risk, second.risk)


def test_a_shift_changes_nothing_before_its_onset():
    population = biopsies()
    stays = stays_of(population, PLAN)[1]
    older = Injection(kind="case_mix", size=1.0, words="older")

    come = happened(population, stays, older, 20, PLAN)

    before = stays.arrival < 20
    assert np.array_equal(come.subject[before], stays.subject[before])
    assert population.age[come.subject[~before]].mean() > population.age[stays.subject].mean()


def test_a_lost_feed_is_found_at_once_and_named():
    population = biopsies()
    matrix = population.inputs.matrix.copy()
    matrix[:, 0] = np.nan
    lost = replace(population.inputs, matrix=matrix)
    feed = Injection(
        kind="feed_lost", size=1.0, words="", signal=population.features[0],
        events=EventChange(what="drop", codes=("A",)),
    )  # fmt: skip

    trial = Trial(population=population, watched=watched(population), plan=PLAN)
    found = trial.disturbed(feed, 10, lost, days=14)

    assert found["delay"] == 0
    assert found["cause"] == "feed_lost"


def test_what_is_not_disturbed_is_not_found():
    population = biopsies()
    same = Injection(
        kind="feed_lost", size=0.0, words="", signal=population.features[0],
        events=EventChange(what="drop", codes=("A",)),
    )  # fmt: skip

    trial = Trial(population=population, watched=watched(population), plan=PLAN)

    assert trial.disturbed(same, 10, population.inputs, days=14)["delay"] is None


def test_nothing_is_found_in_outcomes_before_the_first_is_known():
    population = biopsies()
    jumpy = replace(watched(population), watch=Watch(false_alarms=300))  # always alarms
    fewer = Injection(kind="prevalence", size=0.5, words="")

    trial = Trial(population=population, watched=jumpy, plan=PLAN, drawn_only=True)
    found = trial.disturbed(fewer, 10, None, days=14)

    assert trial.alarms
    assert found["delay"] >= 2
    assert found["labelled"] > 0


@given(st.integers(1, 60).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_a_share_has_the_exact_interval_of_the_beta_distribution(told):
    hits, of = told
    found = rate(hits, of)

    if hits:
        assert found.low == pytest.approx(beta.ppf(0.025, hits, of - hits + 1))
    if hits < of:
        assert found.high == pytest.approx(beta.ppf(0.975, hits + 1, of - hits))


@given(st.integers(0, 300), st.integers(1, 400))
def test_a_count_has_the_exact_interval_of_chi_square(events_, periods):
    found = rate_per(events_, periods)

    assert found.high * periods == pytest.approx(chi2.ppf(0.975, 2 * events_ + 2) / 2)
    assert found.low <= found.estimate <= found.high

"""Live evidence equals what a plain loop over the answers finds."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta
from sklearn.metrics import brier_score_loss, roc_auc_score

from bedside.core.records.rollout import LIVE_COUNTS, LIVE_LATENCIES, LIVE_RATES
from bedside.deploy.rollout.evidence import live_evidence
from bedside.deploy.rollout.figures import quantile, share
from live_answers import a_failure, a_score, an_abstention, scores

kinds = st.lists(
    st.tuples(st.sampled_from(["score", "abstention", "failure"]), st.integers(0, 12),
              st.floats(0, 1), st.sampled_from([None, 0.0, 1.0]), st.floats(0.1, 900)),
    min_size=1, max_size=60,
)  # fmt: skip


def answers_from(told):
    make = {"score": a_score, "abstention": an_abstention, "failure": a_failure}
    return [
        make[kind](at, subject=f"s{who}", latency_ms=slow, **(
            {"risk": risk, "alert": risk >= 0.3, "label": label} if kind == "score" else {}
        ))
        for at, (kind, who, risk, label, slow) in enumerate(told)
    ]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(kinds)
def test_counts_and_rates_are_those_of_a_plain_loop(told):
    answers = answers_from(told)

    evidence = live_evidence(answers, "binary", metrics=False)

    scored = [one for one in answers if one.outcome == "score"]
    failed = [one for one in answers if one.outcome == "failure"]
    figures = {name: one["estimate"] for name, one in evidence["figures"].items()}
    assert evidence["counts"]["answers"] == len(answers)
    assert evidence["counts"]["subjects"] == len({one.subject for one in answers})
    assert evidence["counts"]["judged"] == sum(one.label is not None for one in scored)
    assert figures["failure_rate"] == pytest.approx(len(failed) / len(answers))
    if scored:
        alerts = sum(bool(one.alert) for one in scored)
        assert figures["alert_rate"] == pytest.approx(alerts / len(scored))
    slow = sorted(one.latency_ms for one in answers)
    assert figures["latency_p50_ms"] == pytest.approx(slow[math.ceil(0.5 * len(slow)) - 1])
    assert figures["latency_p99_ms"] == pytest.approx(slow[math.ceil(0.99 * len(slow)) - 1])
    for name in LIVE_RATES:
        figure = evidence["figures"][name]
        if figure["estimate"] is not None:
            assert 0 <= figure["low"] <= figure["estimate"] <= figure["high"] <= 1


def test_metrics_are_those_of_another_library_and_intervals_those_of_a_plain_bootstrap():
    answers = scores(160, patients=80)

    figures = live_evidence(answers, "binary")["figures"]

    label = np.array([one.label for one in answers])
    risk = np.array([one.risk for one in answers])
    assert figures["auroc"]["estimate"] == pytest.approx(roc_auc_score(label, risk))
    assert figures["brier"]["estimate"] == pytest.approx(brier_score_loss(label, risk))
    alert = risk >= 0.3
    assert figures["sensitivity"]["estimate"] == pytest.approx(alert[label == 1].mean())
    rows = [np.flatnonzero([one.subject == f"s{who}" for one in answers]) for who in range(80)]
    drawn, generator = [], np.random.default_rng(7)
    for _ in range(400):
        some = np.concatenate([rows[who] for who in generator.integers(0, 80, 80)])
        drawn.append(roc_auc_score(label[some], risk[some]))
    low, high = np.percentile(drawn, [2.5, 97.5])
    assert figures["auroc"]["low"] == pytest.approx(low, abs=0.02)
    assert figures["auroc"]["high"] == pytest.approx(high, abs=0.02)


def test_one_patient_asked_often_says_less_than_many_patients():
    hit = np.arange(200) % 2 == 0
    alike = np.arange(200) // 20 % 2 == 0

    many = share(hit, np.arange(200))
    few = share(alike, np.arange(200) // 20)

    assert many.low == pytest.approx(beta.ppf(0.025, 100, 101), abs=1e-3)
    assert few.high - few.low > 3 * (many.high - many.low)


def test_nothing_seen_in_one_patient_is_not_taken_for_never():
    figure = share(np.zeros(500, bool), np.zeros(500, int))

    assert figure.high > 0.9


def test_the_intervals_hold_the_truth_as_often_as_they_say():
    drawn = np.random.default_rng(3)
    held_rate = held_quantile = 0
    for _ in range(300):
        ill = drawn.uniform(size=40) < 0.2
        figure = share(np.repeat(ill, 5), np.repeat(np.arange(40), 5))
        held_rate += figure.low <= 0.2 <= figure.high
        times = quantile(drawn.exponential(size=150), 0.5)
        held_quantile += times.low <= math.log(2) <= times.high
    assert held_rate >= 0.92 * 300
    assert held_quantile >= 0.92 * 300


def test_a_level_with_few_patients_is_hidden_and_a_small_one_is_not_judged():
    groups = {"a": 40, "b": 15, "c": 5}
    answers = [
        a_score(at, groups={"sex": level}, subject=f"{level}{at}")
        for level, n in groups.items()
        for at in range(n)
    ]

    levels = live_evidence(answers, "binary", subgroups=["sex"])["subgroups"]["sex"]

    assert levels["a"]["figures"]["answers"]["estimate"] == 40
    assert "fewer than 20" in levels["b"]["why"]
    assert levels["c"] == {"subjects": None, "figures": {}, "why": "10 patients or fewer"}


def test_of_no_answers_at_all_every_rate_is_unknown():
    evidence = live_evidence([], "binary")

    assert evidence["counts"]["answers"] == 0
    for name in (*LIVE_RATES, *LIVE_LATENCIES):
        assert evidence["figures"][name]["estimate"] is None
    assert [evidence["figures"][name]["estimate"] for name in LIVE_COUNTS] == [0.0] * 3


def test_the_same_answers_in_another_order_give_the_same_evidence():
    answers = scores(60)

    assert live_evidence(answers, "binary") == live_evidence(answers, "binary")
    backwards = live_evidence(answers[::-1], "binary")["counts"]
    assert backwards == live_evidence(answers, "binary")["counts"]


@pytest.mark.parametrize(
    ("kind", "names"),
    [("ordinal", {"quadratic_kappa", "macro_auroc", "auroc"}), ("regression", {"mae", "r2"}),
     ("survival", set())],
)  # fmt: skip
def test_each_kind_of_outcome_is_judged_by_its_own_metrics(kind, names):
    drawn = np.random.default_rng(5)
    answers = []
    for at in range(60):
        chances = drawn.dirichlet([1, 1, 1])
        answers.append(
            a_score(at, float(1 - chances[0]), outputs=tuple(map(float, chances)),
                    label=float(drawn.integers(0, 3)))
        )  # fmt: skip

    figures = live_evidence(answers, kind)["figures"]

    assert names <= set(figures)
    if kind == "survival":
        assert set(figures) == {*LIVE_COUNTS, *LIVE_RATES, *LIVE_LATENCIES}


def test_a_score_whose_outcome_is_not_known_is_not_judged():
    answers = [replace(one, label=None) for one in scores(30)]

    evidence = live_evidence(answers, "binary")

    assert evidence["counts"]["judged"] == 0
    assert "auroc" not in evidence["figures"]


def test_who_was_erased_does_not_count_as_a_patient_without_an_alert():
    answers = [a_score(1, 0.9), a_score(2, None, subject=None)]

    evidence = live_evidence(answers, "binary")

    assert evidence["counts"]["scores"] == 2
    assert evidence["figures"]["alert_rate"]["estimate"] == 1

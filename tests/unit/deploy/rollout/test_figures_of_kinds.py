"""Live figures of every kind of outcome are those of the evaluation, on the same rows."""

from dataclasses import replace

import numpy as np
import pytest

from bedside.core.records.declaration import Evaluation
from bedside.core.records.rollout import LIVE_COUNTS, LIVE_LATENCIES, LIVE_RATES, Guard, LiveGate
from bedside.core.records.version import Stage
from bedside.deploy.rollout.comparison import compare_answers
from bedside.deploy.rollout.evidence import live_evidence
from bedside.deploy.rollout.gates import judge_live
from bedside.deploy.rollout.guards import judge_guard
from bedside.develop.evaluate.intervals import estimates
from bedside.develop.evaluate.statistics import Rows
from live_answers import a_score, an_abstention, scores

HORIZONS = (365.0, 1096.0)
KINDS = ("binary", "multiclass", "ordinal", "regression", "survival")
BAR = 0.3


def rows_of(kind, n=160, seed=4):
    """n predictions about half as many subjects that tell a little of what comes true."""
    drawn = np.random.default_rng(seed)
    subject = np.arange(n) // 2
    parts = {"subject": subject, "days": np.ones(n), "outcome": kind}
    if kind in ("multiclass", "ordinal"):
        chances = drawn.dirichlet([1.0, 1.0, 1.0], n)
        label = np.array([drawn.choice(3, p=one) for one in chances])
        return Rows(risk=1 - chances[:, 0], label=label, outputs=chances, **parts)
    risk = drawn.uniform(0.02, 0.98, n)
    if kind == "regression":
        target = risk + drawn.normal(0, 0.2, n)
        return Rows(risk=risk, label=np.zeros(n, dtype=np.int64), target=target, **parts)
    if kind == "binary":
        return Rows(risk=risk, label=(drawn.uniform(size=n) < risk).astype(np.int64), **parts)
    event = drawn.exponential(1500 / (0.3 + risk))
    other, end = drawn.exponential(9000, n), drawn.uniform(100, 2500, n)
    until = HORIZONS[-1] + 1
    days = np.minimum.reduce([event, other, end, np.full(n, until)])
    label = np.where(days == event, 1, np.where(days == other, 2, 0))
    outputs = np.column_stack([risk / 2, risk])
    return Rows(risk=risk, label=label, outputs=outputs, target=days, horizons=HORIZONS, **parts)


def answers_of(rows):
    told = rows.target if rows.outcome == "regression" else rows.label
    return [
        a_score(
            at,
            float(risk),
            threshold=BAR,
            alert=bool(risk >= BAR),
            subject=f"s{rows.subject[at]:04}",
            outputs=() if rows.outputs is None else tuple(map(float, rows.outputs[at])),
            label=float(told[at]),
            followed_days=float(rows.target[at]) if rows.outcome == "survival" else None,
        )
        for at, risk in enumerate(rows.risk)
    ]


def horizons_of(kind):
    return HORIZONS if kind == "survival" else ()


@pytest.mark.parametrize("kind", KINDS)
def test_each_figure_is_the_evaluations(kind):
    rows = rows_of(kind)
    expected = estimates(rows, BAR, Evaluation(bootstrap=50), 1)
    waiting = [a_score(900, 0.9), an_abstention(901)]  # have no part in it

    figures = live_evidence(
        [*answers_of(rows), *waiting], kind, horizons=horizons_of(kind), replicates=50
    )["figures"]

    counts = {*LIVE_COUNTS, *LIVE_RATES, *LIVE_LATENCIES}
    told = {name for name in figures if name.partition("_at_")[0] not in {*counts, "at_risk"}}
    assert told == set(expected) - {"alert_rate"}
    for name in told:
        assert figures[name]["estimate"] == pytest.approx(expected[name]["estimate"], rel=1e-8)
        assert figures[name]["n"] == len(rows.risk)


def test_what_is_known_at_a_horizon_is_counted_by_hand():
    rows = rows_of("survival")
    days, cause = rows.target, rows.label

    evidence = live_evidence(answers_of(rows), "survival", horizons=HORIZONS, metrics=False)

    for ending, day in (("_at_365_days", 365.0), ("", 1096.0)):
        came = int(((days <= day) & (cause > 0)).sum())
        past = int(((days > day) | ((days == day) & (cause == 0))).sum())
        assert evidence["counts"][f"judged{ending}"] == came + past
        assert evidence["figures"][f"at_risk{ending}"]["estimate"] == past
    assert evidence["horizons"] == list(HORIZONS)


def early(answers, last):
    """As if nobody had been followed longer than this yet."""
    return [
        replace(one, label=0.0, followed_days=last) if one.followed_days > last else one
        for one in answers
    ]


def test_a_horizon_that_has_not_come_is_not_judged_and_says_so():
    answers = early(answers_of(rows_of("survival")), 400.0)
    gates = [
        LiveGate(metric="brier_at_365_days", at_most=0.3),
        LiveGate(metric="brier", at_most=0.3),
        LiveGate(metric="judged", at_least=100),
        LiveGate(metric="harrell_c", at_least=0.5),
    ]

    evidence = live_evidence(answers, "survival", horizons=HORIZONS, replicates=50)
    first, last, judged, order = judge_live(gates, evidence, Stage.CANARY)

    assert (first.state, last.state, judged.state, order.state) == (
        "passed", "not yet", "not yet", "passed"
    )  # fmt: skip
    came = sum(one.label > 0 for one in answers)
    assert (
        f"answers with a known outcome by 1,096 days: {came}; wanted: at least 100" in judged.text
    )
    assert "Brier score at 1,096 days: not known yet (ten patients or fewer" in last.text


def test_who_was_followed_too_rarely_stands_for_nobody():
    """Eleven patients at risk may stand for all the others, ten may not."""
    told = [
        a_score(at, 0.2, outputs=(0.1, 0.2), label=float(at < 60),
                followed_days=1097.0 if at >= 100 else 30.0 + at)
        for at in range(111)
    ]  # fmt: skip

    def brier(answers):
        figures = live_evidence(answers, "survival", horizons=HORIZONS, replicates=50)["figures"]
        return figures["brier"]["estimate"]

    assert brier(told) is not None
    assert brier(told[:-1]) is None


def test_a_level_is_judged_once_the_outcome_of_enough_patients_is_known():
    women = [replace(one, groups={"sex": "female"}) for one in scores(60)]
    men = [
        replace(one, subject=f"m{at}", groups={"sex": "male"}, label=one.label if at < 12 else None)
        for at, one in enumerate(scores(60, seed=2))
    ]
    gate = LiveGate(metric="auroc", at_least=0.5, subgroup="sex")

    def judged(minimum):
        evidence = live_evidence(
            [*women, *men],
            "binary",
            subgroups=["sex"],
            minimum_subgroup=minimum,
            replicates=50,
        )
        (result,) = judge_live([gate], evidence, Stage.LIVE)
        return result

    result = judged(20)

    assert result.state == "not yet"
    assert "male: not known yet (the outcome of fewer than 20 patients is known)" in result.text
    assert judged(12).state == "passed"


def test_a_level_of_a_time_until_an_event_waits_for_its_horizon():
    answers = answers_of(rows_of("survival"))
    halves = [replace(one, groups={"sex": "ab"[at // 80]}) for at, one in enumerate(answers)]
    gates = [LiveGate(metric=name, at_most=9, subgroup="sex")
             for name in ("brier_at_365_days", "brier")]  # fmt: skip

    evidence = live_evidence(
        [*halves[:80], *early(halves[80:], 380.0)], "survival", horizons=HORIZONS,
        subgroups=["sex"], minimum_subgroup=30, replicates=50,
    )  # fmt: skip
    first, last = judge_live(gates, evidence, Stage.LIVE)

    assert first.state == "passed"
    assert last.state == "not yet"
    assert "the least, b: not known yet" in last.text


def test_a_guard_on_a_horizon_counts_who_is_judged_by_it():
    answers = answers_of(rows_of("survival"))
    guard = Guard(metric="brier_at_365_days", at_most=0.001, over="730 d", minimum=60)

    waits = judge_guard(guard, early(answers, 200.0), "survival", HORIZONS)
    broken = judge_guard(guard, early(answers, 400.0), "survival", HORIZONS)

    came = sum(one.label > 0 for one in early(answers, 200.0))
    assert waits.state == "too few"
    assert f"{came} of 60 answers judged by 365 days in 730 d" in waits.text
    assert broken.state == "broken"
    assert broken.text.startswith("Brier score at 365 days: ")


def test_a_longer_follow_up_of_one_version_does_not_tell_two_versions_apart():
    answers = answers_of(rows_of("survival"))

    told = compare_answers(
        early(answers, 300.0), answers, "survival", horizons=HORIZONS, replicates=20
    )

    assert told["judged"] == len(answers)
    differences = {name: one["estimate"] for name, one in told["differences"].items()}
    assert {"harrell_c", "brier_at_365_days", "brier"} <= set(differences)
    assert all(value == 0 for value in differences.values() if value is not None)


def test_versions_with_other_horizons_are_not_compared_by_them():
    answers = answers_of(rows_of("survival"))

    told = compare_answers(answers, answers, "survival", replicates=20)

    assert set(told["differences"]) == {"alert_rate"}


def test_an_outcome_without_a_follow_up_or_that_is_none_is_left_out():
    answers = answers_of(rows_of("survival"))[:40]
    wrong = [
        replace(answers[0], followed_days=None),
        replace(answers[1], followed_days=-3.0),
        replace(answers[2], label=7.0),
    ]

    evidence = live_evidence([*wrong, *answers[3:]], "survival", horizons=HORIZONS, replicates=10)

    assert evidence["figures"]["harrell_c"]["n"] == 37

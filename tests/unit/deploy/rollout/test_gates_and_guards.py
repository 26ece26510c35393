"""What live evidence says of a gate, and what a guard does."""

import pytest

from bedside.core.records.rollout import Guard, LiveGate, Rollout
from bedside.core.records.version import Stage
from bedside.deploy.rollout.evidence import live_evidence
from bedside.deploy.rollout.gates import judge_live
from bedside.deploy.rollout.guards import judge_guard, needs_sealed
from bedside.deploy.rollout.wording import title_of
from bedside.metrics.names import METRICS
from live_answers import a_failure, a_score, scores


def state_of(gate, answers, stage=Stage.LIVE, **options):
    (result,) = judge_live([gate], live_evidence(answers, "binary", **options), stage)
    return result


@pytest.mark.parametrize(
    ("failures", "gate", "state"),
    [
        (0, LiveGate(metric="failure_rate", at_most=0.05), "passed"),
        (0, LiveGate(metric="failure_rate", at_most=0.05, bound="high"), "passed"),
        (0, LiveGate(metric="failure_rate", at_most=0.01, bound="high"), "not yet"),
        (8, LiveGate(metric="failure_rate", at_most=0.05), "not yet"),
        (40, LiveGate(metric="failure_rate", at_most=0.05), "failed"),
    ],
)
def test_a_gate_passes_waits_or_fails_by_the_interval(failures, gate, state):
    answers = [a_failure(at) if at < failures else a_score(at) for at in range(120)]

    result = state_of(gate, answers)

    assert result.state == state
    assert "wanted: " in result.text


def test_too_few_answers_are_a_matter_of_time():
    gate = LiveGate(metric="answers", at_least=100)

    assert state_of(gate, scores(99)).state == "not yet"
    assert state_of(gate, scores(100)).state == "passed"


def test_a_metric_without_a_known_outcome_waits_for_it():
    gate = LiveGate(metric="auroc", at_least=0.6, bound="low")

    waiting = state_of(gate, [a_score(at) for at in range(120)])

    assert waiting.state == "not yet"
    assert "no outcome has come" in waiting.text
    assert state_of(gate, scores(200)).state == "passed"
    upside_down = [a_score(at, 1 - one.risk, label=one.label) for at, one in enumerate(scores(200))]
    assert state_of(gate, upside_down).state == "failed"


def test_the_worst_level_decides_and_small_ones_are_named():
    gate = LiveGate(metric="failure_rate", at_most=0.1, subgroup="sex")
    women = [a_score(at, groups={"sex": "female"}) for at in range(60)]
    men = [a_failure(at, groups={"sex": "male"}, subject=f"m{at}") for at in range(60)]
    other = [a_failure(at, groups={"sex": "other"}, subject=f"o{at}") for at in range(5)]

    result = state_of(gate, [*women, *men, *other], subgroups=["sex"])

    assert result.state == "failed"
    assert "male" in result.text
    assert "too few patients to judge: other" in result.text
    assert state_of(gate, women + other, subgroups=["sex"]).state == "passed"
    assert state_of(gate, other, subgroups=["sex"]).state == "not yet"


def test_a_gate_of_another_step_is_not_asked():
    gate = LiveGate(metric="answers", at_least=10**6, stages=(Stage.LIVE,))

    assert judge_live([gate], live_evidence([], "binary"), Stage.CANARY) == ()


def test_what_is_declared_without_a_word_can_be_passed_by_a_hundred_good_answers():
    results = judge_live(Rollout().gates, live_evidence(scores(100), "binary"), Stage.LIVE)

    assert [one.state for one in results] == ["passed"] * 4


def test_a_guard_waits_for_enough_answers_then_keeps_or_breaks():
    guard = Guard(metric="failure_rate", at_most=0.05, minimum=50)
    bad = [a_failure(at) for at in range(49)]

    assert judge_guard(guard, bad, "binary").state == "too few"
    broken = judge_guard(guard, [*bad, a_failure(50)], "binary")
    assert broken.state == "broken"
    assert broken.evidence["counts"]["failures"] == 50
    assert judge_guard(guard, scores(60), "binary").state == "kept"


def test_a_guard_on_a_metric_counts_what_is_judged():
    guard = Guard(metric="auroc", at_least=0.99, minimum=50)

    assert judge_guard(guard, [a_score(at) for at in range(80)], "binary").state == "too few"
    assert judge_guard(guard, scores(80), "binary").state == "broken"


def test_only_what_lies_sealed_is_opened_for_a_guard():
    of_open = ("failure_rate", "abstention_rate", "latency_p99_ms", "answers")
    assert not any(needs_sealed(Guard(metric=one, at_most=1)) for one in of_open)
    assert all(needs_sealed(Guard(metric=one, at_most=1)) for one in ("alert_rate", "brier"))


def test_every_metric_can_be_said_in_words():
    assert all(title_of(metric) for metric in METRICS)

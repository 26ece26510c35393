"""Gates of the release on live figures: kept, broken by more than chance, or not to be told."""

import numpy as np
import pytest
from scipy.stats import norm

from bedside.core.records.declaration import Gate
from bedside.metrics.multiplicity import holm
from bedside.monitor.judged.gates import judge_again


def figure(estimate, half=0.02, **more):
    return {
        "estimate": estimate, "low": estimate - half, "high": estimate + half, "n": 500, **more
    }  # fmt: skip


def of_everybody(gate, told):
    (one,) = judge_again([gate], {"metrics": told, "subgroups": {}, "fairness": {}})
    return one


def of_groups(gate, levels, fairness=None):
    subgroups = {
        "sex": {
            name: {"subjects": 500, "metrics": {"auroc": told}}
            if isinstance(told, dict)
            else {"subjects": None, "metrics": {}, "why": told}
            for name, told in levels.items()
        }
    }
    (one,) = judge_again(
        [gate], {"metrics": {}, "subgroups": subgroups, "fairness": fairness or {}}
    )
    return one


@pytest.mark.parametrize(
    ("estimate", "bound", "state"),
    [
        (0.85, "estimate", "pass"),
        (0.85, "low", "pass"),
        (0.81, "low", "not yet"),
        (0.79, "estimate", "not yet"),
        (0.77, "estimate", "fail"),
        (0.77, "low", "fail"),
    ],
)
def test_a_gate_is_kept_broken_or_not_to_be_told_by_its_interval(estimate, bound, state):
    gate = Gate(metric="auroc", at_least=0.8, bound=bound)

    told = of_everybody(gate, {"auroc": figure(estimate)})

    assert told.state == state
    assert "asked: at least 0.8" in told.text


def test_what_has_no_figure_is_neither_kept_nor_broken():
    hidden = {"estimate": None, "low": None, "high": None, "n": None, "why": "ten or fewer"}

    assert of_everybody(Gate(metric="auroc", at_least=0.8), {"auroc": hidden}).state == "not yet"
    assert of_everybody(Gate(metric="normalised_utility", at_least=0.3), {}).state == "not yet"


def test_one_of_many_groups_a_little_below_is_chance_and_one_far_below_is_not():
    gate = Gate(metric="auroc", at_least=0.8, subgroup="sex")
    fine = {f"g{place}": figure(0.85) for place in range(19)}
    half = 0.02
    slightly = 0.8 - half * 1.05

    alone = of_groups(gate, {"g": figure(slightly, half)})
    among = of_groups(gate, fine | {"g": figure(slightly, half)})
    far = of_groups(gate, fine | {"g": figure(0.8 - 2 * half, half)})

    assert (alone.state, among.state, far.state) == ("fail", "not yet", "fail")
    assert far.level == "g"
    p = norm.sf(1.96 * 2)
    assert far.p == pytest.approx(holm([p, *[norm.cdf(0.05 * 1.96 / half)] * 19])[0], rel=1e-2)


def test_groups_without_change_are_broken_by_chance_as_seldom_as_promised():
    random = np.random.default_rng(5)
    gate = Gate(metric="auroc", at_least=0.8, subgroup="sex")
    se = 0.02
    drawn = 0.8 + se * random.normal(size=(1500, 6))

    failed = [
        of_groups(gate, {str(at): figure(value, 1.96 * se) for at, value in enumerate(row)}).state
        == "fail"
        for row in drawn
    ]

    assert np.mean(failed) <= 0.025 + 3 * np.sqrt(0.025 * 0.975 / 1500)


def test_groups_that_are_too_small_are_named_and_not_judged():
    gate = Gate(metric="auroc", at_least=0.8, subgroup="sex")

    told = of_groups(gate, {"female": figure(0.9), "male": "fewer than 20 subjects"})

    assert told.state == "pass"
    assert "too few patients to judge: male" in told.text


def test_a_gap_that_chance_alone_makes_is_not_called_broken():
    gate = Gate(metric="tpr_gap", at_most=0.1, subgroup="sex")
    levels = {"female": figure(0.9), "male": figure(0.9)}
    wide = figure(0.2, 0.12, corrected=0.05, levels=["female", "male"])
    real = figure(0.4, 0.12, corrected=0.36, levels=["female", "male"])

    chance = of_groups(gate, levels, {"sex": {"tpr_gap": wide}})
    broken = of_groups(gate, levels, {"sex": {"tpr_gap": real}})

    assert (chance.state, broken.state) == ("not yet", "fail")
    assert broken.level == "female and male"

"""Gates pass on figures that are there, and only on those."""

import pytest

from bedside.core.records.declaration import Gate
from bedside.develop.evaluate.gates import judge

FEW = "10 subjects or fewer"


def figure(estimate, low=None, high=None, **more):
    return {"estimate": estimate, "low": low, "high": high, "n": 100, **more}


def level(estimate, low=None, **more):
    return {"metrics": {"auroc": figure(estimate, low, 0.99)}, **more}


def result(gate, *, subgroups=None, metrics=None, fairness=None):
    evidence = {"metrics": metrics or {}, "subgroups": subgroups or {}}
    (one,) = judge((gate,), evidence | ({"fairness": fairness} if fairness else {}))
    return one


BY_SEX = Gate(metric="auroc", at_least=0.7, bound="low", subgroup="sex")


def test_a_gate_on_a_subgroup_is_as_good_as_its_worst_level():
    levels = {"f": level(0.9, 0.85), "m": level(0.8, 0.65)}

    failed = result(BY_SEX, subgroups={"sex": levels})
    passed = result(BY_SEX, subgroups={"sex": levels | {"m": level(0.8, 0.75)}})

    assert not failed.passed
    assert failed.text == "auroc of sex m: lower end of the interval 0.650 is not at least 0.7"
    assert passed.passed
    assert passed.text.startswith("auroc of sex, the least of 2, m: lower end")


def test_levels_that_are_too_small_are_named():
    levels = {"f": level(0.9, 0.85), "x": level(None, why=FEW), "y": level(None, why=FEW)}

    one = result(BY_SEX, subgroups={"sex": levels})

    assert one.passed
    assert one.text.endswith("; too small to be judged: x, y")


def test_a_level_that_is_large_enough_but_has_no_figure_fails_the_gate():
    undefined = {"metrics": {"auroc": figure(None, why="undefined on these rows")}}

    one = result(BY_SEX, subgroups={"sex": {"f": level(0.9, 0.85), "m": undefined}})

    assert not one.passed
    assert one.text == "auroc of sex m: no figure (undefined on these rows)"


@pytest.mark.parametrize("levels", [{}, {"x": level(None, why=FEW)}])
def test_a_gate_on_a_subgroup_of_which_no_level_is_judged_fails(levels):
    assert not result(BY_SEX, subgroups={"sex": levels}).passed


def test_a_gap_is_looked_up_in_the_fairness_of_its_subgroup():
    gate = Gate(metric="tpr_gap", at_most=0.1, bound="high", subgroup="sex")

    wide = result(gate, fairness={"sex": {"tpr_gap": figure(0.05, 0.01, 0.12)}})
    narrow = result(gate, fairness={"sex": {"tpr_gap": figure(0.05, 0.01, 0.09)}})

    assert not wide.passed
    assert wide.text == "tpr_gap of sex: upper end 0.120 is not at most 0.1"
    assert narrow.passed
    assert not result(gate).passed


def test_a_gate_on_a_figure_that_was_not_computed_fails():
    one = result(Gate(metric="auroc", at_least=0.7))

    assert not one.passed
    assert one.text == "auroc: no figure (it was not computed)"

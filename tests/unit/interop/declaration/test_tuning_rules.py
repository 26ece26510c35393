"""Tuning as declared: a mistake is named when it is read, with the fix."""

import pytest

from bedside.core.errors import Invalid
from bedside.core.records.declaration import Bounds
from bedside.lifecycle.package import declaration_of
from trained import DIAGNOSIS


def read(learner):
    before, _, after = DIAGNOSIS.partition("learner:\n")
    rest = after[after.index("\nevaluation:") :]
    return declaration_of(f"{before}learner: {learner}\n{rest}".encode())


@pytest.mark.parametrize(
    ("learner", "says"),
    [
        ("{tuning: {trials: 1}}", "give 2 to 500"),
        ("{tuning: {trials: 501}}", "give 2 to 500"),
        ("{tuning: {folds: 1}}", "give 2 to 10"),
        ("{tuning: {seed: -1}}", "seed is out of bounds"),
        ("{tuning: {space: {num_leavs: {low: 2, high: 9}}}}", "write 'num_leaves'"),
        ("{tuning: {space: {num_leaves: {low: 2}}}}", "give low and high, or choices"),
        ("{tuning: {space: {num_leaves: {low: 2, high: .inf}}}}", "give low and high"),
        ("{tuning: {space: {num_leaves: {low: 9, high: 9}}}}", "make low less than high"),
        ("{tuning: {space: {lambda_l2: {low: 0, high: 9, log: true}}}}", "begins above 0"),
        ("{tuning: {space: {num_leaves: {low: 2.5, high: 9, whole: true}}}}", "give whole numbers"),
        ("{tuning: {space: {num_leaves: {choices: [4]}}}}", "give two or more"),
        ("{tuning: {space: {num_leaves: {choices: [4, 8, 4]}}}}", "each once"),
        ("{tuning: {space: {num_leaves: {low: 2, choices: [4, 8]}}}}", "keep either choices, or"),
        (
            "{kind: ensemble, members: [{kind: ebm}, {kind: logistic}], "
            "tuning: {space: {num_leaves: {low: 2, high: 9}}}}",
            "unknown parameter 'num_leaves'",
        ),
    ],
)
def test_a_wrong_tuning_is_named_with_its_fix(learner, says):
    with pytest.raises(Invalid, match=says):
        read(learner)


def test_a_right_tuning_is_read():
    space = "{num_leaves: {low: 2, high: 9, whole: true}, extra_trees: {choices: [true, false]}}"

    tuning = read(f"{{tuning: {{trials: 5, folds: 4, space: {space}}}}}").learner.tuning

    assert tuning.trials == 5
    assert tuning.space["extra_trees"] == Bounds(choices=(True, False))
    ensemble = (
        "{kind: ensemble, members: [{}, {kind: logistic}], tuning: {space: {C: {low: 1, high: 2}}}}"
    )
    assert read(ensemble).learner.tuning.space["C"].high == 2

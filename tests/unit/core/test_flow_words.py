"""The flow in words: nobody can be found by subtraction."""

from bedside.core.records.flow import FlowStep
from bedside.core.records.flow_words import told_flow


def a_step(name, subjects, rows=0, **groups):
    return FlowStep(name=name, text=name, subjects=subjects, rows=rows, groups=groups)


def test_a_flow_without_small_losses_is_told_exactly():
    told = told_flow([a_step("all", 4000), a_step("asked", 3500, 7000)])

    assert [step.subjects for step in told] == ["4,000", "3,500"]
    assert told[1].dropped == "500 subjects"


def test_where_few_were_left_out_every_count_is_rounded():
    told = told_flow([a_step("all", 4003), a_step("asked", 3996, 5001), a_step("kept", 3000, 4001)])

    assert [step.subjects for step in told] == ["about 4,000", "about 4,000", "about 3,000"]
    assert told[1].dropped == "10 or fewer subjects"
    assert "3,996" not in str(told)


def test_a_small_loss_in_one_subgroup_rounds_the_whole_flow():
    before = a_step("all", 4000, sex={"female": 2000, "male": 2000})
    after = a_step("asked", 3000, 3000, sex={"female": 1997, "male": 1003})

    told = told_flow([before, after])

    assert told[1].groups["sex"]["female"] == "about 2,000"
    assert told[1].subjects == "about 3,000"


def test_a_small_level_is_never_told():
    told = told_flow([a_step("all", 100, sex={"female": 93, "other": 7})])

    assert told[0].groups["sex"]["other"] == "10 or fewer"


def test_rows_that_were_left_out_are_told_beside_the_subjects():
    told = told_flow([a_step("asked", 100, 1000), a_step("kept", 100, 500)])

    assert told[1].dropped == "500 prediction times"

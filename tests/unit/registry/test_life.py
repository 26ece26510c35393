from dataclasses import replace
from itertools import product

import pytest

from bedside.core.errors import Refused
from bedside.core.records.version import (
    NEXT_STAGES,
    SHOWN,
    Approval,
    GateResult,
    ModelVersion,
    Stage,
)
from bedside.registry.life import may_release, moved, rolled_back

STEPS = list(product(Stage, Stage))


def a_version(stage: Stage = Stage.BUILT, *, passed: bool = True, yes: bool = True) -> ModelVersion:
    approval = Approval(
        version="biopsy@0", name="M. Curie", actor="user:curie", meaning="fit", approved_at="2026"
    )
    return ModelVersion(
        id="biopsy@0",
        name="biopsy",
        bundle="0" * 64,
        stage=stage,
        built_at="2026",
        gates=(
            GateResult(metric="brier", passed=True, text="0.03 is below 0.10"),
            GateResult(metric="auroc", passed=passed, text="0.80 is below 0.95"),
        ),
        approval=approval if yes else None,
    )


@pytest.mark.parametrize(("now", "then"), [s for s in STEPS if s[1] in NEXT_STAGES[s[0]]])
def test_a_step_that_life_has_is_taken(now: Stage, then: Stage) -> None:
    assert moved(a_version(now), then) == a_version(then)


@pytest.mark.parametrize(("now", "then"), [s for s in STEPS if s[1] not in NEXT_STAGES[s[0]]])
def test_a_step_that_life_has_not_is_refused_and_the_way_is_shown(now: Stage, then: Stage) -> None:
    with pytest.raises(Refused) as refused:
        moved(a_version(now), then)

    assert refused.value.code == "wrong_stage"
    assert any(word in refused.value.fix for word in ("approve", "become", "build", "already"))


def test_failed_gates_are_named_before_the_missing_approval() -> None:
    with pytest.raises(Refused, match=r"gate 'auroc' failed: 0.80") as refused:
        may_release(a_version(passed=False, yes=False), Stage.SILENT)

    assert "brier" not in str(refused.value)
    assert "approve" not in str(refused.value)


def test_without_an_approval_the_command_that_gives_one_is_shown() -> None:
    with pytest.raises(Refused, match="bedside approve biopsy@0 --name"):
        may_release(a_version(yes=False))


def test_a_version_without_gates_is_never_said_to_have_passed_them() -> None:
    bare = replace(a_version(yes=False), gates=())

    assert bare.gates_in_words == "no gates declared"
    assert a_version().gates_in_words == "gates passed"
    assert a_version(passed=False).gates_in_words == "gates FAILED"
    with pytest.raises(Refused) as refused:
        may_release(bare)
    assert "passed" not in refused.value.problem


def test_a_version_can_be_retired_whatever_it_lacks() -> None:
    may_release(a_version(passed=False, yes=False), Stage.RETIRED)

    with pytest.raises(Refused):
        may_release(a_version(passed=False, yes=False), Stage.LIVE)


def test_a_yes_for_silent_use_is_none_for_live() -> None:
    silent = a_version(Stage.SILENT)
    may_release(silent, Stage.SILENT)

    with pytest.raises(Refused, match="--for live") as refused:
        may_release(silent, Stage.LIVE)

    assert refused.value.code == "step_not_approved"


@pytest.mark.parametrize("stage", [one for one in Stage if one not in SHOWN])
def test_what_nobody_sees_is_not_taken_back(stage: Stage) -> None:
    with pytest.raises(Refused) as refused:
        rolled_back(a_version(stage), [])

    assert refused.value.code == "not_shown"

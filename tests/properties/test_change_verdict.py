"""A version is never inside its plan when a bound is broken, or anything else has changed."""

from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from bedside.core.clock import iso
from bedside.core.records.change_control import ChangePlan
from bedside.core.records.version import GateResult
from bedside.governance.changes.parts import Side
from bedside.governance.changes.verdict import verdict_of
from trained import a_declaration

SINGLE = {"estimate": 0.85, "low": 0.8, "high": 0.9, "n": 500}
PLAN = msgspec.convert(
    {
        "modifications": [
            {
                "id": "refit",
                "description": "newer patients",
                "rationale": "practice changes",
                "kind": "refit",
                "made": "manual",
                "reach": "local",
                "every_at_least": "30 d",
                "bounds": {
                    "metrics": [
                        {"metric": "auroc", "at_least": 0.8, "falls_at_most": 0.02},
                        {"metric": "auroc", "at_least": 0.7, "subgroup": "sex"},
                    ],
                    "subjects_at_least": 300,
                    "threshold": [0.1, 0.5],
                },
                "protocol": {
                    "data_management": "as before",
                    "retraining": "as before",
                    "evaluation": {
                        "gates": ["auroc"],
                        "plan": "held-out subjects",
                        "failure": "the parent stays",
                        "compare": [{"metric": "brier", "rises_at_most": 0.01}],
                    },
                    "update": {"silent_for": "7 d", "told": ["wards"], "rollback": []},
                },
                "benefits": "it keeps up",
                "risks": [],
            }
        ],
        "impact": {"verification": "gates", "interaction": "none", "cumulative": "none"},
    },
    ChangePlan,
)


def figures(auroc=0.85, brier=0.1, women=0.8, men=0.8, threshold=0.3, subjects=500):
    def one(value):
        return {**SINGLE, "estimate": value}

    return {
        "metrics": {"auroc": one(auroc), "brier": one(brier)},
        "subgroups": {
            "sex": {"female": {"metrics": {"auroc": one(women)}}}
            | {"male": {"metrics": {"auroc": one(men)}}}
        },
        "threshold": {"value": threshold},
        "counts": {"train": {"subjects": subjects}},
    }


def a_side(**changed):
    told = {
        "id": "m@1",
        "declared": msgspec.to_builtins(a_declaration(change_control=PLAN)),
        "evidence": figures(),
        "features": ("a", "b"),
        "snapshot": "s1",
        "model": "m1",
        "calibration": "c1",
        "software": {"bedside": "1"},
        "gates": (GateResult(metric="auroc", passed=True, text="auroc is at least 0.8"),),
        "built_at": "2026-01-01T00:00:00.000000Z",
    }
    return Side(**(told | changed))


def refitted(**changed):
    later = {"id": "m@2", "snapshot": "s2", "model": "m2", "calibration": "c2"}
    return a_side(**({"built_at": "2026-03-01T00:00:00.000000Z"} | later | changed))


def test_a_refit_that_keeps_every_bound_is_inside():
    found = verdict_of(PLAN, a_side(), refitted())

    assert (found.standing, found.modification) == ("inside", "refit")
    assert {one.part for one in found.changes} == {"data", "model", "calibration"}


values = st.floats(0, 1) | st.none() | st.just(float("nan"))


@settings(max_examples=300, deadline=None)
@given(
    auroc=values,
    brier=values,
    women=values,
    threshold=values,
    subjects=st.integers(0, 1000) | st.none() | st.just("11 or more"),
    days=st.integers(0, 90),
    passed=st.booleans(),
)
@example(auroc=0.85, brier=0.1, women=0.8, threshold=0.3, subjects=500, days=60, passed=True)
def test_inside_means_that_every_bound_is_kept(
    auroc, brier, women, threshold, subjects, days, passed
):
    kept = (
        auroc is not None and auroc >= 0.8 and 0.85 - auroc <= 0.02,
        brier is not None and brier - 0.1 <= 0.01,
        women is not None and women >= 0.7,
        threshold is not None and 0.1 <= threshold <= 0.5,
        isinstance(subjects, int) and subjects >= 300,
        days >= 30,
        passed,
    )
    new = refitted(
        evidence=figures(auroc, brier, women, 0.8, threshold, subjects),
        built_at=iso(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=days)),
        gates=(GateResult(metric="auroc", passed=passed, text="gate"),),
    )

    found = verdict_of(PLAN, a_side(), new)

    assert (found.standing == "inside") == all(kept)


PLACES = [
    ("title",),
    ("intended_use", "population"),
    ("question", "ask"),
    ("data", "licence"),
    ("gates",),
    ("hazards",),
    ("change_control",),
    ("rollout", "canary", "share"),
    ("learner", "kind"),
    ("learner", "calibration"),
    ("learner", "rounds"),
    ("learner", "parameters", "num_leaves"),
    ("evaluation", "threshold"),
    ("evaluation", "folds"),
    ("features",),
    ("signals", "mean_radius"),
    ("signals", "malignant", "happens_after"),
    ("eligibility",),
    ("uncertainty", "coverage"),
]


@settings(max_examples=60, deadline=None)
@given(place=st.sampled_from(PLACES), to=st.sampled_from(["another", None, 7, []]))
def test_a_refit_that_changes_the_declaration_anywhere_is_outside_unless_its_kind_may(place, to):
    declared = deepcopy(a_side().declared)
    inner = declared
    for key in place[:-1]:
        inner = inner[key]
    assume(inner[place[-1]] != to)
    inner[place[-1]] = to

    found = verdict_of(PLAN, a_side(), refitted(declared=declared))

    may = place == ("evaluation", "threshold")
    assert (found.standing == "inside") == may
    assert may or found.considered[0].uncovered


@given(name=st.text(max_size=5), version=st.text(max_size=5))
def test_other_software_is_outside_where_the_plan_does_not_say_so(name, version):
    software = {"bedside": "1"} | {name: version}
    assume(software != {"bedside": "1"})

    found = verdict_of(PLAN, a_side(), refitted(software=software))

    assert found.standing == "outside"


def test_a_level_that_is_no_longer_shown_breaks_its_floor():
    evidence = figures()
    evidence["subgroups"]["sex"]["female"] = {"why": "too few"}

    assert verdict_of(PLAN, a_side(), refitted(evidence=evidence)).standing == "outside"


def test_a_gate_that_was_not_judged_is_not_met():
    assert verdict_of(PLAN, a_side(), refitted(gates=())).standing == "outside"


def test_a_plan_of_sentences_judges_nothing_and_no_plan_plans_nothing():
    assert verdict_of(("refit",), a_side(), refitted()).standing == "described"
    assert verdict_of((), a_side(), refitted()).standing == "unplanned"
    assert verdict_of(PLAN, a_side(), a_side(id="m@2")).standing == "unchanged"


def test_the_new_version_cannot_widen_its_own_plan():
    wider = replace(PLAN, modifications=(replace(PLAN.modifications[0], every_at_least="0 d"),))
    declared = msgspec.to_builtins(a_declaration(change_control=wider))

    found = verdict_of(PLAN, a_side(), refitted(declared=declared))

    assert found.standing == "outside"
    assert any("change_control" in one for one in found.considered[0].uncovered)

"""The engine knows what a release mode allows, and refuses the rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.core.errors import Invalid, Refused
from bedside.core.records.identifier import IdentifierKind
from bedside.core.records.release_mode import ReleaseMode
from bedside.privacy.rules import Action, ReleasePlan, clause_of, kinds

NEEDS = {
    ReleaseMode.SAFE_HARBOR: {},
    ReleaseMode.EXPERT: {"dossier": "dossier-1"},
    ReleaseMode.LIMITED_DATASET: {"agreement": "DUA 7"},
}
RELEASES = sorted(NEEDS)


def a_plan(mode: ReleaseMode = ReleaseMode.SAFE_HARBOR, **actions: Action) -> ReleasePlan:
    return ReleasePlan(mode=mode, project="sepsis", actions=actions, **NEEDS[mode])


@pytest.mark.parametrize("mode", RELEASES)
def test_every_kind_of_identifier_has_a_rule(mode: ReleaseMode) -> None:
    for kind in IdentifierKind:
        assert a_plan(mode).action(kind) in Action


def test_every_letter_of_the_list_is_there() -> None:
    assert {clause_of(kind) for kind in kinds()} == {*"ABCDEFGHIJKLMNOPQR", "-"}


@pytest.mark.parametrize(
    ("kind", "action", "why"),
    [
        ("date", Action.SHIFT, "164.514(b)(2)(i)(C)"),
        ("birth_date", Action.SHIFT, "164.514(b)(2)(i)(C)"),
        ("record_number", Action.KEYED_HASH, "164.514(c)(1)"),
        ("date", Action.KEEP, "one of its identifiers"),
        ("name", Action.KEEP, "one of its identifiers"),
    ],
)
def test_safe_harbor_refuses_what_it_does_not_allow(kind: str, action: Action, why: str) -> None:
    with pytest.raises(Refused) as refused:
        a_plan(**{kind: action})

    assert refused.value.code == "release_mode"
    assert why in refused.value.problem


@given(st.sampled_from(RELEASES), st.sampled_from(kinds()), st.sampled_from(list(Action)))
def test_what_a_mode_cannot_do_is_refused_and_the_rest_is_done(
    mode: ReleaseMode, kind: str, action: Action
) -> None:
    try:
        done = a_plan(mode, **{kind: action}).action(kind)
    except Refused:
        assert a_plan(mode).action(kind) is not action
    else:
        assert done is action
        assert mode.shifts_dates or action is not Action.SHIFT
        assert mode.allows_derived_codes or action is not Action.KEYED_HASH
        assert mode.keeps_dates or mode is ReleaseMode.EXPERT or (kind, action) != ("date", "keep")


def test_a_limited_data_set_needs_its_agreement_and_an_expert_the_dossier() -> None:
    with pytest.raises(Refused, match="data use agreement"):
        ReleasePlan(mode=ReleaseMode.LIMITED_DATASET, project="p")
    with pytest.raises(Refused, match="documented"):
        ReleasePlan(mode=ReleaseMode.EXPERT, project="p", agreement="x")
    with pytest.raises(Refused, match="identified"):
        ReleasePlan(mode=ReleaseMode.IDENTIFIED, project="p")
    with pytest.raises(Invalid, match="project"):
        ReleasePlan(mode=ReleaseMode.SAFE_HARBOR, project="No Name")
    with pytest.raises(Invalid, match="kind"):
        a_plan(nonsense=Action.DROP)

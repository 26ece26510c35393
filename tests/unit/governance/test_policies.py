"""The shipped policies decide as their table says, and a fault in a policy refuses."""

import contextlib
from datetime import UTC, datetime
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.errors import BedsideError, Invalid
from bedside.core.records.policy import Access, Act, Resource, Role
from bedside.core.records.purpose import Purpose
from bedside.core.records.snapshot import Zone
from bedside.governance.adapters.cedar_policies import CedarPolicies
from bedside.governance.policy_testing import ask_table
from bedside.governance.shipped_policies import PolicySource, shipped_policies
from bedside.interop.policy_table import read_policy_table

NOW = datetime(2026, 11, 26, tzinfo=UTC)
SHIPPED = CedarPolicies(shipped_policies())
TABLE = read_policy_table((files("bedside.governance.policies") / "decisions.yaml").read_bytes())
PERMIT_ALL = '@id("all") @words("All.") permit (principal, action, resource);'
OVERFLOWS = "9223372036854775807 + 1 == 0"  # the one thing that validation cannot foresee


def asked(act=Act.DEVELOP, purpose=Purpose.SYSDEV, roles=(), zone=Zone.RELEASED, **more):
    return Access(
        actor="user:ada",
        roles=frozenset(roles),
        act=act,
        resource=Resource(name="ward", zone=zone, **more),
        purpose=purpose,
        when=NOW,
    )


def policies(*texts):
    return CedarPolicies([PolicySource(origin="here", text=text) for text in texts])


@pytest.mark.parametrize(
    "row", ask_table(SHIPPED, TABLE, NOW), ids=lambda one: f"{one.row}-{one.wanted.act.value}"
)
def test_the_shipped_policies_decide_as_their_table_says(row):
    assert row.holds, (row.wanted, row.decision)


def test_every_shipped_policy_decides_a_row_of_the_table():
    named = {name for one in ask_table(SHIPPED, TABLE, NOW) for name in one.decision.policies}

    assert {one.name for one in SHIPPED.describe()} - named == set()


def test_a_wrong_row_does_not_hold():
    text = b"decisions: [{roles: [auditor], act: erase, purpose: audit, expected: allowed}]"

    (row,) = ask_table(SHIPPED, read_policy_table(text), NOW)

    assert not row.holds


@given(st.sampled_from(Act), st.sampled_from(Purpose), st.sampled_from([None, *Zone]))
@settings(deadline=None)
def test_whoever_holds_no_role_may_do_nothing(act, purpose, zone):
    assert not SHIPPED.decide(asked(act, purpose, (), zone)).allowed


@given(st.sampled_from(Act), st.sets(st.sampled_from(Role)), st.sampled_from(["unknown", "permit"]))
@settings(deadline=None)
def test_a_role_more_takes_nothing_away(act, roles, consent):
    fewer = SHIPPED.decide(asked(act, roles=roles, consent=consent))
    all_roles = SHIPPED.decide(asked(act, roles=set(Role), consent=consent))

    assert all_roles.allowed or not fewer.allowed


@pytest.mark.parametrize("zone", Zone)
@pytest.mark.parametrize("act", Act)
def test_nobody_may_do_anything_with_patients_data_for_marketing(act, zone):
    assert not SHIPPED.decide(asked(act, Purpose.HMARKT, set(Role), zone)).allowed


def test_a_forbid_that_errors_refuses_although_cedar_alone_would_allow():
    broken = f'@id("b") @words("No.") forbid (principal, action, resource) when {{ {OVERFLOWS} }};'

    decision = policies(PERMIT_ALL, broken).decide(asked())

    assert not decision.allowed
    assert decision.faults == ("b",)
    assert decision.policies == ()


def test_a_permit_that_errors_refuses_what_another_permits():
    broken = f'@id("b") @words("Yes.") permit (principal, action, resource) when {{ {OVERFLOWS} }};'

    assert not policies(PERMIT_ALL, broken).decide(asked()).allowed


def test_a_policy_for_other_acts_decides_nothing_here():
    others = (
        '@id("o") @words("No.") forbid (principal, action in [Action::"export", '
        'Action::"erase"], resource);'
    )
    both = policies(PERMIT_ALL, others)

    assert both.decide(asked(Act.DEVELOP)).allowed
    assert not both.decide(asked(Act.ERASE)).allowed
    assert both.describe()[1].acts == ("export", "erase")


def test_a_policy_that_has_ended_permits_nothing_more():
    ends = (
        '@id("e") @words("Till May.") @expires("2026-05-01") permit (principal, action, resource);'
    )
    once = policies(ends)

    may = asked()
    before = Access(
        actor=may.actor,
        roles=may.roles,
        act=may.act,
        resource=may.resource,
        purpose=may.purpose,
        when=datetime(2026, 4, 30, 23, 59, tzinfo=UTC),
    )
    assert once.decide(before).allowed
    assert not once.decide(may).allowed


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("permit (principal, action, resource);", "no name"),
        ('@id("a") permit (principal, action, resource);', "no words"),
        (f"{PERMIT_ALL} {PERMIT_ALL}", "Two policies"),
        ('@id("a") @words("x") permit (principal, action, resource) when { context.vip };', "vip"),
        ('@id("a") @words("x") permit (principal == ?principal, action, resource);', "template"),
        ('@id("a") @words("x") @expires("soon") permit (principal, action, resource);', "no time"),
        ("permit everything", "not Cedar"),
    ],
)
def test_a_policy_that_is_not_sound_is_not_taken(text, problem):
    with pytest.raises(Invalid, match=problem):
        policies(text)


@given(st.text(max_size=300))
def test_a_strangers_policies_are_refused_in_our_words_or_taken(text):
    with contextlib.suppress(BedsideError):
        policies(text)


@given(st.binary(max_size=300))
def test_a_strangers_table_is_refused_in_our_words_or_taken(content):
    with contextlib.suppress(BedsideError):
        read_policy_table(content)


def test_a_refusal_says_what_could_permit_it_and_which_roles_there_are():
    reasons = SHIPPED.decide(asked(Act.ERASE)).reasons

    assert reasons[0] == "No policy permits it."
    assert any("Privacy officers and data stewards may erase" in one for one in reasons)
    assert "You hold no role here." in reasons[-1]

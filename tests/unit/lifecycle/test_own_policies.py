"""A hospital's own policies: versions, signatures, what they change, and what they cannot."""

import pytest
from sqlalchemy import text as sql

from bedside.core.errors import Invalid, NotFound, Refused
from bedside.core.records.ledger import Actor
from bedside.core.records.policy import Act, Resource
from bedside.core.records.policy_table import ExpectedDecision, PolicyTable
from bedside.core.records.snapshot import Zone
from bedside.infra.database.opening import open_database
from bedside.lifecycle.door import decided
from bedside.lifecycle.own_policies import add_policies, compare_policies, remove_policies
from bedside.wiring.governed import parse_policies
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace

STUDY = (
    '@id("study") @words("Ada may research.") permit (principal == Person::"user:ada", '
    'action == Action::"develop", resource == Thing::"ward") '
    'when { context.purpose == Purpose::"HRESCH" };'
)
LIFTS = '@id("all") @words("All.") permit (principal, action, resource);'
WARD = Resource(name="ward", zone=Zone.IDENTIFIED)


def opened(folder):
    actor = actor_of("user:ada", "governance")
    return open_workspace(folder, actor=actor, progress=LineProgress())


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "w"


def added(platform, text=STUDY, origin="ward", decision="minute 12"):
    return add_policies(platform, origin, text, decision=decision, parse=parse_policies)


def may_research(platform):
    asked = Actor(name="user:ada", purpose="research")
    return decided(platform, asked, Act.DEVELOP, WARD)[1].allowed


def test_an_added_policy_counts_and_one_taken_back_does_not(folder):
    platform = opened(folder)
    assert not may_research(platform)

    first = added(platform)
    assert may_research(opened(folder))
    removed = remove_policies(opened(folder), "ward", decision="minute 13")

    assert (first.version, removed.version) == (1, 2)
    assert not may_research(opened(folder))
    told = [(one.action, one.details["decision"]) for one in platform.ledger.entries()]
    assert told == [("policy.add", "minute 12"), ("policy.remove", "minute 13")]


def test_a_running_server_learns_of_a_change(folder):
    platform, other = opened(folder), opened(folder)
    platform.policies._seconds = 0.0
    assert not may_research(platform)

    added(other)

    assert may_research(platform)


def test_what_is_shipped_as_forbidden_stays_so(folder):
    added(opened(folder), LIFTS)

    asked = Actor(name="user:ada", purpose="marketing")

    decision = decided(opened(folder), asked, Act.DEVELOP, WARD)[1]
    assert decision.policies == ("never-for-marketing",)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"decision": " "}, Invalid),
        ({"origin": "../ward"}, Invalid),
        ({"text": "permit everything"}, Invalid),
        ({"text": LIFTS.replace('"all"', '"egress"')}, Invalid),
    ],
)
def test_what_is_not_sound_is_not_kept(folder, change, kind):
    platform = opened(folder)

    with pytest.raises(kind):
        added(platform, **change)

    assert platform.own_policies.all() == []


def test_the_same_again_and_what_is_not_there_are_refused(folder):
    platform = opened(folder)
    added(platform)

    with pytest.raises(Refused):
        added(platform)
    with pytest.raises(NotFound):
        remove_policies(platform, "other", decision="x")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE policy_versions SET text = replace(text, 'user:ada', 'user:eve')",
        "UPDATE policy_versions SET origin = 'other'",
        "DELETE FROM policy_versions WHERE version = 1",
    ],
)
def test_policies_that_were_changed_outside_permit_nothing(folder, change):
    platform = opened(folder)
    added(platform)
    added(platform, STUDY.replace("research", "do research"))
    with open_database(folder / "bedside.sqlite").begin() as connection:
        connection.execute(sql(change))

    with pytest.raises(Refused) as refused:
        may_research(opened(folder))
    assert refused.value.code == "policies_damaged"


def test_a_change_is_told_by_policies_and_by_decisions(folder):
    row = ExpectedDecision(
        who="user:ada", act=Act.DEVELOP, which="ward", zone=Zone.IDENTIFIED, purpose="research",
        expected="refused",
    )  # fmt: skip
    table = PolicyTable(decisions=(row,))

    change = compare_policies(opened(folder), "ward", STUDY, table, parse=parse_policies)

    assert [one.name for one in change.added] == ["study"]
    assert [one.decision.allowed for one in change.decisions] == [True]
    assert (change.changed, change.gone) == ((), ())

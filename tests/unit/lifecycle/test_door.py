"""The one door: who is let through, who is not, and what the ledger tells of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bedside.core.errors import Refused
from bedside.core.records.grant import Grant
from bedside.core.records.ledger import Actor
from bedside.core.records.policy import Act, Resource, Role
from bedside.core.records.snapshot import Zone
from bedside.lifecycle.door import enter, enter_for
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace

NOW = datetime.now(UTC)
WARD = Resource(name="ward", zone=Zone.IDENTIFIED)


@pytest.fixture
def platform(tmp_path):
    actor = actor_of("user:ada", "model development")
    return open_workspace(tmp_path / "w", actor=actor, progress=LineProgress())


def a_grant(person, role, **more):
    return Grant(person=person, role=role, by="user:ada", given=NOW, **more)


def as_(platform, name, purpose="model development"):
    return replace(platform, actor=Actor(name=name, purpose=purpose))


def test_in_a_workspace_of_ones_own_everybody_holds_every_role(platform):
    assert enter(platform, Act.DEVELOP, WARD).policies == ("develop-on-identified-data",)
    assert enter(as_(platform, "t"), Act.RELEASE).allowed


def test_a_purpose_that_is_refused_is_written_to_the_ledger(platform):
    with pytest.raises(Refused, match="marketing") as refused:
        enter(as_(platform, "user:ada", "marketing"), Act.DEVELOP, WARD)

    assert refused.value.code == "not_allowed"
    (entry,) = platform.ledger.entries()
    assert (entry.action, entry.actor, entry.purpose) == ("policy.refused", "user:ada", "marketing")
    assert entry.details["policies"] == ["never-for-marketing"]
    assert entry.details["zone"] == "identified"


def test_from_the_first_grant_on_roles_count_strictly(platform):
    platform.people.add([a_grant("user:ben", Role.DATA_SCIENTIST)])

    ben, eve = as_(platform, "user:ben"), as_(platform, "user:eve")

    assert enter(ben, Act.DEVELOP, Resource(name="ward", zone=Zone.RELEASED)).allowed
    with pytest.raises(Refused, match="No policy permits"):
        enter(ben, Act.DEVELOP, WARD)
    with pytest.raises(Refused, match="no role here"):
        enter(eve, Act.DESCRIBE)


def test_a_grant_that_ended_counts_no_more(platform):
    platform.people.add(
        [
            a_grant("user:ben", Role.AUDITOR, expires=NOW - timedelta(seconds=1)),
            a_grant("user:eve", Role.AUDITOR),
        ]
    )
    assert enter(as_(platform, "user:eve"), Act.AUDIT).allowed

    platform.people.end("user:eve", Role.AUDITOR, NOW)

    for name in ("user:ben", "user:eve"):
        with pytest.raises(Refused):
            enter(as_(platform, name), Act.AUDIT)


def test_nobody_acts_for_another_where_roles_count(platform):
    enter_for(as_(platform, "user:ben"), "user:ada")  # one's own workspace: said, not checked

    platform.people.add(
        [a_grant("user:ada", Role.ADMINISTRATOR), a_grant("user:ben", Role.AUDITOR)]
    )

    enter_for(platform, "user:ada")
    enter_for(as_(platform, "service:guards"), "user:ada")
    for name, user in (("user:ada", "user:ben"), ("service:guards", "user:ben")):
        with pytest.raises(Refused) as refused:
            enter_for(as_(platform, name), user)
        assert refused.value.code == "not_you"


def test_a_service_is_a_service_and_no_more(platform):
    platform.people.add([a_grant("user:ada", Role.ADMINISTRATOR)])
    guards = as_(platform, "service:guards", "quality and safety")

    assert enter(guards, Act.WITHDRAW).allowed
    with pytest.raises(Refused):
        enter(guards, Act.RELEASE)

"""Roles are given and taken back, and nobody is locked out."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bedside.core.errors import Invalid, Refused
from bedside.core.records.ledger import Actor
from bedside.core.records.policy import Role
from bedside.lifecycle.people import FOUNDER, grant_role, revoke_role
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace


@pytest.fixture
def platform(tmp_path):
    actor = actor_of("user:ada", "access")
    return open_workspace(tmp_path / "w", actor=actor, progress=LineProgress())


def held(platform, person):
    return platform.people.roles_of(person, platform.clock.now())


def test_the_first_grant_leaves_the_founder_every_role(platform):
    given = grant_role(platform, "user:ben", Role.DATA_SCIENTIST)

    assert len(given) == len(FOUNDER) + 1
    assert held(platform, "user:ada") == frozenset(FOUNDER)
    assert held(platform, "user:ben") == {Role.DATA_SCIENTIST}
    assert {one.action for one in platform.ledger.entries()} == {"access.grant"}


def test_only_an_administrator_gives_roles_and_the_last_one_stays(platform):
    grant_role(platform, "user:ben", Role.AUDITOR)
    ben = replace(platform, actor=Actor(name="user:ben", purpose="access"))

    with pytest.raises(Refused, match="No policy permits"):
        grant_role(ben, "user:ben", Role.ADMINISTRATOR)
    with pytest.raises(Refused) as refused:
        revoke_role(platform, "user:ada", Role.ADMINISTRATOR)
    assert refused.value.code == "last_administrator"

    grant_role(platform, "user:eve", Role.ADMINISTRATOR, lasts=timedelta(days=1))
    with pytest.raises(Refused):
        revoke_role(platform, "user:ada", Role.ADMINISTRATOR)
    grant_role(platform, "user:ben", Role.ADMINISTRATOR)
    revoke_role(platform, "user:ada", Role.ADMINISTRATOR)
    assert Role.ADMINISTRATOR not in held(platform, "user:ada")


def test_a_role_is_held_once_and_by_somebody_with_a_name(platform):
    grant_role(platform, "user:ben", Role.AUDITOR)

    with pytest.raises(Refused) as refused:
        grant_role(platform, "user:ben", Role.AUDITOR)
    assert refused.value.code == "role_held"
    with pytest.raises(Invalid):
        grant_role(platform, "somebody", Role.AUDITOR)

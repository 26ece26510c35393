"""Groups of the hospital give roles to who signs in, as far as `access.json` says so."""

import getpass
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from bedside.cli.main import app
from bedside.core.clock import FixedClock
from bedside.core.errors import Invalid, Refused
from bedside.core.records.decision import DecisionKind, DecisionState
from bedside.core.records.issuer import MOST_GROUPS, Issuer
from bedside.core.records.policy import Act, Role
from bedside.core.records.signature import Meaning
from bedside.lifecycle.deciding import book_of, open_decision, sign_decision, standing_in
from bedside.lifecycle.door import enter
from bedside.lifecycle.people import grant_role, note_sign_in, revoke_role
from bedside.lifecycle.signers import enrol, grant_signer
from bedside.wiring.access import access_of
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace
from deciding import a_hand, a_hospital, acting

ANNA = "oidc:anna"
REVIEWER = {Role.CLINICAL_REVIEWER: "icu-doctors"}


@pytest.fixture
def hospital(tmp_path):
    founder, hands = a_hospital(tmp_path / "w")
    return founder, hands


def held(platform, person=ANNA):
    return platform.people.roles_of(person, platform.clock.now()) - {Role.SERVICE}


def signed_in(platform, roles, hours=8):
    note_sign_in(platform, ANNA, roles, platform.clock.now() + timedelta(hours=hours))


def later(platform, **more):
    return replace(platform, clock=FixedClock(platform.clock.now() + timedelta(**more)))


@pytest.mark.parametrize(
    ("claims", "roles"),
    [
        ({}, {}),
        ({"groups": None}, {}),
        ({"groups": {"icu-doctors": True}}, {}),
        ({"groups": ["ICU-doctors", 7]}, {}),
        ({"roles": ["icu-doctors"]}, {}),
        ({"groups": "icu-doctors"}, REVIEWER),
        ({"groups": ["b", "icu-doctors"]}, REVIEWER | {Role.AUDITOR: "b"}),
        ({"groups": ["x"] * MOST_GROUPS}, {}),
    ],
)
def test_a_group_gives_what_is_declared_for_it_and_nothing_else(claims, roles):
    issuer = Issuer(
        issuer="https://id.example",
        audience="bedside",
        groups={
            "icu-doctors": frozenset({Role.CLINICAL_REVIEWER}),
            "b": frozenset({Role.CLINICAL_REVIEWER, Role.AUDITOR}),
        },
    )
    found = issuer.roles_by_group(claims)

    assert set(found) == set(roles)
    assert found.get(Role.AUDITOR) == roles.get(Role.AUDITOR)


@pytest.mark.parametrize("groups", [["x"] * (MOST_GROUPS + 1), ["x" * 256]])
def test_more_groups_than_can_be_are_refused(groups):
    issuer = Issuer(
        issuer="https://id.example", audience="bedside", groups={"a": frozenset({Role.AUDITOR})}
    )
    with pytest.raises(Refused) as refused:
        issuer.roles_by_group({"groups": groups})
    assert refused.value.code == "too_many_groups"


def test_a_role_by_group_lasts_as_long_as_the_session(hospital):
    founder, _ = hospital

    signed_in(founder, REVIEWER)

    assert held(founder) == {Role.CLINICAL_REVIEWER}
    assert held(later(founder, hours=9)) == frozenset()
    entry = list(founder.ledger.entries())[-1]
    assert (entry.action, entry.details["groups"]) == ("access.sign_in", ["icu-doctors"])
    assert entry.details["roles"] == ["clinical_reviewer"]


def test_who_left_a_group_loses_its_role_and_keeps_what_was_given_by_hand(hospital):
    founder, _ = hospital
    grant_role(founder, ANNA, Role.AUDITOR)
    signed_in(founder, REVIEWER | {Role.AUDITOR: "auditors"})
    assert held(founder) == {Role.CLINICAL_REVIEWER, Role.AUDITOR}

    signed_in(founder, {})

    assert held(founder) == {Role.AUDITOR}
    signed_in(founder, REVIEWER)
    revoke_role(founder, ANNA, Role.CLINICAL_REVIEWER)  # an administrator ends it for this session
    assert held(founder) == {Role.AUDITOR}


def test_a_group_gives_nothing_where_nobody_was_given_a_role_by_hand(tmp_path):
    platform = open_workspace(
        tmp_path / "w", actor=actor_of("user:ada", "treatment"), progress=LineProgress()
    )
    signed_in(platform, {})
    assert not platform.people.is_strict()

    with pytest.raises(Refused) as refused:
        signed_in(platform, REVIEWER)

    assert refused.value.code == "nobody_first"
    assert not platform.people.is_strict()


def told_access(folder, **issuer):
    told = {"issuer": "https://id.example", "audience": "bedside", **issuer}
    (folder / "access.json").write_text(json.dumps({"issuer": told}))


def test_a_server_does_not_start_where_groups_would_be_beside_everybody(tmp_path):
    platform = open_workspace(
        tmp_path / "w", actor=actor_of("user:ada", "treatment"), progress=LineProgress()
    )
    told_access(platform.folder, groups={"doctors": ["clinical_reviewer"]})
    with pytest.raises(Invalid, match="nobody holds a role"):
        access_of(platform)
    told_access(platform.folder, groups={"doctors": ["chief"]})
    with pytest.raises(Invalid, match="a role that is none"):
        access_of(platform)


def test_the_policies_let_in_who_has_a_role_by_a_group(hospital):
    founder, _ = hospital
    asked = acting(founder, ANNA, "governance")
    with pytest.raises(Refused):
        enter(asked, Act.APPROVE)

    signed_in(founder, REVIEWER)

    assert enter(asked, Act.APPROVE).policies == ("approve",)


def test_a_signature_counts_by_the_role_that_a_group_gave_when_it_was_made(hospital):
    founder, hands = hospital
    hand = a_hand()
    enrol(acting(founder, ANNA), "Dr Anna Example", hand.signer)
    grant_signer(founder, ANNA)
    decision = open_decision(founder, DecisionKind.MODEL_LIVE, "sepsis@1", {"version": "sepsis@1"})
    sign_decision(acting(founder, "user:eve"), decision, hands["user:eve"],
                  meaning=Meaning.APPROVAL)  # fmt: skip
    anna = acting(founder, ANNA)
    with pytest.raises(Refused) as refused:
        sign_decision(anna, decision, hand, meaning=Meaning.APPROVAL)
    assert refused.value.code == "no_place"

    signed_in(founder, REVIEWER)
    standing = sign_decision(anna, decision, hand, meaning=Meaning.APPROVAL)

    assert standing.state is DecisionState.IN_FORCE
    signed_in(founder, {})  # what was signed before stays
    assert standing_in(founder, book_of(founder), decision).state is DecisionState.IN_FORCE


def test_explain_says_where_a_role_came_from(hospital):
    founder, _ = hospital
    signed_in(founder, REVIEWER)
    words = ["policy", "explain", ANNA, "approve", "sepsis", "--workspace", str(founder.folder)]

    grant_role(founder, f"user:{getpass.getuser()}", Role.AUDITOR)
    shown = CliRunner().invoke(app, words)
    told = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)

    assert "clinical_reviewer: by the group icu-doctors, until " in shown.stdout
    assert {one["role"]: one["by"] for one in told["roles_from"]} == {
        "clinical_reviewer": "group:icu-doctors",
        "service": "",
    }
    by_hand = CliRunner().invoke(app, [*words[:2], "user:eve", *words[3:]]).stdout
    assert "clinical_reviewer: given by user:ada" in by_hand

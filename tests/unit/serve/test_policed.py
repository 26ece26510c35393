"""A caller of a server needs a scope and the policies; one of them is not enough."""

from datetime import UTC, datetime

import pytest

from bedside.core.records.caller import EVERYTHING, Action, Caller
from bedside.core.records.grant import Grant
from bedside.core.records.policy import Role
from bedside.lifecycle.own_policies import add_policies
from bedside.serve.app import create_app
from bedside.serve.auth import TokenCheck, token_digest
from bedside.serve.policed import Policed
from bedside.wiring.governed import parse_policies
from bedside.wiring.policed import ACTS, policed_by
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace
from route_roles import inventory
from served import HttpClient, a_served_model, an_inference, service_for

NO_SEPSIS = (
    '@id("no-sepsis") @words("Sepsis is not asked from outside.") forbid (principal, '
    'action == Action::"answer", resource == Thing::"sepsis");'
)


@pytest.fixture
def platform(tmp_path):
    actor = actor_of("user:ada", "treatment")
    return open_workspace(tmp_path / "w", actor=actor, progress=LineProgress())


def a_caller(name="client:ehr", scopes=EVERYTHING):
    return Caller(name=name, scopes=scopes)


def test_every_action_of_a_route_is_an_act_of_the_policies():
    assert set(ACTS) == set(Action) - {Action.LIVE, Action.LOGIN}
    assert len(inventory()) > 10


def test_a_caller_without_a_scope_may_not_though_the_policies_would():
    caller = Policed(lambda *_: True)(a_caller(scopes=frozenset({"describe/*"})))

    assert caller.may(Action.DESCRIBE, "sepsis")
    assert not caller.may(Action.INFER, "sepsis")


def test_an_answer_is_kept_for_a_second_and_a_refusal_for_a_minute():
    asked, now, allowed = [], [0.0], [True]

    def decide(*what):
        asked.append(what)
        return allowed[0]

    caller = Policed(decide, tick=lambda: now[0])(a_caller())
    for at, is_allowed, answer in ((0.0, True, True), (0.9, False, True), (1.0, False, False),
                                   (60.9, True, False), (61.0, True, True)):  # fmt: skip
        now[0], allowed[0] = at, is_allowed
        assert caller.may(Action.INFER, "sepsis") is answer, at
    assert len(asked) == 3


def test_a_client_is_a_service_and_the_first_token_as_well(platform):
    platform.people.add(
        [Grant(person="user:ada", role=Role.ADMINISTRATOR, by="user:ada", given=datetime.now(UTC))]
    )
    policed = policed_by(platform)

    for name in ("client:ehr", "token", "oidc:7"):
        assert policed(a_caller(name)).may(Action.INFER, "sepsis")
    assert not policed(a_caller("user:eve")).may(Action.INFER, "sepsis")
    (entry,) = platform.ledger.entries()
    assert (entry.action, entry.actor) == ("policy.refused", "user:eve")


def test_a_hospitals_own_policy_closes_a_route_of_a_running_server(platform):
    add_policies(platform, "ward", NO_SEPSIS, decision="minute 3", parse=parse_policies)
    platform.policies._looked = float("-inf")  # a second later
    answerer = a_served_model().answerer
    answerer.warm_up()
    app = create_app(
        service_for(answerer),
        authenticators=[TokenCheck(token_digest("t"))],
        policed=policed_by(platform),
    )
    client = HttpClient(app, token="t")  # noqa: S106

    refused = client.post("/v2/models/sepsis/infer", json=an_inference())

    assert refused.status_code == 403
    assert client.get("/v2/models/sepsis").status_code == 200
    assert [one.action for one in platform.ledger.entries()] == ["policy.add", "policy.refused"]

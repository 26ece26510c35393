"""A caller of a server needs a scope and the policies; one of them is not enough."""

import asyncio
import threading
import time
from datetime import UTC, datetime

import pytest

from bedside.core.errors import Unavailable
from bedside.core.records.caller import EVERYTHING, Action, Caller
from bedside.core.records.grant import Grant
from bedside.core.records.policy import Role
from bedside.lifecycle.own_policies import add_policies
from bedside.serve.app import create_app
from bedside.serve.auth import TokenCheck, token_digest
from bedside.serve.policed import Policed
from bedside.serve.routes import check_permitted
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


def a_policed(decide, now):
    return Policed(decide, tick=lambda: now[0])


def soon(is_so):
    until = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.005)


def test_a_caller_without_a_scope_may_not_though_the_policies_would():
    caller = Policed(lambda *_: True)(a_caller(scopes=frozenset({"describe/*"})))

    assert caller.may(Action.DESCRIBE, "sepsis")
    assert not caller.may(Action.INFER, "sepsis")


def test_a_refusal_is_kept_for_a_minute():
    asked, now, allowed = [], [0.0], [False]

    def decide(*what):
        asked.append(what)
        return allowed[0]

    caller = a_policed(decide, now)(a_caller())
    for at, is_allowed, answer in ((0.0, False, False), (59.9, True, False), (60.0, True, True)):
        now[0], allowed[0] = at, is_allowed
        assert caller.may(Action.INFER, "sepsis") is answer, at
    assert len(asked) == 2


def test_what_is_allowed_is_decided_again_beside_the_requests_and_ends_with_the_role():
    asked, now, allowed = [], [0.0], [True]

    def decide(*what):
        asked.append(threading.current_thread())
        return allowed[0]

    caller = a_policed(decide, now)(a_caller())
    assert caller.known_to(Action.INFER, "sepsis") is None, "nothing is decided by who only looks"
    assert caller.may(Action.INFER, "sepsis")
    now[0], allowed[0] = 0.6, False

    assert caller.known_to(Action.INFER, "sepsis") is True
    soon(lambda: caller.known_to(Action.INFER, "sepsis") is False)
    assert threading.current_thread() not in asked[1:]


def test_who_comes_back_later_waits_for_a_new_decision():
    now, allowed = [0.0], [True]
    caller = a_policed(lambda *_: allowed[0], now)(a_caller())
    assert caller.may(Action.INFER, "sepsis")
    now[0], allowed[0] = 3600.0, False

    assert caller.known_to(Action.INFER, "sepsis") is None
    assert not caller.may(Action.INFER, "sepsis")


def test_without_a_database_the_last_decision_counts_for_a_minute_and_then_nothing_is_allowed():
    now, away = [0.0], [False]

    def decide(*_):
        if away[0]:
            raise OSError("away")
        return True

    caller = a_policed(decide, now)(a_caller())
    assert caller.may(Action.INFER, "sepsis")
    away[0] = True
    for at in (0.7, 5.0, 30.0, 59.9):
        now[0] = at
        assert caller.may(Action.INFER, "sepsis"), at
        assert caller.known_to(Action.INFER, "sepsis"), "nobody waits for a database that is gone"
    for at in (60.0, 90.0):
        now[0] = at
        with pytest.raises(Unavailable) as unavailable:
            caller.may(Action.INFER, "sepsis")
        assert unavailable.value.code == "policies_unavailable"
    away[0], now[0] = False, 120.0
    assert caller.may(Action.INFER, "sepsis")


def test_who_asks_for_the_first_time_while_nobody_can_say_is_let_in_for_nothing_and_asks_seldom():
    asked, now = [], [0.0]

    def decide(*_):
        asked.append(now[0])
        raise OSError("away")

    caller = a_policed(decide, now)(a_caller())
    for at in (0.0, 0.1, 0.4, 0.6):
        now[0] = at
        with pytest.raises(Unavailable):
            caller.may(Action.INFER, "sepsis")

    assert asked == [0.0, 0.6], "a database that is away is not asked for each request"


def test_a_decision_that_takes_its_time_holds_up_nobody_else():
    free = threading.Event()

    def decide(name, *_):
        return name == "client:quick" or free.wait(20)

    policed = Policed(decide)
    quick, slow = policed(a_caller("client:quick")), policed(a_caller("client:slow"))
    assert quick.may(Action.INFER, "sepsis")

    async def both():
        waiting = asyncio.create_task(check_permitted(slow, Action.INFER, "sepsis"))
        await asyncio.sleep(0.05)
        await asyncio.wait_for(check_permitted(quick, Action.INFER, "sepsis"), 5)
        assert not waiting.done()
        free.set()
        await waiting

    asyncio.run(both())


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

"""Deny by default: every route, with no token, a wrong one and the right one."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bedside.core.errors import Invalid
from bedside.serve.app import routes_of
from bedside.serve.auth import TokenCheck, first_run_token, token_digest
from bedside.serve.gate import Gate
from bedside.serve.headers import SECURITY_HEADERS
from bedside.serve.rate_limits import Rate, RateLimits, Rates
from fhir_asking import a_call
from served import (
    TOKEN,
    TOKEN_SHA256,
    VERSION,
    HttpClient,
    a_hook_call,
    a_served_model,
    an_inference,
    app_for,
    service_for,
)

BODIES = {
    "/fhir/Patient/{id}/$predict": a_call(),
    "/fhir/Encounter/{id}/$predict": a_call(),
    "/v2/models/{name}/infer": an_inference(),
    "/v2/models/{name}/versions/{version}/infer": an_inference(),
    "/cds-services/{service}": a_hook_call(),
    "/cds-services/{service}/feedback": {
        "feedback": [
            {
                "card": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
                "outcome": "accepted",
                "outcomeTimestamp": "2026-03-01T12:01:00Z",
            }
        ]
    },
}


def a_client(**options: Any) -> HttpClient:
    answerer = a_served_model().answerer
    answerer.warm_up()
    app = app_for(answerer, **options)
    return HttpClient(app, token=None)


def inventory() -> list[tuple[str, str]]:
    routes = routes_of(service_for(a_served_model().answerer))
    return [(method, route.path) for route in routes for method in sorted(route.methods)]


def call(client: HttpClient, method: str, route: str, token: str | None) -> int:
    path = route.replace("{name}", "sepsis").replace("{service}", "sepsis-now")
    path = path.replace("{version}", VERSION)
    path = path.replace("{id}", "pat-1" if "/Patient/" in path else "enc-1")
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    body = {"json": BODIES[route]} if route in BODIES else {}
    return client.request(method, path, headers=headers, **body).status_code


def test_the_inventory_holds_every_route_that_the_design_names():
    assert {route for _, route in inventory()} == {
        "/v2",
        "/v2/health/live",
        "/v2/health/ready",
        "/v2/models/{name}/versions/{version}",
        "/v2/models/{name}/versions/{version}/ready",
        "/v2/models/{name}/versions/{version}/infer",
        "/v2/models/{name}",
        "/v2/models/{name}/ready",
        "/v2/models/{name}/infer",
        "/cds-services",
        "/cds-services/{service}",
        "/cds-services/{service}/feedback",
        "/models/{name}/card",
        "/openapi.json",
        "/docs",
        "/fhir/metadata",
        "/fhir/OperationDefinition/predict",
        "/fhir/Patient/{id}/$predict",
        "/fhir/Encounter/{id}/$predict",
    }


@pytest.mark.parametrize(("method", "route"), inventory())
def test_a_route_opens_to_the_token_and_to_nothing_else(method, route):
    client = a_client()

    statuses = [call(client, method, route, token) for token in (None, "wrong", TOKEN)]

    assert statuses == ([200, 200, 200] if route == "/v2/health/live" else [401, 401, 200])


@pytest.mark.parametrize("path", ["/nothing", "/v2/models/other", "/cds-services/other", "/docs"])
def test_whoever_has_no_token_does_not_learn_what_exists(path):
    client = a_client()

    response = client.get(path)

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.json()["code"] == "unauthorized"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        f"Basic {TOKEN}",
        TOKEN,
        f"Bearer {TOKEN}x",
        f"Bearer  {TOKEN}",
        f"Bearer {TOKEN_SHA256}",
    ],
)
def test_only_a_bearer_with_the_very_token_opens(header):
    response = a_client().get("/v2/health/ready", headers={"Authorization": header})

    assert response.status_code == 401


def test_a_token_sent_twice_opens_nothing():
    headers = [("Authorization", f"Bearer {TOKEN}"), ("Authorization", "Bearer other")]

    response = a_client().get("/v2/health/ready", headers=headers)

    assert response.status_code == 401


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "[::2]", "127.0.0.2"]
)
def test_a_name_that_was_rebound_to_loopback_is_refused_even_with_the_token(host):
    headers = {"Host": host, "Authorization": f"Bearer {TOKEN}"}

    response = a_client().get("/v2/health/live", headers=headers)

    assert response.status_code == 403
    assert response.json()["code"] == "host_not_allowed"


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "LOCALHOST", "[::1]:8080", "ward.example:443"])
def test_loopback_and_configured_hosts_are_served(host):
    client = a_client(allowed_hosts=["ward.example"])

    assert client.get("/v2/health/live", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "", "http://127.0.0.1:9999", "http://127.0.0.1.evil.example"],
)
def test_what_a_page_of_another_origin_sends_is_refused_even_with_the_token(origin):
    headers = {"Origin": origin, "Authorization": f"Bearer {TOKEN}"}

    responses = [
        a_client().get("/v2/health/ready", headers=headers),
        a_client().post("/v2/models/sepsis/infer", json={}, headers=headers),
    ]

    assert [one.status_code for one in responses] == [403, 403]
    assert {one.json()["code"] for one in responses} == {"origin_not_allowed"}


def test_a_page_of_this_server_may_ask():
    headers = {"Origin": "http://127.0.0.1", "Authorization": f"Bearer {TOKEN}"}

    assert a_client().get("/v2/health/ready", headers=headers).status_code == 200


def test_a_cookie_alone_never_changes_anything_unless_the_page_says_where_it_is_from():
    response = a_client().post("/v2/models/sepsis/infer", json={}, headers={"Cookie": "a=b"})

    assert response.status_code == 403
    assert response.json()["code"] == "no_origin"


def test_whoever_guesses_is_slowed_down_and_whoever_is_known_at_the_same_address_is_not():
    rates = Rates(failed=Rate(per_second=0.1, burst=3))
    client = a_client(limits=RateLimits(rates))
    good = {"Authorization": f"Bearer {TOKEN}"}

    guesses = [
        client.get("/v2/health/ready", headers={"Authorization": f"Bearer {n}"}) for n in range(5)
    ]
    known = client.get("/v2/health/ready", headers=good)

    assert [one.status_code for one in guesses] == [401, 401, 401, 429, 429]
    assert 1 <= int(guesses[3].headers["retry-after"]) <= 10
    assert guesses[3].headers["x-content-type-options"] == "nosniff"
    assert known.status_code == 200


def test_a_known_caller_and_a_busy_address_are_told_when_to_come_again():
    few = Rate(per_second=0.01, burst=2)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    for rates in (Rates(caller=few), Rates(address=few)):
        client = a_client(limits=RateLimits(rates))

        statuses = [client.get("/v2/health/ready", headers=headers).status_code for _ in range(3)]

        assert statuses == [200, 200, 429]


def test_a_body_over_the_limit_is_refused_by_its_declared_length():
    client = a_client(body_limit=1000)
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}

    small = client.post("/v2/models/sepsis/infer", content=b" " * 1000, headers=headers)
    large = client.post("/v2/models/sepsis/infer", content=b" " * 1001, headers=headers)

    assert small.status_code == 400
    assert large.status_code == 413
    assert large.json()["code"] == "too_large"


def test_a_body_over_the_limit_is_refused_when_it_comes_in_chunks_without_a_length():
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 100

    response = a_client(body_limit=1000).post(
        "/v2/models/sepsis/infer", content=chunks(), headers=headers
    )

    assert response.status_code == 413


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_form_that_a_web_page_could_post_is_refused(content_type):
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": content_type}

    response = a_client().post("/v2/models/sepsis/infer", content=b"{}", headers=headers)

    assert response.status_code == 415


def test_every_response_carries_the_security_headers_the_page_with_a_policy_of_its_own():
    token = {"Authorization": f"Bearer {TOKEN}"}
    responses = [
        a_client().get("/v2/health/live"),
        a_client().get("/nothing"),
        a_client().get("/nothing", headers=token),
        a_client().get("/v2/health/live", headers={"Host": "evil.example"}),
        a_client().post("/v2/models/sepsis/infer", content=b"{", headers=token),
        a_client().get("/models/sepsis/card", headers=token),
    ]

    assert [one.status_code for one in responses] == [200, 401, 404, 403, 415, 200]
    for response in responses:
        for name, _ in SECURITY_HEADERS:
            assert len(response.headers.get_list(name.decode())) == 1
        assert "default-src 'none'" in response.headers["content-security-policy"]
        assert "unsafe" not in response.headers["content-security-policy"]
        assert "strict-transport-security" not in response.headers


def test_a_body_that_does_not_arrive_in_time_is_given_up():
    async def app(*_: Any) -> None:
        raise AssertionError("the application must not see this request")

    async def chunks() -> AsyncIterator[bytes]:
        yield b" "
        await asyncio.sleep(5)

    client = HttpClient(Gate(app, authenticators=[TokenCheck(TOKEN_SHA256)], body_seconds=0.05))

    response = client.post("/x", content=chunks(), headers={"Content-Type": "application/json"})

    assert response.status_code == 408
    assert response.json()["code"] == "too_slow"


def test_a_web_socket_is_closed():
    app = app_for()
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    asyncio.run(app({"type": "websocket", "path": "/", "headers": []}, receive, send))

    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_a_first_run_token_is_new_each_time_and_opens_by_its_digest():
    first, digest = first_run_token()

    assert first != first_run_token()[0]
    assert digest == token_digest(first)
    assert len(first) >= 43


def test_a_digest_that_is_none_is_refused():
    with pytest.raises(Invalid):
        TokenCheck("secret")

"""People sign in at a real OpenID provider on loopback, with a browser's steps, and sign out."""

import json
import socket
import subprocess
import sys
import time
from base64 import urlsafe_b64encode
from dataclasses import replace
from datetime import timedelta
from functools import partial
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from bedside.core.clock import SystemClock
from bedside.core.errors import Refused
from bedside.core.records.issuer import Issuer
from bedside.core.records.policy import Act, Role
from bedside.infra.database.opening import open_database, writing
from bedside.lifecycle.door import enter
from bedside.lifecycle.people import grant_role, note_sign_in
from bedside.serve.adapters.oidc_keys import OidcKeys
from bedside.serve.adapters.oidc_provider import OidcProvider
from bedside.serve.adapters.sealed_state import SealedState
from bedside.serve.adapters.sql_sessions import SqlSessions
from bedside.serve.app import create_app
from bedside.serve.auth import TokenCheck
from bedside.serve.login import SESSION_COOKIE, Login
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace
from served import TOKEN_SHA256, HttpClient, a_served_model, service_for

HTML = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def issuer_address():
    """A provider in a process of its own: what its libraries deprecate is not our concern."""
    pytest.importorskip("flask", reason="pip install oidc-provider-mock")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port)]
    command += ["--require-nonce", "true"]
    for who, role, groups in (
        ("anna", "nurse", ["icu-doctors", "choir"]),
        ("carl", "cook", []),
        ("dora", "nurse", ["choir"]),
        ("eric", "nurse", [f"group {n}" for n in range(600)]),
    ):
        command += ["--user-claims", json.dumps({"sub": who, "roles": [role], "groups": groups})]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as run:
        address = f"http://localhost:{port}"
        try:
            until = time.monotonic() + 20
            while time.monotonic() < until:
                try:
                    httpx.get(f"{address}/jwks")
                    break
                except httpx.TransportError:
                    time.sleep(0.05)
            yield address
        finally:
            run.terminate()


class Browser:
    """A browser before the application: it keeps cookies and follows nothing by itself."""

    def __init__(self, issuer_address, folder, *, roles=("nurse",), admit=None) -> None:
        provider = OidcProvider(
            issuer_address,
            client_id="bedside",
            secret="any",  # noqa: S106
            fetch=lambda url: httpx.get(url).content,
        )
        issuer = Issuer(
            issuer=issuer_address,
            audience="api",
            client_id="bedside",
            roles={role: frozenset({"describe/sepsis"}) for role in roles},
            groups={"icu-doctors": frozenset({Role.CLINICAL_REVIEWER})},
        )
        self.folder, self.noted, self.cookies = folder, [], {}
        self.verifiers, exchange = [], provider.exchange

        def noting(code: str, *, verifier: str, redirect: str) -> bytes:
            self.verifiers.append(verifier)
            return exchange(code, verifier=verifier, redirect=redirect)

        provider.exchange = noting
        login = Login(
            issuer,
            provider=provider,
            signatures=OidcKeys(provider.key_set()),
            sessions=SqlSessions(
                open_database(folder / "sessions.sqlite"), writing=writing, clock=SystemClock()
            ),
            base="http://127.0.0.1",
            seal=SealedState(b"k" * 32),
            clock=SystemClock(),
            record=lambda action, who: self.noted.append((action, who)),
            admit=admit,
        )
        app = create_app(
            service_for(a_served_model().answerer),
            authenticators=[TokenCheck(TOKEN_SHA256)],
            login=login,
        )
        self._client = HttpClient(app, token=None)

    def ask(self, method: str, path: str, **headers: str) -> httpx.Response:
        told = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        response = self._client.request(
            method, path, headers=headers | ({"Cookie": told} if told else {})
        )
        for line in response.headers.get_list("set-cookie"):
            assert all(part in line for part in ("HttpOnly", "Secure", "SameSite=lax", "Path=/"))
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value.strip('"')
        self.cookies = {name: value for name, value in self.cookies.items() if value}
        return response

    def at_the_provider(self, place: str, who: str) -> str:
        """Sign in there; the path to come back to."""
        answer = httpx.post(place, data={"sub": who}, follow_redirects=False)
        parts = urlsplit(answer.headers["location"])
        return f"{parts.path}?{parts.query}"

    def sign_in(self, who: str, wanted: str = "/models/sepsis/card") -> httpx.Response:
        place = self.ask("GET", f"/login?next={wanted}").headers["location"]
        return self.ask("GET", self.at_the_provider(place, who))


@pytest.fixture
def browser(issuer_address, tmp_path):
    return Browser(issuer_address, tmp_path)


def test_a_person_is_sent_to_sign_in_comes_back_to_the_page_and_signs_out(browser):
    sent = browser.ask("GET", "/models/sepsis/card", **HTML)
    place = browser.ask("GET", sent.headers["location"]).headers["location"]
    back = browser.ask("GET", browser.at_the_provider(place, "anna"))
    page = browser.ask("GET", back.headers["location"], **HTML)
    stolen = dict(browser.cookies)
    out = browser.ask("POST", "/logout", Origin="http://127.0.0.1")
    browser.cookies = stolen
    after = browser.ask("GET", "/models/sepsis/card")

    assert sent.status_code == 303
    asked = parse_qs(urlsplit(place).query)
    told = urlsafe_b64encode(sha256(browser.verifiers[0].encode()).digest()).rstrip(b"=").decode()
    assert (asked["code_challenge_method"], asked["code_challenge"]) == (["S256"], [told])
    assert back.status_code == 303, back.text
    assert (back.status_code, back.headers["location"]) == (303, "/models/sepsis/card")
    assert page.status_code == 200
    assert browser.noted == [("access.sign_in", "oidc:anna")]
    assert (out.status_code, after.status_code) == (200, 401)


def test_a_person_may_what_the_role_says_and_a_session_is_kept_by_its_digest_alone(browser):
    browser.sign_in("anna")

    others = browser.ask("GET", "/models/falls/card")
    inference = browser.ask("POST", "/v2/models/sepsis/infer", Origin="http://127.0.0.1")

    assert others.status_code == 403
    assert inference.status_code == 415  # no JSON came; the gate did know the caller
    kept = b"".join(path.read_bytes() for path in browser.folder.iterdir())
    assert browser.cookies[SESSION_COOKIE].encode() not in kept


def test_a_person_without_a_role_that_counts_is_not_let_in(browser):
    response = browser.sign_in("carl")

    assert response.json()["code"] == "not_signed_in"
    assert SESSION_COOKIE not in browser.cookies


def test_the_groups_of_a_person_give_roles_while_they_are_signed_in(issuer_address, tmp_path):
    admitted = {}

    def admit(who, roles, until):
        admitted[who] = roles, until

    browser = Browser(issuer_address, tmp_path, admit=admit)
    before = SystemClock().now()

    assert browser.sign_in("anna").status_code == 303
    assert browser.sign_in("dora").status_code == 303

    roles, until = admitted["oidc:anna"]
    assert roles == {Role.CLINICAL_REVIEWER: "icu-doctors"}
    assert timedelta(hours=8) <= until - before < timedelta(hours=9)
    assert admitted["oidc:dora"][0] == {}  # a group that is not declared gives nothing
    assert browser.noted == []


def test_who_signs_in_may_in_the_workspace_what_the_role_of_their_group_may(
    issuer_address, tmp_path
):
    actor = actor_of("user:ada", "governance")
    platform = open_workspace(tmp_path / "w", actor=actor, progress=LineProgress())
    grant_role(platform, "user:ada", Role.ADMINISTRATOR)
    (tmp_path / "s").mkdir()
    browser = Browser(issuer_address, tmp_path / "s", admit=partial(note_sign_in, platform))
    for who in ("anna", "dora"):
        assert browser.sign_in(who).status_code == 303

    approving = [replace(platform, actor=replace(actor, name=f"oidc:{who}"))
                 for who in ("anna", "dora")]  # fmt: skip
    assert enter(approving[0], Act.APPROVE).policies == ("approve",)
    with pytest.raises(Refused):
        enter(approving[1], Act.APPROVE)


def test_more_groups_than_anybody_has_are_not_looked_at(issuer_address, tmp_path):
    admitted = []
    browser = Browser(issuer_address, tmp_path, admit=lambda *told: admitted.append(told))

    assert browser.sign_in("eric").json()["code"] == "too_many_groups"
    assert admitted == []


def test_another_page_can_neither_sign_out_nor_change_anything(browser):
    browser.sign_in("anna")

    told = [
        browser.ask("POST", "/logout"),
        browser.ask("POST", "/logout", Origin="https://evil.example"),
        browser.ask("POST", "/v2/models/sepsis/infer"),
    ]

    assert [one.status_code for one in told] == [403, 403, 403]
    assert browser.ask("GET", "/models/sepsis/card").status_code == 200


def test_a_sign_in_that_was_begun_in_another_browser_is_refused(issuer_address, tmp_path, browser):
    (tmp_path / "other").mkdir()
    other = Browser(issuer_address, tmp_path / "other")
    place = other.ask("GET", "/login").headers["location"]
    back = other.at_the_provider(place, "anna")

    without = browser.ask("GET", back)
    browser.ask("GET", "/login")
    with_own = browser.ask("GET", back)

    assert {one.json()["code"] for one in (without, with_own)} == {"not_signed_in"}
    assert SESSION_COOKIE not in browser.cookies


def test_a_code_works_once(browser):
    place = browser.ask("GET", "/login").headers["location"]
    begun = dict(browser.cookies)
    back = browser.at_the_provider(place, "anna")
    first = browser.ask("GET", back)
    browser.cookies = begun

    second = browser.ask("GET", back)

    assert first.status_code == 303, first.text
    assert second.json()["code"] == "not_signed_in"


@pytest.mark.parametrize(
    "wanted", ["//evil.example", "https://evil.example", "/\\evil.example", "/%0d%0aX:y", "evil"]
)
def test_nobody_is_led_away_after_signing_in(browser, wanted):
    assert browser.sign_in("anna", wanted).headers["location"] == "/"


@pytest.mark.parametrize("cookie", ["", "x", "a" * 43])
def test_a_made_up_session_is_nobody(browser, cookie):
    browser.cookies = {SESSION_COOKIE: cookie}

    assert browser.ask("GET", "/models/sepsis/card").status_code == 401


def test_metadata_of_another_issuer_are_refused(issuer_address):
    told = json.dumps({"issuer": "https://evil.example", "jwks_uri": "https://evil.example/k"})
    provider = OidcProvider(
        issuer_address, client_id="x", secret=None, fetch=lambda _: told.encode()
    )

    with pytest.raises(Exception, match="not those of the issuer"):
        provider.key_set()

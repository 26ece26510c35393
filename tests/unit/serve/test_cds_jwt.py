"""Who may call a CDS Hooks service: every way in which a token may be wrong is refused."""

import hmac
import json
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.clock import FixedClock
from bedside.core.errors import Invalid, Refused, Unavailable
from bedside.core.records.cds_client import CdsClient
from bedside.infra.database.sqlite import open_sqlite, writing
from bedside.interop.cds_hooks.clients import read_clients
from bedside.serve.adapters.fetched_keys import FetchedKeys
from bedside.serve.adapters.jose_keys import JoseKeys
from bedside.serve.adapters.sql_replay import SqlReplay
from bedside.serve.app import create_app
from bedside.serve.cds_jwt import CdsClients
from cds_clients import BASE, Signer, a_signer, later
from served import NOW, HttpClient, a_hook_call, a_patient, a_served_model, service_for

PATH = "/cds-services/sepsis-now"
SCOPES = frozenset({"describe/sepsis", "infer/sepsis", "feedback/sepsis"})
EHR, RSA = a_signer(), a_signer("RSA", issuer="https://other.example.org")


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory) -> SqlReplay:
    file = tmp_path_factory.mktemp("replay") / "used.sqlite"
    return SqlReplay(open_sqlite(file), writing=writing, clock=FixedClock(NOW))


def the_clients(replay: SqlReplay, signer: Signer = EHR, **parts: Any) -> CdsClients:
    told = {"name": "ehr", "issuer": signer.issuer, "scopes": SCOPES, "jku": None}
    return CdsClients(
        [CdsClient(**(told | parts))],
        signatures={"ehr": JoseKeys(signer.key_set())},
        replay=replay,
        base=BASE,
        clock=FixedClock(NOW),
    )


def ask(clients: CdsClients, token: str, path: str = PATH) -> Any:
    return clients.caller({"path": path}, {b"authorization": b"Bearer " + token.encode()})


@pytest.mark.parametrize("signer", [EHR, RSA])
def test_a_client_that_signs_its_call_is_known_by_its_name_and_scopes(replay, signer):
    token = signer.token(signer.claims(PATH, jti=str(uuid.uuid4())))

    caller = ask(the_clients(replay, signer), token)

    assert caller.name == "cds:ehr"
    assert caller.scopes == SCOPES


def test_an_audience_may_be_a_list_and_discovery_has_its_own_address(replay):
    clients = the_clients(replay)
    several = EHR.claims(PATH, jti="several", aud=["https://x.example.org", f"{BASE}{PATH}"])
    root = EHR.claims("/cds-services", jti="root")

    assert ask(clients, EHR.token(several)).name == "cds:ehr"
    assert ask(clients, EHR.token(root), "/cds-services").name == "cds:ehr"


def moment(seconds: float) -> int:
    return int(later(seconds).timestamp())


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("aud", {"aud": f"{BASE}/cds-services/other"}),
        ("aud", {"aud": f"{BASE}{PATH}/"}),
        ("aud", {"aud": "https://cds.example.org.evil.net/cds-services/sepsis-now"}),
        ("aud", {"aud": []}),
        ("exp", {"iat": moment(-300), "exp": moment(-31)}),
        ("iat", {"iat": moment(60), "exp": moment(200)}),
        ("life", {"exp": moment(301)}),
        ("life", {"iat": moment(20), "exp": moment(10)}),
        ("jti", {"jti": ""}),
        ("jti", {"jti": "x" * 256}),
        ("claims", {"exp": None}),
        ("claims", {"iat": "now"}),
        ("claims", {"aud": None}),
    ],
)
def test_claims_that_are_not_as_they_must_be_are_refused(replay, code, changes):
    token = EHR.token(EHR.claims(PATH, **changes))

    with pytest.raises(Refused) as refused:
        ask(the_clients(replay), token)

    assert refused.value.code == f"cds_token_{code}"
    assert token not in str(refused.value)


def test_a_token_without_jti_is_refused(replay):
    claims = EHR.claims(PATH)
    del claims["jti"]

    with pytest.raises(Refused, match="lacks one of its claims"):
        ask(the_clients(replay), EHR.token(claims))


@pytest.mark.parametrize("slack", [{"iat": moment(29)}, {"exp": moment(-29), "iat": moment(-60)}])
def test_clocks_may_differ_by_half_a_minute(replay, slack):
    assert ask(the_clients(replay), EHR.token(EHR.claims(PATH, **slack))) is not None


@pytest.mark.parametrize(
    ("code", "header"),
    [
        ("typ", {"typ": "at+jwt"}),
        ("header", {"typ": None}),
        ("header", {"kid": None}),
        ("jku", {"jku": "https://evil.example.net/jwks.json"}),
        ("crit", {"crit": ["exp"]}),
        ("signature", {"kid": "key-2"}),
    ],
)
def test_headers_that_are_not_as_they_must_be_are_refused(replay, code, header):
    token = a_token_by_hand(EHR, EHR.claims(PATH), **header)

    with pytest.raises(Refused) as refused:
        ask(the_clients(replay), token)

    assert refused.value.code == f"cds_token_{code}"


def a_token_by_hand(signer: Signer, claims: dict[str, Any], **header: Any) -> str:
    """Signed, whatever its header says."""
    told = {"alg": "ES384", "kid": signer.kid, "typ": "JWT"} | header
    told = {key: value for key, value in told.items() if value is not None}
    signed = ".".join(in_base64(json.dumps(part).encode()) for part in (told, claims))
    r, s = decode_dss_signature(signer.key.private_key.sign(signed.encode(), ECDSA(SHA384())))
    return f"{signed}.{in_base64(r.to_bytes(48, 'big') + s.to_bytes(48, 'big'))}"


def in_base64(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


@pytest.mark.parametrize("algorithm", ["none", "HS256", "HS384", "RS256", "ES256", "PS384"])
def test_no_other_algorithm_is_taken(replay, algorithm):
    token = a_token_by_hand(EHR, EHR.claims(PATH), alg=algorithm)

    with pytest.raises(Refused) as refused:
        ask(the_clients(replay), token)

    assert refused.value.code == "cds_token_alg"


def test_a_public_key_is_never_taken_as_a_secret(replay):
    """The classical confusion: an HMAC whose key is the bytes of the public RSA key."""
    head = in_base64(json.dumps({"alg": "HS384", "kid": RSA.kid, "typ": "JWT"}).encode())
    body = in_base64(json.dumps(RSA.claims(PATH)).encode())
    seal = hmac.digest(RSA.key.as_pem(private=False), f"{head}.{body}".encode(), "sha384")

    with pytest.raises(Refused) as refused:
        ask(the_clients(replay, RSA), f"{head}.{body}.{in_base64(seal)}")

    assert refused.value.code == "cds_token_alg"


def test_a_key_of_one_kind_does_not_serve_the_other_algorithm(replay):
    with pytest.raises(Refused, match="not signed"):
        ask(the_clients(replay, RSA), a_token_by_hand(EHR, RSA.claims(PATH)))


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_token_that_was_changed_is_refused(replay, part):
    parts = EHR.token(EHR.claims(PATH)).split(".")
    other = EHR.token(EHR.claims(PATH, jti="another"), x="y").split(".")
    parts[part] = other[part]

    with pytest.raises(Refused, match="not signed"):
        ask(the_clients(replay), ".".join(parts))


def test_another_client_of_the_same_name_is_refused(replay):
    stranger = a_signer()

    with pytest.raises(Refused, match="not signed"):
        ask(the_clients(replay), stranger.token(stranger.claims(PATH)))


def test_who_is_not_listed_and_what_is_no_token_is_left_to_others(replay):
    clients = the_clients(replay)
    unlisted = a_signer(issuer="https://unlisted.example.org")

    assert ask(clients, unlisted.token(unlisted.claims(PATH))) is None
    assert ask(clients, "opaque") is None
    assert ask(clients, "a.b.c") is None
    assert clients.caller({"path": PATH}, {}) is None


def test_a_token_opens_nothing_beyond_cds_hooks(replay):
    path = "/v2/models/sepsis/infer"

    assert ask(the_clients(replay), EHR.token(EHR.claims(path)), path) is None


def test_a_token_counts_once_on_all_servers_together(tmp_path: Path):
    file = tmp_path / "used.sqlite"
    one, two = (
        the_clients(SqlReplay(open_sqlite(file), writing=writing, clock=FixedClock(NOW)))
        for _ in range(2)
    )
    token = EHR.token(EHR.claims(PATH, jti="once"))

    assert ask(one, token) is not None
    for clients in (one, two):
        with pytest.raises(Refused) as refused:
            ask(clients, token)
        assert refused.value.code == "cds_token_replayed"


def test_what_has_expired_is_forgotten_and_an_issuer_has_its_own_ids(tmp_path: Path):
    file = tmp_path / "used.sqlite"
    store = SqlReplay(open_sqlite(file), writing=writing, clock=FixedClock(NOW))

    assert store.first_use("a", "bc", expires=later(10))
    assert store.first_use("ab", "c", expires=later(10))
    assert not store.first_use("a", "bc", expires=later(10))
    after = SqlReplay(open_sqlite(file), writing=writing, clock=FixedClock(later(11)))
    assert after.first_use("a", "bc", expires=later(20))


def test_only_listed_tenants_are_let_in_and_are_named(replay):
    clients = the_clients(replay, tenants=frozenset({"north"}))

    assert ask(clients, EHR.token(EHR.claims(PATH, tenant="north"))).name == "cds:ehr/north"
    for tenant in ("south", None):
        with pytest.raises(Refused) as refused:
            ask(clients, EHR.token(EHR.claims(PATH, tenant=tenant, jti=str(uuid.uuid4()))))
        assert refused.value.code == "cds_token_tenant"


def test_the_listed_jku_may_be_named(replay):
    jku = "https://ehr.example.org/jwks.json"

    assert ask(the_clients(replay, jku=jku), a_token_by_hand(EHR, EHR.claims(PATH), jku=jku))


def test_a_call_through_http_needs_a_fresh_token_each_time(replay):
    served = a_served_model()
    served.answer(a_patient())  # the first answer of a process compiles the features
    app = create_app(
        service_for(served.answerer),
        authenticators=[the_clients(replay)],
        allowed_hosts=["cds.example.org"],
    )
    client = HttpClient(app, token=None, host="cds.example.org")
    signed = {"Authorization": f"Bearer {EHR.token(EHR.claims(PATH, jti=str(uuid.uuid4())))}"}

    first, again = (client.post(PATH, json=a_hook_call(), headers=signed) for _ in range(2))
    without = client.post(PATH, json=a_hook_call())

    assert (first.status_code, again.status_code, without.status_code) == (200, 401, 401)
    assert again.json()["code"] == "cds_token_replayed"
    assert served.ledger.kept[-1][0].details["caller"] == "cds:ehr"


def test_a_client_may_do_on_a_model_what_its_scopes_say(replay):
    app = create_app(
        service_for(a_served_model().answerer),
        authenticators=[the_clients(replay, scopes=frozenset({"describe/sepsis"}))],
        allowed_hosts=["cds.example.org"],
    )
    client = HttpClient(app, token=None, host="cds.example.org")

    def signed(path: str) -> dict[str, str]:
        token = EHR.token(EHR.claims(path, jti=str(uuid.uuid4())))
        return {"Authorization": f"Bearer {token}"}

    assert client.get("/cds-services", headers=signed("/cds-services")).status_code == 200
    assert client.post(PATH, json=a_hook_call(), headers=signed(PATH)).status_code == 403


@pytest.mark.parametrize(
    ("key_set", "problem"),
    [
        (b"{", "cannot be read"),
        (b'{"keys": {}}', "cannot be read"),
        (b'{"keys": []}', "holds no key"),
        (json.dumps({"keys": [EHR.key.as_dict(private=True) | {"kid": "k"}]}).encode(), "private"),
        (a_signer("oct").key_set(), "holds no key"),
        (json.dumps({"keys": [EHR.key.as_dict(private=False)]}).encode(), "holds no key"),
        (json.dumps({"keys": json.loads(EHR.key_set())["keys"] * 2}).encode(), "two keys"),
    ],
)
def test_a_key_set_that_is_not_fit_is_refused(key_set, problem):
    with pytest.raises(Invalid, match=problem):
        JoseKeys(key_set)


def test_a_published_key_set_is_fetched_beside_the_calls_and_not_too_often():
    seconds, fetched = [0.0], []

    def fetch() -> bytes:
        fetched.append(seconds[0])
        if seconds[0] > 0:
            raise Unavailable("It does not answer.", fix="wait.")
        return EHR.key_set()

    keys = FetchedKeys(fetch, "ehr", now=lambda: seconds[0])
    token = EHR.token(EHR.claims(PATH))

    assert not keys.is_signed(token), "nothing was fetched yet, and no call waits"
    keys.refresh()
    assert keys.is_signed(token)
    before = len(fetched)
    for _ in range(5):
        assert not keys.is_signed(a_signer(kid="new").token(EHR.claims(PATH)))
    assert len(fetched) <= before + 1
    seconds[0] = 2 * 24 * 3600.0
    assert not keys.is_signed(token), "keys that old are not trusted"


@given(token=st.text(max_size=60) | st.binary(max_size=60).map(lambda b: b.decode("latin-1")))
@settings(max_examples=150, deadline=None)
def test_no_bytes_get_through_or_break_it(replay, token):
    clients = the_clients(replay)
    bodies = [token, f"{token}.{token}.{token}", in_base64(token.encode()) + ".e30.e30"]
    iss = in_base64(json.dumps({"iss": EHR.issuer, "x": token}).encode())
    bodies.append(f"{in_base64(token.encode('utf-8', 'replace'))}.{iss}.{in_base64(b'x' * 96)}")

    for body in bodies:
        headers = {b"authorization": b"Bearer " + body.encode("utf-8", "replace")}
        code = ""
        try:
            assert clients.caller({"path": PATH}, headers) is None
        except Refused as refused:
            code = refused.code
        assert code.startswith("cds_token_") or not code


def a_file(**changes: Any) -> bytes:
    client = {
        "name": "ehr",
        "issuer": "https://ehr.example.org",
        "jwks": "ehr.json",
        "models": {"sepsis": ["infer", "feedback"], "*": ["describe"]},
    }
    told = {"public_base": f"{BASE}/", "clients": [client], "fhir_servers": []} | changes
    return json.dumps(told).encode()


def test_the_file_of_clients_gives_scopes_by_model():
    access = read_clients(a_file(fhir_servers=["https://ehr.example.org/fhir/"]))

    assert access.base == BASE
    assert access.clients[0].scopes == {"infer/sepsis", "feedback/sepsis", "describe/*"}
    assert access.fhir_servers == ("https://ehr.example.org/fhir",)


CLIENT = json.loads(a_file())["clients"][0]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"public_base": None}, "public_base is not given"),
        ({"public_base": "http://cds.example.org"}, "plain http"),
        ({"fhir_servers": ["http://ehr.example.org/fhir"]}, "plain http"),
        ({"clients": [CLIENT, CLIENT]}, "same name"),
        ({"clients": [CLIENT, CLIENT | {"name": "two"}]}, "same issuer"),
        ({"clients": [CLIENT | {"jku": "https://x.org/k"}]}, "does not have one key set"),
        ({"clients": [CLIENT | {"jwks": "../secret.json"}]}, "is not a file beside"),
        ({"clients": [CLIENT | {"models": {"sepsis": ["observe"]}}]}, "no action"),
        ({"clients": [CLIENT | {"models": {"Sep/sis": ["infer"]}}]}, "no model"),
        ({"clients": [CLIENT | {"name": "E H R"}]}, "not a name"),
        ({"surprise": 1}, "not known here"),
    ],
)
def test_a_file_of_clients_that_is_not_fit_is_refused(changes, problem):
    with pytest.raises(Invalid, match=problem):
        read_clients(a_file(**changes))

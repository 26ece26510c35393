"""Access tokens of an issuer: which are believed, and what they may."""

import hmac
import json
from base64 import urlsafe_b64encode
from time import perf_counter

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from bedside.core.clock import FixedClock
from bedside.core.errors import Invalid, Refused
from bedside.core.records.issuer import Issuer
from bedside.serve.adapters.oidc_keys import OidcKeys
from bedside.serve.oidc import IssuerTokens
from served import NOW

ISSUER = "https://id.example"
AT = int(NOW.timestamp())
RSA = RSAKey.generate_key(2048, {"kid": "r"}, private=True)
EC = ECKey.generate_key("P-256", {"kid": "e"}, private=True)
OTHER = RSAKey.generate_key(2048, {"kid": "r"}, private=True)
KEYS = OidcKeys(json.dumps({"keys": [one.as_dict(private=False) for one in (RSA, EC)]}).encode())
ROLES = {"nurse": frozenset({"infer/sepsis", "describe/sepsis"})}


def an_issuer(**parts) -> Issuer:
    return Issuer(**({"issuer": ISSUER, "audience": "bedside", "roles": ROLES} | parts))


def a_token(key=RSA, alg: str = "RS256", header=None, **changes) -> bytes:
    claims = {
        "iss": ISSUER,
        "aud": "bedside",
        "sub": "u1",
        "iat": AT - 10,
        "exp": AT + 300,
        "scope": "user/*.rs",
        "roles": ["nurse"],
    } | changes
    told = {name: value for name, value in claims.items() if value is not None}
    head = {"alg": alg, "kid": key.kid or "r"} | (header or {})
    return jwt.encode(head, told, key, algorithms=[alg]).encode()


def known(token: bytes, issuer: Issuer | None = None):
    found = IssuerTokens(issuer or an_issuer(), signatures=KEYS, clock=FixedClock(NOW))
    return found.caller({}, {b"authorization": b"Bearer " + token})


@pytest.mark.parametrize(("key", "alg"), [(RSA, "RS256"), (RSA, "PS256"), (EC, "ES256")])
def test_a_token_may_what_its_scope_and_its_role_both_allow(key, alg):
    caller = known(a_token(key, alg))

    assert caller.name == "oidc:u1"
    assert caller.scopes == {"infer/sepsis", "describe/sepsis"}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"key": OTHER}, "token_signature"),
        ({"aud": "another"}, "token_aud"),
        ({"aud": None}, "token_aud"),
        ({"exp": AT - 31}, "token_exp"),
        ({"exp": None}, "token_times"),
        ({"exp": "9999999999"}, "token_times"),
        ({"exp": True}, "token_times"),
        ({"iat": None}, "token_times"),
        ({"iat": AT + 31, "exp": AT + 60}, "token_nbf"),
        ({"nbf": AT + 31}, "token_nbf"),
        ({"exp": AT + 90_000}, "token_life"),
        ({"sub": None}, "token_sub"),
        ({"sub": "a\nb"}, "token_sub"),
        ({"nonce": "n"}, "token_kind"),
        ({"header": {"typ": "logout+jwt"}}, "token_kind"),
        ({"azp": "thief"}, "token_azp"),
    ],
)
def test_a_token_that_is_not_as_it_must_be_is_refused_and_not_repeated(changes, code):
    token = a_token(**changes)

    with pytest.raises(Refused) as refusal:
        known(token, an_issuer(clients=frozenset({"ehr"})) if "azp" in changes else None)

    assert refusal.value.code == code
    assert token.decode() not in str(refusal.value)


def by_hand(header: dict, secret: bytes) -> bytes:
    """A token that no good library makes."""
    told = urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=")
    signed = told + b"." + a_token().split(b".")[1]
    return signed + b"." + urlsafe_b64encode(hmac.digest(secret, signed, "sha256")).rstrip(b"=")


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({"alg": "HS256", "kid": "r"}, "token_alg"),
        ({"alg": "none", "kid": "r"}, "token_alg"),
        ({"kid": "r"}, "token_alg"),
        ({"alg": "RS256", "kid": "r", "crit": ["exp"]}, "token_crit"),
        ({"alg": "RS256", "kid": "r", "jku": "https://evil.example/keys"}, "token_signature"),
        ({"alg": "RS256", "kid": "r", "jwk": OTHER.as_dict(private=False)}, "token_signature"),
        ({"alg": "ES256", "kid": "r"}, "token_signature"),
        ({"alg": "RS256", "kid": "unknown"}, "token_signature"),
    ],
)
def test_a_signature_that_is_none_or_made_of_the_public_key_is_refused(header, code):
    token = by_hand(header, RSA.as_pem(private=False))

    with pytest.raises(Refused) as refusal:
        known(token)

    assert refusal.value.code == code


@pytest.mark.parametrize(
    "token",
    [b"", b"..", b"a.b.c", b"x" * 9000, b"\xff.\xff.\xff", a_token(iss="https://evil.example")],
)
def test_what_is_no_token_of_this_issuer_is_nobody(token):
    assert known(token) is None


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        ({"scope": "user/*.rs", "roles": ["cook"]}, set()),
        ({"scope": "openid", "roles": ["nurse"]}, set()),
        (
            {"scope": None, "scp": ["user/*.rs"], "roles": "nurse"},
            {"infer/sepsis", "describe/sepsis"},
        ),
        ({"scope": 7, "roles": [7, None]}, set()),
        (
            {"scope": "system/*.cruds user/*.rs", "roles": ["nurse"]},
            {"infer/sepsis", "describe/sepsis"},
        ),
    ],
)
def test_scopes_and_roles_are_intersected_and_never_united(claims, scopes):
    assert known(a_token(**claims)).scopes == scopes


def test_roles_may_lie_deeper_as_keycloak_writes_them():
    issuer = an_issuer(roles_claim="realm_access.roles")

    caller = known(a_token(realm_access={"roles": ["nurse"]}), issuer)

    assert caller.scopes == {"infer/sepsis", "describe/sepsis"}


def test_a_token_is_checked_once_and_forgotten_when_it_ends():
    checked = []

    class Counting:
        def is_signed(self, token: str) -> bool:
            checked.append(token)
            return KEYS.is_signed(token)

    clock = FixedClock(NOW)
    found = IssuerTokens(an_issuer(), signatures=Counting(), clock=clock)
    headers = {b"authorization": b"Bearer " + a_token(exp=AT + 1)}
    callers = {id(found.caller({}, headers)) for _ in range(3)}
    began = perf_counter()
    for _ in range(1000):
        found.caller({}, headers)
    each = (perf_counter() - began) / 1000

    assert (len(checked), len(callers)) == (1, 1)
    assert each < 0.001
    later = IssuerTokens(an_issuer(), signatures=KEYS, clock=FixedClock(NOW.replace(hour=13)))
    later._known = found._known
    with pytest.raises(Refused, match="run out"):
        later.caller({}, headers)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b'{"keys": []}',
        b'{"keys": [{"kty": "oct", "k": "AA"}]}',
        b'{"keys": [7]}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_key_set_is_refused(content):
    with pytest.raises(Invalid):
        OidcKeys(content)

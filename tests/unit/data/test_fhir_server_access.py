"""Who is let in by a FHIR server, where our key goes, and what is never told of it."""

import datetime as dt
import json
import traceback
from dataclasses import replace
from functools import cache
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from bedside.core.clock import SystemClock
from bedside.core.errors import BedsideError, Invalid, Refused, Unavailable
from bedside.core.records.fhir_export import FhirServerOptions
from bedside.data.adapters.fhir_server import ClientKey, FhirServer
from fhir_collecting import CLIENT, Note, TurningClock, a_client, a_key, at_once, joined, let_in
from fhir_server import BUILT_IN, RunningFhirServer, a_fhir_server, running

WHOLE = {kind: b"".join(lines) for kind, lines in BUILT_IN.items()}


@cache
def an_rsa_key() -> RSAKey:
    return RSAKey.generate_key(2048)


def as_jwk(key: RSAKey | ECKey, **more: str) -> bytes:
    return json.dumps(key.as_dict(private=True) | more).encode()


@pytest.fixture
def server() -> RunningFhirServer:
    return a_fhir_server()


@pytest.mark.parametrize(
    ("key", "key_id", "expected"),
    [
        pytest.param(lambda: an_rsa_key().as_pem(private=True), None, "RS384", id="RSA, PEM"),
        pytest.param(lambda: as_jwk(an_rsa_key()), "ward-1", "RS384", id="RSA, JWK, named"),
        pytest.param(a_key, "ward-2", "ES384", id="P-384, PEM, named"),
        pytest.param(
            lambda: as_jwk(ECKey.import_key(a_key()), kid="ward-3"), None, "ES384", id="P-384, JWK"
        ),
    ],
)
def test_a_key_that_is_registered_lets_us_in(server, key, key_id, expected):
    signer = ClientKey(key(), key_id)
    options = FhirServerOptions(base_url=server.base, client_id="ward", key_id=key_id)
    server.set(clients={"ward": signer.public_set()})

    with FhirServer(options, private_key=key(), clock=SystemClock(), sleep=at_once) as client:
        parts = list(client.export(Note()))

    assert joined(parts) == WHOLE
    assert signer.algorithm == expected
    assert "d" not in signer.public_set()["keys"][0]


def test_every_request_for_a_token_is_signed_anew_and_good_for_less_than_five_minutes(server):
    server.set(failing={"token": [500, 503]})

    with a_client(server) as client:
        list(client.export(Note()))

    assert server.counts["token"] == 3
    assert not [what for what in server.counts if what.startswith("invalid_client")]


@pytest.mark.parametrize(
    ("seconds", "seconds_later", "tokens"),
    [(300, 0, 1), (300, 100, 1), (300, 271, 2), (300, 400, 2), (None, 271, 2), (20, 15, 1)],
)
def test_a_token_is_renewed_before_it_runs_out(server, seconds, seconds_later, tokens):
    server.set(token_seconds=seconds)
    clock = TurningClock()

    with a_client(server, clock=clock) as client:
        parts = client.export(Note())
        next(parts)
        clock.turned = dt.timedelta(seconds=seconds_later)
        server.set(turned=seconds_later)
        next(parts)

    assert server.counts["token"] == tokens
    assert "not let in" not in server.counts


def test_a_token_that_the_server_forgot_is_renewed_once(server):
    with a_client(server) as client:
        parts = client.export(Note())
        given = [next(parts)]
        server.forget("tokens")
        given += list(parts)

    assert joined(given) == WHOLE
    assert server.counts["token"] == 2
    assert server.counts["not let in"] == 1


def test_a_server_that_takes_no_token_at_all_is_not_asked_for_ever(server):
    server.set(token_seconds=-1)

    with a_client(server) as client, pytest.raises(Refused) as refused:
        list(client.export(Note()))

    assert refused.value.code == "not_let_in"
    assert server.counts["kick-off"] == 2


@pytest.mark.parametrize(
    ("settings", "options", "code"),
    [
        pytest.param({"clients": {}}, {}, "not_let_in", id="nobody is registered"),
        pytest.param({}, {"client_id": "another"}, "not_let_in", id="another client"),
        pytest.param({}, {"key_id": "another"}, "not_let_in", id="another key id"),
        pytest.param({}, {"scope": "user/*.rs"}, "not_let_in", id="another scope"),
        pytest.param({"algorithms": ["RS384"]}, {}, "key_unfit", id="another algorithm"),
        pytest.param({"smart": False}, {}, "no_token_url", id="no token endpoint told"),
        pytest.param(
            {"token_endpoint": "https://elsewhere.example/token"},
            {},
            "other_origin",
            id="elsewhere",
        ),
        pytest.param(
            {"token_endpoint": "http://elsewhere.example/token"}, {}, "address_unfit", id="in clear"
        ),
        pytest.param({"failing": {"token": [200]}}, {}, "answer_unreadable", id="no token in it"),
        pytest.param({"failing": {"token": [404]}}, {}, "not_given", id="no such page"),
    ],
)
def test_whoever_is_not_let_in_is_told_why_and_nothing_secret(server, settings, options, code):
    let_in(server)
    server.set(**{"body": '{"error_description": "Ünsal"}'} | settings)
    given = {"base_url": server.base, "client_id": CLIENT} | options

    client = FhirServer(
        FhirServerOptions(**given), private_key=a_key(), clock=SystemClock(), sleep=at_once
    )
    with client, pytest.raises(BedsideError) as refused:
        list(client.export(Note()))

    told = "".join(traceback.format_exception(refused.value)) + repr(vars(client))
    assert refused.value.code == code
    assert "nsal" not in told
    assert not [line for line in a_key().decode().split()[4:-4] if line in told]
    assert "kick-off" not in server.counts


def test_a_token_endpoint_that_is_declared_need_not_be_told(server):
    server.set(smart=False)

    with a_client(server, token_url=f"{server.address}/token") as client:
        assert joined(list(client.export(Note()))) == WHOLE


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(
            b"-----BEGIN PRIVATE KEY-----\nU2VjcmV0\n-----END PRIVATE KEY-----", id="no key"
        ),
        pytest.param(b'{"kty": "RSA", "n": "U2VjcmV0"}', id="half a JWK"),
        pytest.param(b"{" * 100_000, id="deep"),
        pytest.param(b"\xff\xfe\x00", id="bytes"),
        pytest.param(ECKey.generate_key("P-256").as_pem(private=True), id="P-256"),
        pytest.param(ECKey.generate_key("P-384").as_pem(private=False), id="public"),
        pytest.param(OKPKey.generate_key("Ed25519").as_pem(private=True), id="Ed25519"),
        pytest.param(json.dumps(OctKey.generate_key(256).as_dict()).encode(), id="a secret"),
    ],
)
def test_a_key_of_another_kind_is_refused_and_not_shown(key):
    with pytest.raises(Invalid) as unfit:
        ClientKey(key)

    assert unfit.value.code == "key_unfit"
    assert "U2VjcmV0" not in "".join(traceback.format_exception(unfit.value))


def test_a_short_rsa_key_is_refused():
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505 - that is what is refused
    short = weak.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )

    with pytest.raises(Invalid, match="too short"):
        ClientKey(short)


def test_without_a_key_only_a_server_that_lets_anybody_in_is_read(server):
    with a_client(server, client_id=None) as client:
        with pytest.raises(Refused) as refused:
            list(client.export(Note()))
        server.set(auth=False)
        parts = list(client.export(Note()))

    assert refused.value.code == "not_let_in"
    assert joined(parts) == WHOLE
    assert "token" not in server.counts


def test_a_client_id_and_a_key_belong_together(server):
    named = FhirServerOptions(base_url=server.base, client_id="ward")

    for options, key in ((named, None), (replace(named, client_id=None), a_key())):
        with pytest.raises(Invalid) as unpaired:
            FhirServer(options, private_key=key, clock=SystemClock())
        assert unpaired.value.code == "no_auth"


def test_over_tls_only_a_server_with_a_certificate_that_is_declared_is_trusted(tmp_path):
    certificate, key = a_certificate(tmp_path)
    with running(certificate, key) as server:
        naps: list[float] = []
        with a_client(server, sleep=naps.append) as client, pytest.raises(Refused) as refused:
            list(client.export(Note()))
        with a_client(server, certificates=str(certificate)) as client:
            parts = list(client.export(Note()))

    assert refused.value.code == "not_trusted"
    assert naps == []  # trying again would not help
    assert joined(parts) == WHOLE


def test_certificates_that_cannot_be_read_are_told(tmp_path):
    (tmp_path / "empty.pem").touch()

    for name in ("absent.pem", "empty.pem"):
        with pytest.raises(Invalid, match="certificates"):
            FhirServer(
                FhirServerOptions(
                    base_url="https://fhir.example",
                    without_auth=True,
                    certificates=str(tmp_path / name),
                ),
                clock=SystemClock(),
            )


def test_proxies_and_passwords_of_the_environment_are_not_used(server, monkeypatch, tmp_path):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login ward password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")

    with a_client(server, attempts=1) as client:
        try:
            parts = list(client.export(Note()))
        except Unavailable as error:
            pytest.fail(str(error))

    assert joined(parts) == WHOLE


def a_certificate(folder):
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "the tests")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "certificate.pem").write_bytes(made.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "certificate.pem", folder / "key.pem"

"""A real server with TLS and with mutual TLS, and what it takes as a request's head."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx
import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from bedside.core.clock import FixedClock
from bedside.core.errors import Invalid
from bedside.core.records.client import Client
from bedside.infra.database.opening import open_database, writing
from bedside.serve import tls
from bedside.serve.adapters.sql_clients import SqlClients
from bedside.serve.app import create_app
from bedside.serve.auth import KnownClients, TokenCheck
from bedside.serve.headers import SECURITY_HEADERS
from bedside.serve.run import Exposure, server_of
from certificates import Authority
from served import TOKEN, TOKEN_SHA256, a_served_model, service_for

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@contextmanager
def running(exposure: Exposure, *authenticators) -> Iterator[int]:
    app = create_app(
        service_for(a_served_model().answerer),
        authenticators=[TokenCheck(TOKEN_SHA256), *authenticators],
    )
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = server_of(app, "127.0.0.1", 0, exposure=exposure)
        server.install_signal_handlers = lambda: None
        thread = threading.Thread(target=lambda: server.run(sockets=[listener]), daemon=True)
        thread.start()
        until = time.monotonic() + 20
        while not server.started and time.monotonic() < until:
            time.sleep(0.01)
        assert server.started
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(20)


def trusting(authority: Authority, pair=None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.path))
    if pair is not None:
        context.load_cert_chain(*pair)
    return context


def test_over_tls_it_answers_with_1_2_or_later_and_tells_browsers_to_stay(tmp_path):
    authority = Authority(tmp_path)
    certificate, key = authority.issue("server")
    old = trusting(authority)
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1

    with running(Exposure(certificate=certificate, key=key)) as port:
        base = f"https://127.0.0.1:{port}"
        answer = httpx.get(f"{base}/v2/health/ready", headers=BEARER, verify=trusting(authority))
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{base}/v2/health/live", verify=old)
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"http://127.0.0.1:{port}/v2/health/live")

    assert answer.status_code == 200
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


def test_a_client_is_known_by_its_certificate_and_a_stranger_gets_no_handshake(tmp_path):
    authority, other = Authority(tmp_path), Authority(tmp_path, "other-ca")
    certificate, key = authority.issue("server")
    ehr, lab, forged = authority.issue("ehr"), authority.issue("lab"), other.issue("ehr2")
    clients = SqlClients(open_database(tmp_path / "bedside.sqlite"), writing=writing)
    clients.add(
        Client(
            name="ehr",
            scopes=frozenset({"describe/sepsis"}),
            subject="CN=ehr,O=Hospital",
            added=NOW,
        )
    )
    known = KnownClients(clients, clock=FixedClock(NOW))
    known.look()
    exposure = Exposure(certificate=certificate, key=key, client_ca=authority.path)

    with running(exposure, known) as port:

        def status(path: str, pair, **parts) -> int:
            url = f"https://127.0.0.1:{port}{path}"
            return httpx.get(url, verify=trusting(authority, pair), **parts).status_code

        told = [
            status("/v2/models/sepsis", ehr),
            status("/v2/models/falls", ehr),
            status("/v2/models/sepsis", lab),
            status("/v2/models/sepsis", lab, headers=BEARER),
            status("/v2/models/sepsis", ehr, headers={"Authorization": "Bearer wrong"}),
        ]
        for pair in (None, forged):
            with pytest.raises(httpx.HTTPError):
                status("/v2/health/live", pair)

    assert told == [200, 403, 401, 200, 401]


def test_a_certificate_and_a_key_that_do_not_belong_together_are_refused(tmp_path):
    authority = Authority(tmp_path)
    certificate, _ = authority.issue("one")
    _, key = authority.issue("two")

    for pair in ((certificate, key), (tmp_path / "none.pem", key)):
        with pytest.raises(Invalid) as refusal:
            server_of(None, "127.0.0.1", 0, exposure=Exposure(certificate=pair[0], key=pair[1]))
        assert refusal.value.code == "tls"
        assert "none.pem" not in str(refusal.value)


def exchange(port: int, *parts: bytes) -> bytes:
    """What comes back until the server hangs up."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        for part in parts:
            line.sendall(part)
        told = b""
        try:
            while more := line.recv(65536):
                told += more
        except ConnectionResetError:
            pass
    return told


def test_a_head_that_is_too_large_or_no_http_is_refused_with_every_security_header():
    line, host = b"GET /v2/health/live HTTP/1.1\r\n", b"Host: 127.0.0.1\r\n"
    long_path = b"GET /" + b"a" * tls.HEAD_LIMIT + b" HTTP/1.1\r\n" + host + b"\r\n"
    whole = line + host + b"X: " + b"a" * tls.HEAD_LIMIT + b"\r\n\r\n"
    endless = line + b"X: " + b"a" * (tls.HEAD_LIMIT + 1)

    with running(Exposure()) as port:
        told = [exchange(port, one) for one in (long_path, whole, endless, b"nonsense\r\n\r\n")]
        good = exchange(port, line + host + b"Connection: close\r\n\r\n")

    assert [one.split(b" ")[1] for one in told] == [b"431", b"431", b"431", b"400"]
    for one in told:
        assert one.count(b"HTTP/1.1 4") == 1
        for name, _ in SECURITY_HEADERS:
            assert one.count(name + b":") == 1
    assert good.startswith(b"HTTP/1.1 200")


def test_a_head_that_begins_behind_another_request_is_bounded_too():
    first = b"GET /v2/health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    half = b"a" * (tls.HEAD_LIMIT // 2 + 1000)
    begun, rest = b"GET / HTTP/1.1\r\nX: " + half, half + b"\r\n\r\n"

    with running(Exposure()) as port:
        told = exchange(port, first + begun, rest)

    assert told.count(b"HTTP/1.1 431 ") == 1
    assert b"HTTP/1.1 401 " not in told


def test_a_head_that_does_not_come_in_time_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(tls, "HEAD_SECONDS", 0.3)

    with running(Exposure()) as port:
        began = time.monotonic()
        told = [exchange(port, b"GET / HTTP/1.1\r\nX: "), exchange(port)]
        took = time.monotonic() - began

    assert told == [b"", b""]
    assert took < 8


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["CN", "O", "OU", "L", "ST", "C"]),
            st.text(
                st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="\x7f"),
                min_size=1,
                max_size=12,
            ),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_a_subject_is_written_as_the_library_for_certificates_writes_it(parts):
    long = {short: name for name, short in tls._SHORT.items()}
    oids = {"CN": "2.5.4.3", "O": "2.5.4.10", "OU": "2.5.4.11", "L": "2.5.4.7", "ST": "2.5.4.8"}
    oids["C"] = "2.5.4.6"
    parts = [(short, "DE" if short == "C" else value) for short, value in parts]
    name = x509.Name(
        [x509.NameAttribute(x509.ObjectIdentifier(oids[short]), value) for short, value in parts]
    )

    assert tls.name_of([[(long[short], value)] for short, value in parts]) == name.rfc4514_string()

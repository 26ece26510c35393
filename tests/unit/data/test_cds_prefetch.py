"""The client's FHIR server is asked only where it is listed, and trusted with nothing."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from bedside.core.clock import FixedClock
from bedside.core.errors import BedsideError, Invalid, Refused, Unavailable
from bedside.core.web_address import WebAddress
from bedside.data.adapters.fhir_server import pinned
from bedside.data.adapters.fhir_server.prefetch import ListedServers, fetch_document
from served import NOW, a_fhir_patient, an_observation

SEARCH = "Observation?patient=pat-1&code=http://loinc.org|8867-4,http://loinc.org|2524-7"


class FhirServer:
    """A small FHIR server on loopback that can misbehave."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.asked: list[tuple[str, str | None, str | None]] = []
        self.pages = 3
        self.mode = "well"

    def answer(self, path: str, query: dict[str, list[str]]) -> tuple[int, dict[str, str], Any]:
        if self.mode in ("401", "404", "503"):
            return int(self.mode), {}, {"resourceType": "OperationOutcome"}
        if self.mode == "redirects":
            return 302, {"Location": f"{self.base}/elsewhere"}, {}
        if self.mode == "html":
            return 200, {}, None
        if path.endswith("/Patient/pat-1"):
            return 200, {}, a_fhir_patient()
        page = int(query.get("page", ["1"])[0])
        bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset"}
        bundle["entry"] = [{"resource": an_observation("8867-4", 80, "/min", id=f"o{page}")}]
        following = {
            "elsewhere": "http://127.0.0.2:1/fhir/Observation?page=2",
            "upwards": f"{self.base}/../admin?page=2",
            "beside": self.base.replace("/fhir", "/other") + "?page=2",
        }.get(self.mode, f"{self.base}/Observation?page={page + 1}")
        if page < self.pages:
            bundle["link"] = [{"relation": "next", "url": following}]
        if self.mode == "huge":
            bundle["text"] = "x" * 6_000_000
        return 200, {}, bundle


@contextmanager
def running(certificate: Path | None = None) -> Iterator[FhirServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            authorization = self.headers.get("Authorization")
            fhir.asked.append((self.path, authorization, self.headers.get("Host")))
            status, headers, body = fhir.answer(url.path, parse_qs(url.query))
            content = b"<html>" if body is None else json.dumps(body).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fhir = FhirServer(f"http://127.0.0.1:{server.server_port}/fhir")
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        fhir.base = f"https://localhost:{server.server_port}/fhir"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield fhir
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def fhir() -> Iterator[FhirServer]:
    with running() as server:
        yield server


def a_source(*servers: str, **parts: Any) -> ListedServers:
    return ListedServers(servers, clock=FixedClock(NOW), **parts)


def test_every_page_of_a_search_comes_as_one_bundle_that_leads_no_further(fhir):
    got = a_source(fhir.base).fetch(fhir.base, "t0ken", {"patient": "Patient/pat-1", "o": SEARCH})

    bundle = json.loads(got["o"])
    assert json.loads(got["patient"])["birthDate"] == "1955-02-03"
    assert [one["resource"]["id"] for one in bundle["entry"]] == ["o1", "o2", "o3"]
    assert "link" not in bundle
    assert {authorization for _, authorization, _ in fhir.asked} == {"Bearer t0ken"}
    assert "code=http://loinc.org%7C8867-4,http://loinc.org%7C2524-7&_count=500" in fhir.asked[1][0]


def test_without_a_token_none_is_sent(fhir):
    a_source(fhir.base).fetch(fhir.base, None, {"patient": "Patient/pat-1"})

    assert fhir.asked[0][1] is None


@pytest.mark.parametrize("asked", ["{}x", "https://ehr.example.org/fhir", "{}/..", "http://[::1]/"])
def test_a_server_that_is_not_listed_is_never_called(fhir, asked):
    with pytest.raises(Refused) as refused:
        a_source(fhir.base).fetch(asked.format(fhir.base), "t0ken", {"p": "Patient/pat-1"})

    assert refused.value.code == "server_not_allowed"
    assert fhir.asked == []


def test_without_a_list_nothing_is_allowed(fhir):
    with pytest.raises(Refused):
        a_source().fetch(fhir.base, None, {"p": "Patient/pat-1"})

    assert fhir.asked == []


@pytest.mark.parametrize(
    ("mode", "kind", "code"),
    [
        ("401", Refused, "fhir_not_let_in"),
        ("404", Invalid, "fhir_not_given"),
        ("503", Invalid, "fhir_not_given"),
        ("redirects", Refused, "redirected"),
        ("html", Invalid, "answer_unreadable"),
        ("elsewhere", BedsideError, None),
        ("upwards", Refused, "other_origin"),
        ("beside", Refused, "other_origin"),
        ("huge", Refused, "fhir_too_much"),
    ],
)
def test_a_server_that_misbehaves_gives_nothing_and_is_not_followed(fhir, mode, kind, code):
    fhir.mode = mode

    with pytest.raises(kind) as refused:
        a_source(fhir.base).fetch(fhir.base, "t0ken", {"o": SEARCH})

    assert code is None or refused.value.code == code
    assert "pat-1" not in str(refused.value)
    assert "t0ken" not in str(refused.value)
    assert all("elsewhere" not in path and "admin" not in path for path, _, _ in fhir.asked)


def test_pages_without_end_and_a_clinician_who_waits_are_cut_short(fhir):
    fhir.pages = 10_000
    with pytest.raises(Refused, match="more than 20 pages"):
        a_source(fhir.base).fetch(fhir.base, None, {"o": SEARCH})
    assert len(fhir.asked) == 20

    seconds = iter([0.0, 1.0, 11.0])
    with pytest.raises(Unavailable, match="in time"):
        a_source(fhir.base, now=lambda: next(seconds)).fetch(fhir.base, None, {"o": SEARCH})


def test_a_server_that_is_gone_is_unavailable():
    with running() as server:
        base = server.base

    with pytest.raises(Unavailable) as refused:
        a_source(base).fetch(base, None, {"p": "Patient/pat-1"})
    assert refused.value.code == "fhir_unreachable"


@pytest.mark.parametrize(
    "place",
    ["127.0.0.1", "::1", "169.254.169.254", "fe80::1", "0.0.0.0", "::ffff:127.0.0.1"],  # noqa: S104
)
def test_a_listed_name_that_leads_to_this_machine_or_to_metadata_is_refused(monkeypatch, place):
    monkeypatch.setattr(
        pinned.socket, "getaddrinfo", lambda *_, **__: [(0, 0, 0, "", (place, 443))]
    )

    with pytest.raises(Refused) as refused:
        pinned.address_of(WebAddress.read("https://ehr.example.org/fhir", what="x"))
    assert refused.value.code == "address_not_allowed"


def test_the_address_is_looked_up_once_and_the_host_header_keeps_the_name(fhir, monkeypatch):
    looked: list[str] = []
    real = pinned.socket.getaddrinfo

    def look(host: str, *rest: Any, **more: Any) -> Any:
        looked.append(host)
        return real(host, *rest, **more)

    monkeypatch.setattr(pinned.socket, "getaddrinfo", look)
    base = fhir.base.replace("127.0.0.1", "localhost")
    fhir.base = base

    a_source(base).fetch(base, None, {"o": SEARCH})

    assert looked.count("localhost") == 1
    assert {host.partition(":")[0] for _, _, host in fhir.asked} == {"localhost"}


def test_a_key_set_is_fetched_from_its_one_address(fhir):
    got = fetch_document(f"{fhir.base}/Patient/pat-1", clock=FixedClock(NOW))

    assert json.loads(got)["id"] == "pat-1"


def a_certificate(folder: Path, name: str) -> Path:
    """Of this one name, and of no address."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file = folder / f"{name}.pem"
    file.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    return file


def test_a_pinned_address_still_has_to_show_the_certificate_of_its_name(tmp_path):
    good, wrong = a_certificate(tmp_path, "localhost"), a_certificate(tmp_path, "other.example")

    with running(good) as fhir:
        source = a_source(fhir.base, certificates=str(good))
        assert "p" in source.fetch(fhir.base, None, {"p": "Patient/pat-1"})
        with pytest.raises(Refused) as untrusted:
            a_source(fhir.base).fetch(fhir.base, None, {"p": "Patient/pat-1"})
    with running(wrong) as fhir:
        source = a_source(fhir.base, certificates=str(wrong))
        with pytest.raises(Refused) as misnamed:
            source.fetch(fhir.base, None, {"p": "Patient/pat-1"})

    assert (untrusted.value.code, misnamed.value.code) == ("not_trusted", "not_trusted")


def test_an_address_of_version_6_can_be_pinned():
    assert httpx.URL("https://ehr.example.org/fhir").copy_with(host="2001:db8::1").netloc == (
        b"[2001:db8::1]"
    )

"""TLS of the server, the certificates of its clients, and the limits of a request's head."""

import re
import ssl
from asyncio import TimerHandle, Transport
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from bedside.core.errors import Invalid
from bedside.serve.headers import with_security
from bedside.serve.one_write import OneWrite
from bedside.serve.routes import WHOLE

__all__ = ["HEAD_LIMIT", "HEAD_SECONDS", "BoundedHttp", "name_of", "tls_context"]

HEAD_LIMIT = 32 * 1024
"""Bytes of the request line and the headers together."""
HEAD_SECONDS = 10.0
"""How long the head of a request, and the handshake before it, may take to arrive."""


def tls_context(
    certificate: Path, key: Path, client_ca: Path | None = None
) -> Callable[[uvicorn.Config, Callable[[], ssl.SSLContext]], ssl.SSLContext]:
    """What makes uvicorn's TLS: 1.2 or later, and where a client CA is given, mutual.

    Args:
        certificate: The server's, with those between it and the root, as PEM.
        key: Its private key, as PEM.
        client_ca: Who must have signed the certificate of each client; without, none is asked for.

    Raises:
        Invalid: a file cannot be read, or the two do not belong together (code `tls`).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    try:
        context.load_cert_chain(certificate, key)
        if client_ca is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(client_ca)
    except (OSError, ValueError):  # ssl's errors are OSErrors; their text may name a file
        raise Invalid(
            "The certificate, its key or the CA of the clients cannot be used.",
            fix="give PEM files that belong together and that this user can read.",
            code="tls",
        ) from None
    return lambda _config, _default: context


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's HTTP, with an end to what a head may hold and to how long it may take.

    It tells the application what the TLS of the connection knows, as the ASGI TLS extension says;
    uvicorn does not do that itself.

    Source: ASGI TLS extension 0.2; RFC 4514 for the subject; RFC 6585 for status 431.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._tls: dict[str, Any] | None = None
        self._head: int | None = 0  # bytes of a head that is not whole yet
        self._came = self._at_most = 0  # bytes: of what came last, of any head whole with it
        self._head_timer: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """A connection is there, its handshake done."""
        super().connection_made(transport)
        self._tls = _told_by_tls(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._head_came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes came: of a head, of a body, or of both."""
        if self.transport.is_closing():
            return
        before, self._came = self._at_most, len(data)
        self._at_most = self._came
        if self._head is not None:
            self._at_most, self._head = before + self._came, self._head + self._came
        super().data_received(data)
        if self._head and self._head_timer is None and not self.transport.is_closing():
            self._expect_head()
        # Bytes of the body that came along are too many for a head as well, so they only count
        # while the head is not whole.
        if self._head is not None and self._head > HEAD_LIMIT and not self.transport.is_closing():
            self._end(431, "The head of the request is too large. Fix: send fewer headers.")

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        if self._tls is not None:
            extensions: dict[object, object] = {"tls": self._tls}
            self.scope["extensions"] = extensions  # type: ignore[typeddict-item]

    def on_headers_complete(self) -> None:
        """A head is whole."""
        self._head_came()
        # A header counts for four bytes more than its name and value, and took three of them.
        if 2 * self._at_most > HEAD_LIMIT and self._size() > HEAD_LIMIT:
            self._end(431, "The head of the request is too large. Fix: send fewer headers.")
            return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Some of a body; what follows a head that was refused goes nowhere."""
        if self.cycle is not None and not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is whole."""
        self._head, self._at_most = 0, self._came  # the next head may have begun in it
        if self.cycle is not None and not self.transport.is_closing():
            self.scope[WHOLE] = True  # type: ignore[literal-required]
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP."""
        self._end(400, f"{msg} Fix: speak HTTP/1.1.")

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        super()._start_asgi_task(cycle, partial(_in_one_piece, app, cycle))

    def _size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _expect_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _head_came(self) -> None:
        self._head = None
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _end(self, status: int, text: str) -> None:
        """Answer outside of any application, and hang up."""
        self._head_came()
        phrase = {400: b"Bad Request", 431: b"Request Header Fields Too Large"}[status]
        code = {400: "not_http", 431: "head_too_large"}[status]
        body = f'{{"error":"{text}","code":"{code}"}}'.encode()
        own = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        told = with_security(own, tls=self.scheme == "https")
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in told)
        self.transport.write(b"HTTP/1.1 %d %s\r\n%s\r\n%s" % (status, phrase, lines, body))
        self.transport.close()


async def _in_one_piece(
    app: Any, cycle: RequestResponseCycle, scope: Any, receive: Any, _send: Any
) -> Any:
    """The application, whose responses go in one piece where they come whole."""
    return await app(scope, receive, OneWrite(cycle))


_SHORT = {
    "commonName": "CN",
    "countryName": "C",
    "domainComponent": "DC",
    "localityName": "L",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "stateOrProvinceName": "ST",
    "streetAddress": "STREET",
    "userId": "UID",
}


def _told_by_tls(transport: Transport) -> dict[str, Any] | None:
    """What the extension tells; None where the connection is in clear."""
    channel = transport.get_extra_info("ssl_object")
    if channel is None:
        return None
    told: dict[str, Any] = {
        "server_cert": None,
        "client_cert_chain": [],
        "client_cert_name": None,
        "client_cert_error": None,
        "tls_version": {"TLSv1.2": 0x0303, "TLSv1.3": 0x0304}.get(channel.version() or ""),
        "cipher_suite": None,
    }
    presented = channel.getpeercert(binary_form=True)
    checked = channel.getpeercert()  # empty for one that was not checked
    if presented and checked:
        told["client_cert_chain"] = [ssl.DER_cert_to_PEM_cert(presented)]
        told["client_cert_name"] = name_of(checked["subject"]) or None
    return told


def name_of(subject: Iterable[Iterable[tuple[str, str]]]) -> str:
    r"""A subject, as `ssl` tells it, in the one text form of RFC 4514, the last part first.

    >>> name_of(((("organizationName", "St. Mary, West"),), (("commonName", "ehr"),)))
    'CN=ehr,O=St. Mary\\, West'
    """
    parts = [
        "+".join(f"{_SHORT.get(name, name)}={_escaped(value)}" for name, value in part)
        for part in subject
    ]
    return ",".join(reversed(parts))


def _escaped(value: str) -> str:
    """RFC 4514, section 2.4."""
    told = re.sub(r'([,+"\\<>;])', r"\\\1", value).replace("\0", "\\00")
    if told.startswith(("#", " ")):
        told = "\\" + told
    if len(told) > 1 and told.endswith(" "):
        told = told[:-1] + "\\ "
    return told

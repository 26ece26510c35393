"""Asks a FHIR server, again where that may help, and only at addresses that were declared."""

import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from http import HTTPStatus
from typing import Protocol

import httpx

from bedside.core.clock import Clock
from bedside.core.errors import BedsideError, Invalid, Refused, Unavailable
from bedside.core.records.fhir_export import FhirServerOptions
from bedside.core.web_address import WebAddress
from bedside.data.adapters.fhir_server.answers import issue_codes
from bedside.data.adapters.fhir_server.unpacking import Cut, unpacked

__all__ = ["Answer", "Bearer", "Broken", "Patience", "Wire", "failure", "unreachable"]

AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_LARGEST_ANSWER = 64 * 1024 * 1024  # bytes of JSON: a manifest, a page
_LONGEST_PAUSE = 60.0  # seconds between two attempts, where the server does not say


class Bearer(Protocol):
    """Gives the header that lets us in."""

    def header(self) -> dict[str, str]:
        """It; a new token is fetched when the old one is about to run out."""
        ...

    def forget(self) -> None:
        """The server no longer takes this token."""
        ...


class Broken(Exception):
    """The connection failed, or the answer ended early; trying again may help."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    headers: httpx.Headers
    content: bytes = field(repr=False)


class Patience:
    """Counts attempts, and how long was waited in all.

    Args:
        sleep: Waits so many seconds.
        attempts: How often something may fail in a row.
        seconds: The longest wait in all.
    """

    def __init__(self, sleep: Callable[[float], None], attempts: int, seconds: float) -> None:
        self._sleep, self._attempts, self._left = sleep, attempts, seconds
        self._failed = 0

    def may_go_on(self, asked: float | None = None) -> bool:
        """Wait after a failure, as long as the server asked; False when patience is at an end."""
        self._failed += 1
        if self._failed >= self._attempts:
            return False
        own = min(2.0 ** (self._failed - 1), _LONGEST_PAUSE)
        return self.wait(own if asked is None else asked)

    def wait(self, seconds: float) -> bool:
        """Wait; False, at once, where that would be longer than there is time."""
        if seconds > self._left:
            return False
        self._left -= seconds
        self._sleep(seconds)
        return True


class Wire:
    """The connections to one server.

    It takes no proxy and no password from the environment, and follows no redirect.

    Args:
        options: The server as it was declared.
        clock: Says what time it is.
        sleep: Waits so many seconds.
        transport: Connects to the server, given what to trust; the usual one where it is None.
    """

    def __init__(
        self,
        options: FhirServerOptions,
        *,
        clock: Clock,
        sleep: Callable[[float], None] = time.sleep,
        transport: Callable[[ssl.SSLContext], httpx.BaseTransport] | None = None,
    ) -> None:
        self.options, self.clock = options, clock
        self.base = WebAddress.read(options.base_url, what="The address of the FHIR server")
        self._sleep = sleep
        trusted = _trust(options.certificates)
        self._client = httpx.Client(
            transport=None if transport is None else transport(trusted),
            verify=trusted,
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(options.request_seconds),
            headers={"Accept-Encoding": "gzip", "User-Agent": "bedside"},
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def patience(self, seconds: float | None = None) -> Patience:
        """A new measure of patience; for as long as an export may take, unless it is told."""
        longest = self.options.wait_seconds if seconds is None else seconds
        return Patience(self._sleep, self.options.attempts, longest)

    def below_base(self, path: str, query: str = "") -> WebAddress:
        """The address of something in the server's API; the query is encoded already."""
        text = f"{self.base.url.rstrip('/')}/{path}"
        return WebAddress.read(f"{text}?{query}" if query else text, what="A question")

    def allowed(self, address: WebAddress, what: str) -> WebAddress:
        """The address, if we may be sent there.

        Raises:
            Refused: it lies elsewhere (code `other_origin`).
        """
        place = f"[{address.host}]" if ":" in address.host else address.host
        known = {place, f"{place}:{address.port}"} & set(self.options.allowed_hosts)
        if address.same_origin(self.base) or known:
            return address
        raise Refused(
            f"{what} leads to another host than the one declared ('{place}:{address.port}').",
            fix="if that is right, name it in allowed_hosts.",
            code="other_origin",
        )

    def ask(
        self,
        method: str,
        address: WebAddress,
        *,
        bearer: Bearer | None = None,
        accept: str = "application/fhir+json",
        headers: Mapping[str, str] | None = None,
        form: Callable[[], Mapping[str, str]] | None = None,
        content: bytes | None = None,
    ) -> Answer:
        """Ask, and again while that may help; the last answer, whatever its status is.

        Raises:
            Unavailable: there is no answer (code `server_unreachable`).
            Refused: the server is not the one it says it is (`not_trusted`), sends us elsewhere
                (`redirected`), or sends too much (`file_too_large`).
        """
        patience = self.patience()
        renewed = False
        while True:
            try:
                with self.open(
                    method,
                    address,
                    bearer=bearer,
                    accept=accept,
                    headers=headers,
                    form=form,
                    content=content,
                ) as response:
                    answer = self.answer(response)
            except Broken:
                if not patience.may_go_on():
                    raise unreachable(address.host) from None
                continue
            if answer.status == HTTPStatus.UNAUTHORIZED and bearer is not None and not renewed:
                bearer.forget()
                renewed = True
            elif answer.status not in AGAIN or not patience.may_go_on(self.asked_wait(answer)):
                return answer

    @contextmanager
    def open(
        self,
        method: str,
        address: WebAddress,
        *,
        bearer: Bearer | None = None,
        accept: str = "application/fhir+json",
        headers: Mapping[str, str] | None = None,
        form: Callable[[], Mapping[str, str]] | None = None,
        content: bytes | None = None,
    ) -> Iterator[httpx.Response]:
        """An answer that is still coming in; asked for once.

        Raises:
            Broken: the connection fails, now or while it is read.
            Refused: the server is not trusted or sends us elsewhere.
        """
        sent = {"Accept": accept, **(headers or {}), **(bearer.header() if bearer else {})}
        body = form() if form else None
        try:
            url = httpx.URL(address.url)
            if (url.scheme, url.host) != (address.scheme, address.host):
                raise _unfit()
            with self._client.stream(
                method, url, headers=sent, data=body, content=content
            ) as response:
                if response.is_redirect or response.has_redirect_location:
                    raise _redirected(address.host)
                yield response
        except httpx.InvalidURL:
            raise _unfit() from None
        except (httpx.TransportError, httpx.StreamError, Cut) as error:
            if _is_about_trust(error):
                raise _untrusted(address.host) from None
            raise Broken from None

    def answer(self, response: httpx.Response) -> Answer:
        """The whole of an answer that is coming in; see `ask` for what is refused."""
        content = b"".join(_bounded(self.body(response)))
        return Answer(response.status_code, response.headers, content)

    def body(self, response: httpx.Response) -> Iterator[bytes]:
        """The bytes of an answer, unpacked.

        Raises:
            Broken: it trickles in for longer than a file may take.
            Invalid: it is packed in another way than gzip.
        """
        encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in {"identity", "", "gzip", "x-gzip"}:
            raise Invalid(
                "The server packed its answer in a way that was not asked for.",
                fix="let it send gzip or nothing of the kind.",
                code="answer_unreadable",
            )
        return unpacked(self._timed(response.iter_raw()), declared="gzip" in encoding)

    def _timed(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The chunks, as long as the server takes no longer for all of them than it may."""
        left = timedelta(seconds=self.options.file_seconds)
        while True:
            begun = self.clock.now()
            chunk = next(chunks, None)
            left -= self.clock.now() - begun
            if chunk is None:
                return
            if left < timedelta(0):
                raise Broken
            yield chunk

    def asked_wait(self, answer: Answer) -> float | None:
        """How many seconds the server asks us to wait, if it does."""
        return asked_wait(answer.headers.get("Retry-After"), self.clock.now())


def asked_wait(text: str | None, now: datetime) -> float | None:
    """What `Retry-After` says: seconds, or a date.

    >>> asked_wait("120", datetime.now())
    120.0
    """
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        until = parsedate_to_datetime(text)
        return max(0.0, (until - now).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


def unreachable(host: str) -> Unavailable:
    """No answer, however often we asked."""
    return Unavailable(
        f"The FHIR server at '{host}' does not answer, or not to the end.",
        fix="check that it runs and can be reached from here, then collect again.",
        code="server_unreachable",
    )


def failure(answer: Answer, what: str) -> BedsideError:
    """What an answer that is not a success means; `what` was asked for."""
    codes = issue_codes(answer.content)
    told = f"HTTP {answer.status}" + (f", {', '.join(codes)}" if codes else "")
    if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return Refused(
            f"The FHIR server does not let us have {what} ({told}).",
            fix="check the client id, its key and the scope that the server grants it.",
            code="not_let_in",
        )
    if answer.status in AGAIN or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unavailable(
            f"The FHIR server cannot give {what} now ({told}).",
            fix="collect again later.",
            code="server_busy",
        )
    return Invalid(
        f"The FHIR server does not give {what} ({told}).",
        fix="check the address, the types and the filters that are declared.",
        code="not_given",
    )


def _bounded(chunks: Iterable[bytes]) -> Iterator[bytes]:
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > _LARGEST_ANSWER:
            raise Refused(
                f"The FHIR server's answer is larger than {_LARGEST_ANSWER:,} bytes.",
                fix="declare a smaller page_size.",
                code="file_too_large",
            )
        yield chunk


@cache
def _system_trust() -> ssl.SSLContext:
    """The certificates that this machine trusts; reading them takes a tenth of a second."""
    return ssl.create_default_context()


def _trust(certificates: str | None) -> ssl.SSLContext:
    if certificates is None:
        return _system_trust()
    try:
        return ssl.create_default_context(cafile=certificates)
    except (OSError, ssl.SSLError, ValueError):
        raise Invalid(
            "The file of certificates to trust cannot be read.", fix="give a file in PEM."
        ) from None


def _is_about_trust(error: BaseException) -> bool:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def _untrusted(host: str) -> Refused:
    return Refused(
        f"The server at '{host}' shows a certificate that is not trusted here.",
        fix="name the file with your hospital's certificates in 'certificates'.",
        code="not_trusted",
    )


def _redirected(host: str) -> Refused:
    return Refused(
        f"The server at '{host}' sends us to another address.",
        fix="declare the address that it sends to, if that is right.",
        code="redirected",
    )


def _unfit() -> Invalid:
    return Invalid(
        "The server gives an address that is not a URL.",
        fix="ask whoever runs the server.",
        code="address_unfit",
    )

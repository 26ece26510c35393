"""What a CDS Hooks call did not bring, from the client's FHIR server, if that is listed."""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from http import HTTPStatus
from time import monotonic
from urllib.parse import quote, urlsplit

import msgspec

from bedside.core.clock import Clock
from bedside.core.errors import BedsideError, Invalid, Refused, Unavailable
from bedside.core.records.fhir_export import FhirServerOptions
from bedside.core.web_address import WebAddress
from bedside.data.adapters.fhir_server.answers import read_answer
from bedside.data.adapters.fhir_server.pinned import PinnedTransport
from bedside.data.adapters.fhir_server.wire import Answer, Wire

__all__ = ["ListedServers", "fetch_document"]

_PAGE_SIZE = 500
_PAGES = 20  # of one search
_BYTES = 16 * 1024 * 1024  # in all
_SECONDS = 10.0  # in all; a clinician waits
_WAIT = 5.0  # for the next byte


class _Link(msgspec.Struct, omit_defaults=True):
    relation: str = ""
    url: str = ""


class _Page(msgspec.Struct, rename="camel"):
    resource_type: str
    link: list[_Link] = []
    entry: list[msgspec.Raw] = []


class _Sent:
    """The token that a call brought: as it is, and never another."""

    def __init__(self, token: str) -> None:
        self._token = token

    def header(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}

    def forget(self) -> None:
        """There is no other."""


class ListedServers:
    """The PrefetchSource port: asks only servers whose base address is listed, at a fixed IP.

    It follows no redirect, stays below the base address's host, and stops at 10 seconds, 20 pages
    of a search, or 16 MiB in all.

    Args:
        servers: Base addresses, without a slash at their end.
        clock: Says what time it is.
        certificates: A file of certificates to trust instead of the usual ones.
        now: Seconds that only grow.
    """

    def __init__(
        self,
        servers: Collection[str],
        *,
        clock: Clock,
        certificates: str | None = None,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._servers = frozenset(servers)
        self._clock, self._certificates, self._now = clock, certificates, now

    def fetch(self, server: str, token: str | None, queries: Mapping[str, str]) -> dict[str, bytes]:
        """The answer to each query, by its name; see the port."""
        base = server.rstrip("/")
        if base not in self._servers:
            raise Refused(
                "The client's FHIR server is not one that may be asked from here.",
                fix="name its address under fhir_servers in cds_clients.json.",
                code="server_not_allowed",
            )
        options = FhirServerOptions(
            base_url=base,
            without_auth=True,  # what lets us in comes with the call
            attempts=1,
            request_seconds=_WAIT,
            file_seconds=_SECONDS,
            wait_seconds=_SECONDS,
            certificates=self._certificates,
        )
        address = WebAddress.read(base, what="fhirServer")
        wire = Wire(options, clock=self._clock, transport=partial(PinnedTransport, address))
        one = _Fetch(wire, None if token is None else _Sent(token), self._now)
        try:
            return {name: one.whole(query) for name, query in queries.items()}
        finally:
            wire.close()


class _Fetch:
    """Fetches the answers to one call, within its limits."""

    def __init__(self, wire: Wire, bearer: _Sent | None, now: Callable[[], float]) -> None:
        self._wire, self._bearer, self._now = wire, bearer, now
        self._until = now() + _SECONDS
        self._left = _BYTES

    def whole(self, query: str) -> bytes:
        """A resource, or every page of a search in one Bundle."""
        path, _, asked = query.partition("?")
        if asked:
            asked = f"{_encoded(asked)}&_count={_PAGE_SIZE}"
        here: WebAddress | None = self._wire.below_base(path, asked)
        entries: list[msgspec.Raw] = []
        for _ in range(_PAGES):
            if here is None:
                return msgspec.json.encode(
                    {"resourceType": "Bundle", "type": "searchset", "entry": entries}
                )
            content = self._page(here)
            page = read_answer(content, _Page, "The answer of the client's FHIR server")
            if page.resource_type != "Bundle":
                return content
            entries += page.entry
            here = self._following(here, page)
        raise _too_much(f"more than {_PAGES} pages")

    def _page(self, here: WebAddress) -> bytes:
        if self._now() > self._until:
            raise _too_slow()
        try:
            answer = self._wire.ask("GET", here, bearer=self._bearer)
        except Unavailable:
            raise _too_slow() from None
        if answer.status != HTTPStatus.OK:
            raise _not_given(answer)
        self._left -= len(answer.content)
        if self._left < 0:
            raise _too_much(f"more than {_BYTES:,} bytes")
        return answer.content

    def _following(self, here: WebAddress, page: _Page) -> WebAddress | None:
        links = [link.url for link in page.link if link.relation == "next" and link.url]
        if not links:
            return None
        following = here.join(links[0], what="The link to the next page")
        root = urlsplit(self._wire.base.url).path.rstrip("/")
        path = urlsplit(following.url).path
        below = path == root or path.startswith(f"{root}/")
        if not following.same_origin(self._wire.base) or not below or ".." in path:
            raise Refused(
                "The link to the next page leads to another server.",
                fix="ask whoever runs the FHIR server: pages must lie where its API lies.",
                code="other_origin",
            )
        return following


def fetch_document(url: str, *, clock: Clock, certificates: str | None = None) -> bytes:
    """A small JSON document at an address that was listed, such as a client's key set.

    Raises:
        Refused, Unavailable: it is not given.
        Invalid: the address is none.
    """
    address = WebAddress.read(url, what="The address of the key set")
    options = FhirServerOptions(
        base_url=f"{address.scheme}://{_place(address)}",
        without_auth=True,
        attempts=2,
        request_seconds=_WAIT,
        file_seconds=_SECONDS,
        wait_seconds=_SECONDS,
        certificates=certificates,
    )
    wire = Wire(options, clock=clock, transport=partial(PinnedTransport, address))
    try:
        answer = wire.ask("GET", address, accept="application/json")
    finally:
        wire.close()
    if answer.status != HTTPStatus.OK:
        raise _not_given(answer)
    return answer.content


def _place(address: WebAddress) -> str:
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{host}:{address.port}"


def _encoded(query: str) -> str:
    """The query with every sign that a URL may not hold written as %XX; & and = part it."""
    pairs = (pair.partition("=") for pair in query.split("&"))
    return "&".join(f"{quote(key, safe=':')}={quote(part, safe=',:/')}" for key, _, part in pairs)


def _not_given(answer: Answer) -> BedsideError:
    told = f"(HTTP {answer.status})"
    if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return Refused(
            f"The client's FHIR server does not let us have what was asked {told}.",
            fix="let the client send a token whose scope covers every prefetch query.",
            code="fhir_not_let_in",
        )
    return Invalid(
        f"The client's FHIR server does not give what was asked {told}.",
        fix="check its log for the query.",
        code="fhir_not_given",
    )


def _too_slow() -> Unavailable:
    return Unavailable(
        "The client's FHIR server does not answer in time.",
        fix="send the data along as prefetch.",
        code="fhir_unreachable",
    )


def _too_much(what: str) -> Refused:
    return Refused(
        f"The client's FHIR server gives {what}.",
        fix="send the data along as prefetch.",
        code="fhir_too_much",
    )

"""A FHIR server that is read from and written to: the port FhirTarget on the one wire."""

import re
import time
from collections.abc import Callable
from http import HTTPStatus
from types import TracebackType
from urllib.parse import quote

import msgspec

from bedside.core.clock import Clock
from bedside.core.errors import Invalid, Refused
from bedside.core.records.fhir_export import FhirServerOptions
from bedside.core.web_address import WebAddress
from bedside.data.adapters.fhir_server.access import Access
from bedside.data.adapters.fhir_server.answers import read_answer, read_page
from bedside.data.adapters.fhir_server.client_key import ClientKey
from bedside.data.adapters.fhir_server.wire import Wire, failure

__all__ = ["FhirConversation"]

_LARGEST = 64 * 1024 * 1024  # bytes of all pages of one search
_DONE = re.compile(r"20[01]( |$)")


class _Response(msgspec.Struct):
    status: str = ""


class _Entry(msgspec.Struct):
    response: _Response = msgspec.field(default_factory=_Response)


class _Transacted(msgspec.Struct, rename="camel"):
    resource_type: str
    type: str = ""
    entry: list[_Entry] = []


class FhirConversation:
    """The FhirTarget port on a live server; see the port for what its verbs promise.

    Args:
        options: The server as the hospital declares it; its `pages` bound one search.
        clock: Says what time it is.
        private_key: PEM or JWK, where a client id is declared; never shown.
        sleep: Waits so many seconds.

    Raises:
        Invalid: a client id without a key or the other way round (code `no_auth`), or a key that
            is not fit.
    """

    def __init__(
        self,
        options: FhirServerOptions,
        *,
        clock: Clock,
        private_key: bytes | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if (options.client_id is None) != (private_key is None):
            raise Invalid(
                "The FHIR server's client id and its private key belong together.",
                fix="declare the client id and give its private key, or neither.",
                code="no_auth",
            )
        key = None if private_key is None else ClientKey(private_key, options.key_id)
        self._options = options
        self._wire = Wire(options, clock=clock, sleep=sleep)
        self._access = None if key is None else Access(self._wire, key)

    def whole(self, query: str) -> bytes:
        """A resource, or every page of a search in one Bundle; see the port."""
        path, _, asked = query.partition("?")
        if not asked:
            return self._got(self._wire.below_base(path), path)
        told = f"{_encoded(asked)}&_count={self._options.page_size}"
        here: WebAddress | None = self._wire.below_base(path, told)
        entries: list[bytes] = []
        left = _LARGEST
        for _ in range(self._options.pages):
            if here is None:
                return b'{"resourceType":"Bundle","type":"searchset","entry":[%b]}' % (
                    b",".join(b'{"resource":%b}' % entry for entry in entries)
                )
            content = self._got(here, path)
            left -= len(content)
            if left < 0:
                raise _too_much(f"more than {_LARGEST:,} bytes")
            page = read_page(content)
            entries += [entry.line.strip() for entry in page.entries if entry.is_data]
            here = self._following(here, page.following)
        raise _too_much(f"more than {self._options.pages:,} pages")

    def transact(self, bundle: bytes) -> int:
        """Carry out a transaction; see the port. It may be sent again while the server is busy."""
        answer = self._wire.ask(
            "POST",
            self._wire.base,
            bearer=self._access,
            headers={"Content-Type": "application/fhir+json"},
            content=bundle,
        )
        if answer.status != HTTPStatus.OK:
            raise failure(answer, "the transaction")
        what = "The server's answer to a transaction"
        told = read_answer(answer.content, _Transacted, what)
        states = [entry.response.status for entry in told.entry]
        if told.resource_type != "Bundle" or not states or not all(map(_DONE.match, states)):
            raise Invalid(
                "The FHIR server does not say that it kept the whole transaction.",
                fix="ask whoever runs it whether it takes transactions of conditional creates.",
                code="not_kept",
            )
        return sum(one.startswith("201") for one in states)

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    def __enter__(self) -> "FhirConversation":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _got(self, here: WebAddress, what: str) -> bytes:
        answer = self._wire.ask("GET", here, bearer=self._access)
        if answer.status != HTTPStatus.OK:
            raise failure(answer, f"what was asked of {what.partition('/')[0]}")
        return answer.content

    def _following(self, here: WebAddress, link: str | None) -> WebAddress | None:
        if link is None:
            return None
        following = here.join(link, what="The link to the next page")
        if not following.same_origin(self._wire.base):
            raise Refused(
                "The link to the next page leads to another server.",
                fix="ask whoever runs the server: pages must lie where the API lies.",
                code="other_origin",
            )
        return following


def _encoded(query: str) -> str:
    """The query with every sign that a URL may not hold written as %XX; & and = part it.

    >>> _encoded("code=http://loinc.org|8867-4&_lastUpdated=ge2026-01-01T00:00:00+01:00")
    'code=http%3A//loinc.org%7C8867-4&_lastUpdated=ge2026-01-01T00%3A00%3A00%2B01%3A00'
    """
    pairs = (pair.partition("=") for pair in query.split("&"))
    return "&".join(f"{quote(key, safe=':-_.')}={quote(part, safe=',/')}" for key, _, part in pairs)


def _too_much(what: str) -> Refused:
    return Refused(
        f"The FHIR server's search gives {what}.",
        fix="begin later with --since, or ask whoever runs the server.",
        code="file_too_large",
    )

"""Paged search: follows a server's links from page to page, type by type."""

from collections.abc import Iterator
from http import HTTPStatus
from urllib.parse import quote

from bedside.core.clock import iso, parse_instant
from bedside.core.errors import Invalid, Refused, Unavailable
from bedside.core.ids import digest_bytes
from bedside.core.records.fhir_export import LARGEST_PART, ReceivedPart
from bedside.core.web_address import WebAddress
from bedside.data.adapters.fhir_server.answers import Page, read_page
from bedside.data.adapters.fhir_server.wire import Bearer, Wire, failure

__all__ = ["PagedSearch"]

_LINK = "The link to the next page"


class PagedSearch:
    """A search for every type that is declared, or by every filter.

    Args:
        wire: The connections to the server.
        bearer: What lets us in, if anything must.

    Source: FHIR R4, "RESTful API: paging" and "Search".
    """

    def __init__(self, wire: Wire, bearer: Bearer | None) -> None:
        self._wire, self._bearer = wire, bearer
        self._options = wire.options
        self._shelves: dict[tuple[str, bool], bytearray] = {}
        self._numbers: dict[str, int] = {}
        self._total = 0

    def parts(self) -> Iterator[ReceivedPart]:
        """Every part; see the port."""
        for page in self._pages():
            for entry in page.entries:
                yield from self._shelved(entry.type, entry.is_data, entry.line)
        for shelf in sorted(self._shelves):
            yield from self._emptied(shelf)

    def _questions(self) -> Iterator[str]:
        options = self._options
        filtered = {text.partition("?")[0] for text in options.filters}
        if not options.types and not options.filters:
            raise Invalid(
                "A search needs to know which resource types to ask for.",
                fix="declare types, such as Patient and Observation.",
            )
        common = f"_count={options.page_size}"
        if options.since is not None:
            moment = iso(parse_instant(options.since))
            common += f"&_lastUpdated=ge{quote(moment, safe='')}"
        for kind in dict.fromkeys(options.types):
            if kind not in filtered:
                yield f"{kind}?{common}"
        for text in options.filters:
            yield f"{text}&{common}"

    def _pages(self) -> Iterator[Page]:
        left = self._options.pages
        for question in self._questions():
            path, _, query = question.partition("?")
            here: WebAddress | None = self._wire.below_base(path, query)
            seen: set[str] = set()
            while here is not None:
                if left == 0:
                    raise _too_many(self._options.pages)
                left -= 1
                seen.add(digest_bytes(here.url.encode()))
                page = self._page(here, path, first=len(seen) == 1)
                yield page
                here = self._following(here, page, seen)

    def _page(self, address: WebAddress, kind: str, *, first: bool) -> Page:
        answer = self._wire.ask("GET", address, bearer=self._bearer)
        if not first and answer.status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
            raise Unavailable(
                f"The server's search for {kind} expired before its last page.",
                fix="collect again, with larger pages (page_size).",
                code="search_expired",
            )
        if answer.status != HTTPStatus.OK:
            raise failure(answer, f"a page of {kind}")
        self._total += len(answer.content)
        if self._total > self._options.total_bytes:
            raise Refused(
                f"The search gives more than {self._options.total_bytes:,} bytes.",
                fix="ask for less, or raise total_bytes in the declaration.",
                code="file_too_large",
            )
        return read_page(answer.content)

    def _following(self, here: WebAddress, page: Page, seen: set[str]) -> WebAddress | None:
        if page.following is None:
            return None
        following = here.join(page.following, what=_LINK)
        if not following.same_origin(self._wire.base):
            raise Refused(
                f"{_LINK} leads to another server.",
                fix="ask whoever runs the server: pages must lie where the API lies.",
                code="other_origin",
            )
        if digest_bytes(following.url.encode()) in seen:
            raise Refused(
                "The pages of the search lead in a circle.",
                fix="ask whoever runs the server.",
                code="link_loop",
            )
        return following

    def _shelved(self, kind: str, is_data: bool, line: bytes) -> Iterator[ReceivedPart]:
        """Put a line on its shelf; what no longer fits there, or in all, comes out first."""
        shelf, most = (kind if is_data else "errors", is_data), self._options.part_bytes
        if len(line) > most:
            raise Refused(
                f"A resource of {kind} is larger than {most:,} bytes.",
                fix="raise part_bytes, or ask for other types.",
                code="record_too_long",
            )
        if len(self._shelves.get(shelf, b"")) + len(line) > most:
            yield from self._emptied(shelf)
        if sum(map(len, self._shelves.values())) + len(line) > LARGEST_PART:
            yield from self._emptied(max(self._shelves, key=lambda one: len(self._shelves[one])))
        self._shelves.setdefault(shelf, bytearray()).extend(line)

    def _emptied(self, shelf: tuple[str, bool]) -> Iterator[ReceivedPart]:
        held = self._shelves.pop(shelf, None)
        if not held:
            return
        name, is_data = shelf
        number = self._numbers.get(name, 0)
        self._numbers[name] = number + 1
        yield ReceivedPart(
            name=f"{name}.000.{number:03d}.ndjson",
            content=bytes(held),
            kind="resources" if is_data else "errors",
        )


def _too_many(pages: int) -> Refused:
    return Refused(
        f"The search has more than {pages:,} pages.",
        fix="declare a larger page_size, or more pages; or ask whoever runs the server whether its "
        "pages ever end.",
        code="too_many_pages",
    )

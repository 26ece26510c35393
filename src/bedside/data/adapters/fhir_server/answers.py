"""What a FHIR server answers, read from strangers' bytes: tokens, manifests, pages, problems."""

import re
from typing import Any, TypeVar

import msgspec

from bedside.core.clock import parse_instant
from bedside.core.errors import BedsideError, Invalid

__all__ = [
    "Entry",
    "File",
    "Manifest",
    "Page",
    "SmartConfiguration",
    "TokenAnswer",
    "issue_codes",
    "oauth_error",
    "read_answer",
    "read_manifest",
    "read_page",
]

_MOST_FILES = 100_000
_TYPE = re.compile(r"[A-Z][A-Za-z]{1,63}")
_CODE = re.compile(r"[a-z_-]{1,40}")

_T = TypeVar("_T")


class SmartConfiguration(msgspec.Struct, frozen=True):
    """The part of `.well-known/smart-configuration` that we use."""

    token_endpoint: str
    token_endpoint_auth_signing_alg_values_supported: list[str] | None = None


class TokenAnswer(msgspec.Struct, frozen=True):
    """A token; `expires_in` counts seconds, and where it is missing SMART's advice of 300 holds."""

    access_token: str
    token_type: str = "bearer"  # noqa: S105 - a kind, not a secret
    expires_in: float = 300.0

    def __repr__(self) -> str:
        return "TokenAnswer(...)"


class _Denial(msgspec.Struct):
    error: str = ""


class File(msgspec.Struct, frozen=True):
    """A file of an export: a kind of `ReceivedPart`, a resource type, where, how many lines."""

    kind: str
    type: str
    url: str
    count: int | None = None


class Manifest(msgspec.Struct, frozen=True):
    """What an export made: files in the order they are read, and the moment it shows."""

    transaction_time: str
    needs_token: bool
    files: list[File]
    following: str | None = None


class Entry(msgspec.Struct, frozen=True):
    """One resource of a page: its type, its line (with the end of the line), whether it is data."""

    type: str
    line: bytes
    is_data: bool


class Page(msgspec.Struct, frozen=True):
    """A page of a search, and the link to the one that follows."""

    entries: list[Entry]
    following: str | None


class _Link(msgspec.Struct):
    relation: str = ""
    url: str = ""


class _Listed(msgspec.Struct):
    url: str
    type: str | None = None
    count: int | None = None


class _RawManifest(msgspec.Struct, rename="camel"):
    transaction_time: str
    requires_access_token: bool = True
    output: list[_Listed] = []
    error: list[_Listed] = []
    deleted: list[_Listed] = []
    link: list[_Link] = []


class _Search(msgspec.Struct):
    mode: str = "match"


class _RawEntry(msgspec.Struct):
    resource: msgspec.Raw = msgspec.Raw(b"")
    search: _Search | None = None


class _RawPage(msgspec.Struct, rename="camel"):
    resource_type: str
    type: str = ""
    link: list[_Link] = []
    entry: list[_RawEntry] = []


class _Resource(msgspec.Struct, rename="camel"):
    resource_type: str


class _Issue(msgspec.Struct):
    code: str = ""


class _Outcome(msgspec.Struct):
    issue: list[_Issue] = []


def read_answer(content: bytes, kind: type[_T], what: str) -> _T:
    """Read JSON.

    Args:
        content: The body.
        kind: What it must be.
        what: Begins the sentence of an error.

    Raises:
        Invalid: it is not that (code `answer_unreadable`); nothing of it is repeated.
    """
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise unreadable(what) from None


def read_manifest(content: bytes) -> Manifest:
    """Read the manifest of an export, or one page of it.

    Raises:
        Invalid: it is no manifest.

    Source: FHIR Bulk Data Access 2.0 and 3.0, "Response - Complete Status".
    """
    what = "The server's list of exported files"
    raw = read_answer(content, _RawManifest, what)
    if len(raw.output) + len(raw.error) + len(raw.deleted) > _MOST_FILES:
        raise unreadable(what)
    files = [
        *(_file(listed, "resources", listed.type, what) for listed in raw.output),
        *(_file(listed, "deleted", "Bundle", what) for listed in raw.deleted),
        *(_file(listed, "errors", "OperationOutcome", what) for listed in raw.error),
    ]
    try:
        parse_instant(raw.transaction_time)
    except BedsideError:
        raise unreadable(what) from None
    return Manifest(
        transaction_time=raw.transaction_time,
        needs_token=raw.requires_access_token,
        files=files,
        following=_following(raw.link),
    )


def read_page(content: bytes) -> Page:
    """Read a page of a search. Each resource keeps the bytes it came in, on one line.

    Raises:
        Invalid: it is no Bundle of a search, or an entry has no resource type.
    """
    what = "A page of the server's search"
    raw = read_answer(content, _RawPage, what)
    if raw.resource_type != "Bundle" or raw.type not in {"searchset", ""}:
        raise unreadable(what)
    entries = [
        _entry(bytes(entry.resource), entry.search, what) for entry in raw.entry if entry.resource
    ]
    return Page(entries=entries, following=_following(raw.link))


def issue_codes(content: bytes) -> list[str]:
    """The codes of an OperationOutcome's issues, such as `too-costly`: never its free text.

    >>> issue_codes(b'{"resourceType": "OperationOutcome", "issue": [{"code": "transient"}]}')
    ['transient']
    >>> issue_codes(b"<html>")
    []
    """
    try:
        outcome = msgspec.json.decode(content, type=_Outcome)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return []
    return [issue.code for issue in outcome.issue if _CODE.fullmatch(issue.code)][:5]


def oauth_error(content: bytes) -> str:
    """Why no token was given, in OAuth's words, such as `invalid_client`; empty if it is not told.

    >>> oauth_error(b'{"error": "invalid_scope", "error_description": "..."}')
    'invalid_scope'
    """
    try:
        told = msgspec.json.decode(content, type=_Denial).error
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return ""
    return told if _CODE.fullmatch(told) else ""


def unreadable(what: str) -> Invalid:
    """An answer that is not what it must be."""
    return Invalid(
        f"{what} cannot be read.",
        fix="check that the address declared is where the server's FHIR API begins, and ask "
        "whoever runs it.",
        code="answer_unreadable",
    )


def _file(listed: _Listed, kind: str, resource_type: str | None, what: str) -> File:
    if resource_type is None or not _TYPE.fullmatch(resource_type) or not listed.url:
        raise unreadable(what)
    count = listed.count if listed.count is not None and listed.count >= 0 else None
    return File(kind=kind, type=resource_type, url=listed.url, count=count)


def _entry(resource: bytes, search: _Search | None, what: str) -> Entry:
    kind: Any = read_answer(resource, _Resource, what).resource_type
    if not _TYPE.fullmatch(kind):
        raise unreadable(what)
    # A line end outside a string is only space; inside one, JSON has it escaped.
    line = resource.replace(b"\n", b" ").replace(b"\r", b" ") + b"\n"
    outcome = kind == "OperationOutcome" or (search is not None and search.mode == "outcome")
    return Entry(type=kind, line=line, is_data=not outcome)


def _following(links: list[_Link]) -> str | None:
    found = [link.url for link in links if link.relation == "next"]
    return found[0] if found and found[0] else None

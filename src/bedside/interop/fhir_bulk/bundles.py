"""Bundles become lines, as a bulk export would have written them."""

import re
from collections.abc import Iterator

import msgspec

from bedside.interop.fhir_bulk.elements import is_given
from bedside.interop.fhir_bulk.references import target_of
from bedside.interop.fhir_bulk.resources import Bundle, BundleEntry

__all__ = ["as_lines", "is_one_document"]

DEEPEST = 8  # bundles inside bundles
TOO_DEEP = b'{"resourceType":"Bundle","entry":"nested too deep, and not read"}'
BOM = b"\xef\xbb\xbf"
_WORD = re.compile(rb'"resourceType"\s*:\s*"Bundle"')
_FIRST = re.compile(rb"(?:\xef\xbb\xbf)?\s*(\S[^\n]*)\n?")
_REFERENCE = re.compile(rb'"reference":"(urn:(?:uuid|oid):[^"\\]+)"')
_BUNDLE = msgspec.json.Decoder(Bundle)
_ENTRY = msgspec.json.Decoder(BundleEntry)
_FAULTS = (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError)


class _Named(msgspec.Struct, rename="camel", gc=False):
    """What a resource is called."""

    resource_type: str
    id: str | None = None


_NAMED = msgspec.json.Decoder(_Named)


def as_lines(content: bytes) -> bytes:
    r"""A text with one resource in each line, of a file with FHIR in JSON.

    - A Bundle (transaction, batch, collection, searchset, history, document, message) gives a line
      for each of its resources, without white space. As a server does with a transaction, a
      reference to another entry's `fullUrl` is written as `Type/id`, and a resource without an id
      gets that of its `fullUrl`.
    - A deleted resource, of a history or of a Bulk Data `deleted` file, stays a Bundle with that
      one entry. So does an entry without a resource.
    - Lines stay as they are, byte for byte. Only where the first of them is a Bundle are all that
      are Bundles taken apart. What cannot be read is not changed.

    To do it twice changes nothing more.

    >>> as_lines(b'{"resourceType": "Bundle", "type": "collection", "entry": [\n'
    ...          b'{"fullUrl": "urn:uuid:7", "resource": {"resourceType": "Patient"}}]}')
    b'{"id":"7","resourceType":"Patient"}\n'
    """
    if is_one_document(content):
        return b"".join(line + b"\n" for line in _lines(_compact(content), 0)) or content
    first = _FIRST.match(content)
    if first is None or not _WORD.search(first.group(1)):
        return content
    made: list[bytes] = []
    for line in content.split(b"\n"):
        made.extend(_lines(line, 0) if _WORD.search(line) else (line,))
    return b"\n".join(made)


def is_one_document(content: bytes) -> bool:
    """Whether the text is one JSON document over several lines, or is meant to be one."""
    first = _FIRST.match(content)
    if first is None or first.end() == len(content) or _is_json(first.group(1)):
        return False
    start = content.removeprefix(BOM)
    if b'"resourceType"' not in start:
        return True
    return _is_json(start) or not any(_is_record(line.strip()) for line in start.split(b"\n"))


def _is_record(line: bytes) -> bool:
    return line.startswith(b"{") and line.endswith(b"}") and b'"resourceType"' in line


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except _FAULTS:
        return False
    return True


def _compact(text: bytes) -> bytes:
    """Without white space between the tokens; numbers and strings stay as they are written."""
    try:
        return msgspec.json.format(text.removeprefix(BOM).strip(), indent=-1)
    except _FAULTS:
        return b""


def _lines(text: bytes, depth: int) -> Iterator[bytes]:
    """The lines of one document."""
    try:
        bundle = _BUNDLE.decode(text)
    except _FAULTS:
        bundle = None
    if bundle is None or not bundle.entry:
        yield from (line for line in (text.strip(),) if line)
        return
    if depth == DEEPEST:
        yield TOO_DEEP
        return
    entries = [_entry(raw) for raw in bundle.entry]
    names = _names([entry for entry in entries if entry is not None])
    for raw, entry in zip(bundle.entry, entries, strict=True):
        if entry is None or not is_given(entry.resource):
            yield _alone(bundle, bytes(raw))
            continue
        resource = _compact(bytes(entry.resource))
        name = _name(resource)
        if name is not None and name.resource_type == "Bundle":
            yield from _lines(resource, depth + 1)
            continue
        if name is not None and name.id is None and (url := _id_of(entry)):
            resource = b'{"id":' + msgspec.json.encode(url) + b"," + resource[1:]
        yield _REFERENCE.sub(lambda found: _renamed(found, names), resource)


def _entry(raw: msgspec.Raw) -> BundleEntry | None:
    try:
        return _ENTRY.decode(raw)
    except _FAULTS:
        return None


def _name(resource: bytes) -> _Named | None:
    try:
        return _NAMED.decode(resource)
    except _FAULTS:
        return None


def _names(entries: list[BundleEntry]) -> dict[bytes, bytes]:
    """What each `fullUrl` that is a URN stands for, as `Type/id`."""
    names: dict[bytes, bytes] = {}
    for entry in entries:
        url = entry.full_url
        if url is not None and url.startswith("urn:") and is_given(entry.resource):
            name = _name(bytes(entry.resource))
            called = None if name is None else name.id or _id_of(entry)
            if name is not None and called:
                names[url.encode()] = f"{name.resource_type}/{called}".encode()
    return names


def _renamed(found: "re.Match[bytes]", names: dict[bytes, bytes]) -> bytes:
    name = names.get(found.group(1))
    return found.group() if name is None else b'"reference":' + msgspec.json.encode(name.decode())


def _id_of(entry: BundleEntry) -> str | None:
    return None if entry.full_url is None else target_of(entry.full_url)[1]


def _alone(bundle: Bundle, entry: bytes) -> bytes:
    """A Bundle with this one entry."""
    kind = b"" if bundle.type is None else b'"type":' + msgspec.json.encode(bundle.type) + b","
    return b'{"resourceType":"Bundle",' + kind + b'"entry":[' + (_compact(entry) or b"{}") + b"]}"

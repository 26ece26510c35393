"""Where in the bytes of a request each FHIR resource lies."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from bedside.interop.fhir.resources import AnyResource, Bundle, given
from bedside.interop.strict_json import decode

__all__ = ["Place", "resource_places", "source_row_of"]

_ANY = msgspec.json.Decoder(AnyResource)
_BUNDLE = msgspec.json.Decoder(Bundle)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A record in a document: its path, first byte and length, and the SHA-256 of those bytes."""

    where: str
    offset: int
    length: int
    digest: bytes


def source_row_of(digest: bytes, code: str) -> bytes:
    """The `source_row` of the event of this code that a resource with this digest gives."""
    return sha256(digest + code.encode()).digest()


def resource_places(body: bytes, resources: Mapping[str, msgspec.Raw]) -> list[Place]:
    """The resources that were sent along, alone or in Bundles, in the order of the document.

    Args:
        body: The whole request.
        resources: What was decoded from it, by name, still as raw JSON, in the body's order.

    Raises:
        Invalid: something that says it is a Bundle is none.
    """
    places: list[Place] = []
    end = 0
    for name, content in resources.items():
        outer = body.find(bytes(content), end)
        end = outer + len(bytes(content))
        if not given(content):
            continue
        if decode(_ANY, content, name).resource_type != "Bundle":
            places.append(_place(name, outer, bytes(content)))
            continue
        at = outer
        for index, entry in enumerate(decode(_BUNDLE, content, name).entry):
            if given(entry.resource):
                raw = bytes(entry.resource)
                at = body.find(raw, at)
                places.append(_place(f"{name}.entry[{index}].resource", at, raw))
                at += len(raw)
    return places


def _place(where: str, offset: int, raw: bytes) -> Place:
    return Place(where=where, offset=offset, length=len(raw), digest=sha256(raw).digest())

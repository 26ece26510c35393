"""Which bytes of a request an answer rests on: the request as it lies sealed in the ledger."""

import json
from dataclasses import dataclass

from bedside.core.clock import parse_instant
from bedside.core.errors import NotFound, Refused
from bedside.core.ids import digest_bytes
from bedside.core.records.declaration import Declaration
from bedside.core.records.ledger import LedgerEntry
from bedside.features.inputs import visible_at
from bedside.interop.cds_hooks.request import read_call
from bedside.interop.fhir.places import resource_places, source_row_of
from bedside.interop.fhir.reading import read_resources
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle

__all__ = ["RecordPlace", "places_in_request"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPlace:
    """A raw record: its file (a digest), what an offset there counts, and the codes it gave."""

    file: str
    name: str
    unit: str
    offset: int
    length: int | None
    codes: tuple[str, ...]


def places_in_request(platform: Platform, answer: LedgerEntry) -> tuple[RecordPlace, ...]:
    """The records of the request that were known at the time of the question, and were used.

    Empty when the request was not kept, or its subject was erased.
    """
    try:
        sealed = json.loads(platform.ledger.unseal(answer.sequence))
    except (NotFound, Refused):
        return ()
    if not sealed.get("request"):
        return ()
    body = sealed["request"].encode()
    digest = digest_bytes(body)
    if answer.details["channel"] != "cds_hooks":
        whole = tuple(name for name, value in (sealed.get("features") or {}).items() if value)
        return (
            RecordPlace(
                file=digest, name="the request", unit="byte", offset=0, length=len(body),
                codes=whole,
            ),
        )  # fmt: skip
    version = platform.registry.get(answer.details["version"])
    declaration = open_bundle(platform, version).declaration
    return _resources(declaration, body, digest, answer.details["as_of"])


def _resources(
    declaration: Declaration, body: bytes, digest: str, as_of: str
) -> tuple[RecordPlace, ...]:
    channel = declaration.channels.cds_hooks
    call = read_call(body, hook=channel.hook if channel is not None else "patient-view")
    moment = parse_instant(as_of)
    reading = read_resources(declaration, call.prefetch, as_of=moment, patient_id=call.patient_id)
    used = {(event.source_row, event.code) for event in visible_at(reading.events, moment)}
    codes = sorted({code for _, code in used})
    found = []
    for place in resource_places(body, call.prefetch):
        gave = tuple(code for code in codes if (source_row_of(place.digest, code), code) in used)
        if gave:
            found.append(
                RecordPlace(
                    file=digest, name=place.where, unit="byte", offset=place.offset,
                    length=place.length, codes=gave,
                )
            )  # fmt: skip
    return tuple(found)

"""Which bytes of a request an answer rests on: the request as it lies sealed in the ledger."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bedside.core.clock import parse_instant
from bedside.core.errors import NotFound, Refused
from bedside.core.ids import digest_bytes
from bedside.core.records.bundle import FEATURES
from bedside.core.records.declaration import Declaration
from bedside.core.records.ledger import LedgerEntry
from bedside.features.definition import FeatureSet, feature_set_from_json
from bedside.features.inputs import as_served, visible_at
from bedside.features.wording import title
from bedside.interop.cds_hooks.request import read_call
from bedside.interop.fhir.places import resource_places, source_row_of
from bedside.interop.fhir.reading import read_resources
from bedside.interop.fhir_out.kept import read_kept
from bedside.interop.open_inference.metadata import inputs_of
from bedside.interop.open_inference.places import input_places
from bedside.interop.sealed_answer import opened_answer
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle

__all__ = [
    "ReasonRecords",
    "RecordPlace",
    "places_in_request",
    "reasons_in_request",
    "traced_reasons",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPlace:
    """A raw record: its file (a digest), what an offset there counts, and the codes it gave."""

    file: str
    name: str
    unit: str
    offset: int
    length: int | None
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonRecords:
    """A reason of an answer, without its value, and the records in the request it rests on.

    `events` counts the events behind it; of many, the records of the newest are named.
    """

    feature: str
    title: str
    events: int
    records: tuple[RecordPlace, ...]


def places_in_request(platform: Platform, answer: LedgerEntry) -> tuple[RecordPlace, ...]:
    """The records of the request that were known at the time of the question, and were used.

    Empty when the request was not kept, or its subject was erased.
    """
    sealed = _unsealed(platform, answer)
    if not sealed.get("request"):
        return ()
    body = sealed["request"].encode()
    digest = digest_bytes(body)
    if answer.details["channel"] not in _OF_RESOURCES:
        whole = tuple(name for name, value in (sealed.get("features") or {}).items() if value)
        return (
            RecordPlace(
                file=digest, name="the request", unit="byte", offset=0, length=len(body),
                codes=whole,
            ),
        )  # fmt: skip
    version = platform.registry.get(answer.details["version"])
    bundle = open_bundle(platform, version)
    features = feature_set_from_json(bundle.files[FEATURES])
    declaration = as_served(bundle.declaration, features)
    sent = _OF_RESOURCES[answer.details["channel"]](body)
    return _resources(declaration, (body, *sent), digest, answer.details["as_of"])


def reasons_in_request(platform: Platform, answer: LedgerEntry) -> tuple[ReasonRecords, ...]:
    """For each reason of the answer, the records of the request that it rests on.

    Empty when there is no score, the request was not kept, or its subject was erased.
    """
    sealed = _unsealed(platform, answer)
    if not sealed.get("request") or not _reasons_of(sealed):
        return ()
    bundle = open_bundle(platform, platform.registry.get(answer.details["version"]))
    features = feature_set_from_json(bundle.files[FEATURES])
    return traced_reasons(bundle.declaration, features, answer.details["channel"], sealed)


def traced_reasons(
    declaration: Declaration, features: FeatureSet, channel: str, sealed: dict[str, Any]
) -> tuple[ReasonRecords, ...]:
    """For each reason of an answer, the records of its own request that it rests on.

    Args:
        declaration: Of the version that answered.
        features: Of the version.
        channel: The wire that asked.
        sealed: What the ledger kept sealed: the reasons and the request.
    """
    titles = {one.name: title(one) for one in features.features}
    body = sealed["request"].encode()
    if channel in _OF_RESOURCES:
        places = list(_resource_rows(body, _OF_RESOURCES[channel](body)[0]))
    else:
        places = list(_input_rows(as_served(declaration, features), body))
    return tuple(
        ReasonRecords(
            feature=reason["feature"],
            title=titles.get(reason["feature"], reason["feature"]),
            events=reason.get("source_count", 0),
            records=tuple(_of_reason(reason, places, digest_bytes(body))),
        )
        for reason in _reasons_of(sealed)
    )


def _reasons_of(sealed: dict[str, Any]) -> list[dict[str, Any]]:
    """The reasons of an answer; an older Bedside kept them a second time beside it."""
    outcome = (sealed.get("answer") or {}).get("outcome") or {}
    found: list[dict[str, Any]] = outcome.get("reasons") or sealed.get("reasons") or []
    return found


def _unsealed(platform: Platform, answer: LedgerEntry) -> dict[str, Any]:
    """What the ledger keeps sealed of an answer; empty when it can no longer be read."""
    try:
        found = opened_answer(platform.ledger.unseal(answer.sequence))
    except (NotFound, Refused):
        return {}
    return found


_Sent = tuple[Mapping[str, Any], str]


@dataclass(frozen=True, slots=True)
class _Row:
    """A record of a request, and how the source of a reason is known to be it."""

    where: str
    offset: int
    length: int
    digest: bytes | None = None
    code: str | None = None

    def gave(self, source: dict[str, Any]) -> bool:
        if self.digest is None:
            return bool(source["code"] == self.code)
        return bool(source["row"] == source_row_of(self.digest, source["code"]).hex())


def _hook_sent(body: bytes) -> _Sent:
    call = read_call(body)
    return call.prefetch, call.patient_id


def _predict_sent(body: bytes) -> _Sent:
    call, subject = read_kept(body)
    return call.resources, subject.patient


_OF_RESOURCES: dict[str, Callable[[bytes], _Sent]] = {
    "cds_hooks": _hook_sent,
    "fhir": _predict_sent,
}
"""By channel whose requests are FHIR: the resources in one, by name, and the patient's id."""


def _resource_rows(body: bytes, resources: Mapping[str, Any]) -> Iterator[_Row]:
    for place in resource_places(body, resources):
        yield _Row(place.where, place.offset, place.length, digest=place.digest)


def _input_rows(declaration: Declaration, body: bytes) -> Iterator[_Row]:
    codes = {name: one.code for name, one in inputs_of(declaration).items()}
    for place in input_places(body):
        yield _Row(place.where, place.offset, place.length, code=codes.get(place.name))


def _of_reason(reason: dict[str, Any], rows: list[_Row], file: str) -> Iterator[RecordPlace]:
    for row in rows:
        gave = sorted({one["code"] for one in reason.get("sources", ()) if row.gave(one)})
        if gave:
            yield RecordPlace(
                file=file, name=row.where, unit="byte", offset=row.offset, length=row.length,
                codes=tuple(gave),
            )  # fmt: skip


def _resources(
    declaration: Declaration, sent: tuple[bytes, Mapping[str, Any], str], digest: str, as_of: str
) -> tuple[RecordPlace, ...]:
    body, resources, patient_id = sent
    moment = parse_instant(as_of)
    reading = read_resources(declaration, resources, as_of=moment, patient_id=patient_id)
    used = {(event.source_row, event.code) for event in visible_at(reading.events, moment)}
    codes = sorted({code for _, code in used})
    found = []
    for place in resource_places(body, resources):
        gave = tuple(code for code in codes if (source_row_of(place.digest, code), code) in used)
        if gave:
            found.append(
                RecordPlace(
                    file=digest, name=place.where, unit="byte", offset=place.offset,
                    length=place.length, codes=gave,
                )
            )  # fmt: skip
    return tuple(found)

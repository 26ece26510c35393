"""What was sent along with a question, and which of the resources stand behind a score."""

from collections.abc import Collection, Iterator, Mapping
from hashlib import sha256

import msgspec

from bedside.core.records.answer import Score
from bedside.interop.fhir.codes import code_of
from bedside.interop.fhir.places import source_row_of
from bedside.interop.fhir.resources import (
    AnyResource,
    Bundle,
    CodeableConcept,
    Reference,
    given,
)
from bedside.interop.strict_json import decode, invalid

__all__ = ["each_resource", "patient_of_encounter", "sources_of"]

MOST_SOURCES = 50
"""References that one answer names."""
_ANY = msgspec.json.Decoder(AnyResource)
_BUNDLE = msgspec.json.Decoder(Bundle)


class _Part(msgspec.Struct, frozen=True):
    code: CodeableConcept = CodeableConcept()


class _Named(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    resource_type: str
    id: str | None = None


class _Coded(_Named, rename="camel", frozen=True, kw_only=True):
    code: CodeableConcept = CodeableConcept()
    component: tuple[_Part, ...] = ()


class _Stay(_Named, rename="camel", frozen=True, kw_only=True):
    subject: Reference | None = None


_NAMED = msgspec.json.Decoder(_Named)
_CODED = msgspec.json.Decoder(_Coded)
_STAY = msgspec.json.Decoder(_Stay)


def each_resource(
    resources: Mapping[str, bytes | msgspec.Raw],
) -> Iterator[tuple[str, msgspec.Raw, str]]:
    """The type, the JSON and the place of each resource, alone or in Bundles.

    Raises:
        Invalid: something is malformed.
    """
    for name, content in resources.items():
        raw = msgspec.Raw(content)
        kind = decode(_ANY, raw, name).resource_type
        if kind != "Bundle":
            yield kind, raw, name
            continue
        for index, entry in enumerate(decode(_BUNDLE, raw, name).entry):
            if given(entry.resource):
                where = f"{name}.entry[{index}].resource"
                yield decode(_ANY, entry.resource, where).resource_type, entry.resource, where


def patient_of_encounter(encounter_id: str, resources: Mapping[str, bytes | msgspec.Raw]) -> str:
    """The FHIR id of the patient whose stay this is, from the Encounter that was sent along.

    Raises:
        Invalid: no Encounter of this id was sent, or it names no patient by a reference.
    """
    for kind, raw, where in each_resource(resources):
        if kind != "Encounter":
            continue
        stay = decode(_STAY, raw, where)
        if stay.id != encounter_id:
            continue
        told = "" if stay.subject is None else stay.subject.reference or ""
        parts = told.split("/")
        if "Patient" in parts[:-1]:
            return parts[len(parts) - parts[::-1].index("Patient")]
        raise invalid(
            f"{where}.subject", "names no patient.", fix="give a reference such as Patient/ID."
        )
    raise invalid(
        "resource", "holds no Encounter of this id.", fix="send the Encounter itself along."
    )


def sources_of(score: Score, resources: Mapping[str, bytes | msgspec.Raw]) -> tuple[str, ...]:
    """References of the resources behind the reasons of a score, in the order they were sent.

    A reason knows the digests of the records behind it; this finds what has them. A resource
    without an id cannot be referred to, and is left out.
    """
    rows = {source.row for reason in score.reasons for source in reason.sources}
    if not rows:
        return ()
    codes = {source.code for reason in score.reasons for source in reason.sources}
    found: dict[str, None] = {}
    for kind, raw, where in each_resource(resources):
        if len(found) == MOST_SOURCES:
            break
        named = decode(_NAMED, raw, where)
        if named.id is None:
            continue
        told = _codes(kind, raw, where, codes)
        digest = sha256(raw).digest()
        if any(source_row_of(digest, code).hex() in rows for code in told):
            found[f"{kind}/{named.id}"] = None
    return tuple(found)


def _codes(kind: str, raw: msgspec.Raw, where: str, codes: Collection[str]) -> Collection[str]:
    """The codes under which a resource may stand behind a reason."""
    if kind != "Observation":
        return codes
    coded = decode(_CODED, raw, where)
    concepts = (coded.code, *(part.code for part in coded.component))
    told = {
        code_of(coding.system, coding.code) for concept in concepts for coding in concept.coding
    }
    return [code for code in codes if code in told]

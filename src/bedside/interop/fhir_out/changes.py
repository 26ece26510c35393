"""Which patients changed on a FHIR server, and what is asked of it to find that out.

Source: HL7 FHIR R4 (4.0.1), "Search: _lastUpdated, _sort".
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from bedside.core.clock import iso
from bedside.interop.fhir.resources import Reference
from bedside.interop.fhir_out.sent import each_resource
from bedside.interop.fhir_out.systems import moment
from bedside.interop.instants import read_instant
from bedside.interop.strict_json import decode

__all__ = ["Changes", "change_queries", "changes_in", "filled", "one_stay"]

_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
_PLACE = "{{context.patientId}}"


class _Meta(msgspec.Struct, rename="camel", frozen=True):
    last_updated: str | None = None


class _Changed(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    resource_type: str
    id: str | None = None
    status: str | None = None
    subject: Reference | None = None
    meta: _Meta | None = None


_CHANGED = msgspec.json.Decoder(_Changed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """The FHIR ids of the patients, in the order met, and when the newest change was (None: none).

    `elsewhere` counts resources that name no patient of this server.
    """

    patients: tuple[str, ...]
    newest: datetime | None
    elsewhere: int = 0


def change_queries(templates: Mapping[str, str], since: datetime) -> list[str]:
    """A search for what changed, for each template of what a model asks; the oldest change first.

    >>> templates = {"patient": "Patient/{{context.patientId}}"}
    >>> change_queries(templates, datetime.fromisoformat("2026-03-01T12:00:00Z"))
    ['Patient?_lastUpdated=ge2026-03-01T12:00:00.000Z&_sort=_lastUpdated']
    """
    when = f"_lastUpdated=ge{moment(iso(since))}&_sort=_lastUpdated"
    queries = []
    for template in templates.values():
        kind, _, asked = _with_components(template).partition("?")
        kept = [one for one in asked.split("&") if one.startswith("combo-code=")]
        queries.append(f"{kind.partition('/')[0]}?{'&'.join([*kept, when])}")
    return list(dict.fromkeys(queries))


def changes_in(bundles: Iterable[bytes]) -> Changes:
    """The patients that the resources of these Bundles are, or are about.

    Raises:
        Invalid: a resource is malformed.
    """
    patients: dict[str, None] = {}
    newest: datetime | None = None
    elsewhere = 0
    for one, where in _changed(bundles):
        named = one.id if one.resource_type == "Patient" else _subject(one)
        if named is None or not _ID.fullmatch(named):
            elsewhere += 1
        else:
            patients[named] = None
        if one.meta is not None and one.meta.last_updated is not None:
            at = read_instant(one.meta.last_updated, f"{where}.meta.lastUpdated")
            newest = at if newest is None else max(newest, at)
    return Changes(patients=tuple(patients), newest=newest, elsewhere=elsewhere)


def filled(templates: Mapping[str, str], patient: str) -> dict[str, str]:
    """What a model asks, for one patient.

    >>> filled({"o": "Observation?patient={{context.patientId}}&code=http://loinc.org|8480-6"}, "7")
    {'o': 'Observation?patient=7&combo-code=http://loinc.org|8480-6'}
    """
    return {
        key: _with_components(template).replace(_PLACE, patient)
        for key, template in templates.items()
    }


def _with_components(template: str) -> str:
    """The search that also finds a code in a component, such as a pressure in its panel.

    `code` looks at an Observation's own code alone. Source: FHIR R4, Observation, "combo-code".
    """
    if not template.startswith("Observation?"):
        return template
    return template.replace("&code=", "&combo-code=")


def one_stay(resources: Mapping[str, bytes]) -> str | None:
    """The FHIR id of the stay that is under way, if there is exactly one.

    Raises:
        Invalid: a resource is malformed.
    """
    stays = [
        one.id
        for one, _ in _changed(resources.values())
        if one.resource_type == "Encounter" and one.status == "in-progress" and one.id
    ]
    return stays[0] if len(stays) == 1 and _ID.fullmatch(stays[0]) else None


def _changed(bundles: Iterable[bytes]) -> Iterator[tuple[_Changed, str]]:
    for number, bundle in enumerate(bundles):
        for _, raw, where in each_resource({f"search[{number}]": bundle}):
            yield decode(_CHANGED, raw, where), where


def _subject(one: _Changed) -> str | None:
    """The id in a reference to a patient of the same server: `Patient/ID`."""
    reference = "" if one.subject is None else one.subject.reference or ""
    kind, _, named = reference.partition("/")
    return named.partition("/")[0] if kind == "Patient" else None

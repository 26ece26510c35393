"""FHIR R4 resources about one patient into the events that a clinical model asks for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import msgspec

from bedside.core.ids import subject_pseudonym
from bedside.core.kept import Kept
from bedside.core.records.codes_seen import CodeSeen
from bedside.core.records.declaration import Declaration, Signal
from bedside.core.records.event import Event
from bedside.interop.asked import asked_marks, asked_signals, is_chosen
from bedside.interop.fhir.codes import BIRTH, is_ordered
from bedside.interop.fhir.encounter import read_encounter
from bedside.interop.fhir.entries import SentEntries
from bedside.interop.fhir.observation import ObservationReader
from bedside.interop.fhir.patient import read_patient, unknown_gender
from bedside.interop.fhir.plain import PlainBundle, PlainReader, plain_bundle
from bedside.interop.fhir.resources import AnyResource, Bundle, Reference, given
from bedside.interop.strict_json import decode, invalid

__all__ = ["Reading", "check_subject", "read_resources", "unread"]

_ANY = msgspec.json.Decoder(AnyResource)
_BUNDLE = msgspec.json.Decoder(Bundle)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read: the events, the patient's pseudonym, and notes for whoever reads the score.

    `absent` names the resources that were sent as null, as an OperationOutcome, or as the first
    of several pages. `unknown` are the codes of Observations that no signal asks for, and
    a gender that is none of the declared ones.
    """

    events: tuple[Event, ...]
    subject_id: int
    notes: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    unknown: tuple[CodeSeen, ...] = ()


def read_resources(
    declaration: Declaration,
    resources: Mapping[str, bytes | msgspec.Raw],
    *,
    as_of: datetime,
    patient_id: str,
) -> Reading:
    """Read Observations, Patients and Encounters, alone or in search Bundles.

    Args:
        declaration: Whose signals are read; other resources and codes are skipped.
        resources: JSON by name; the names are used in errors.
        as_of: The time of the question; an age is the age then.
        patient_id: The FHIR id that everything must be about.

    Raises:
        Invalid: a resource is malformed, is about another patient, or lacks what a signal needs.
            The text names the element and never a value.
    """
    reader = _PatientReader(declaration, as_of=as_of, patient_id=patient_id)
    for name, content in resources.items():
        reader.read(msgspec.Raw(content), name)
    return reader.reading()


def unread(declaration: Declaration, *, drafts: bool = False) -> list[str]:
    """What a model asks for and no resource that is read can tell.

    Args:
        declaration: As it is served.
        drafts: Whether each call brings draft orders, and they are read: they tell of drugs,
            procedures and the like.

    Read are Observations (of a signal, or of a chosen code that carries numbers), the birth and sex
    of the Patient, and the Encounter that is the declared start event. No resource tells yet how
    long something lasted.
    """
    signals = asked_signals(declaration)
    observed = {code for signal in signals.values() for code in signal.codes}
    told = {BIRTH, declaration.data.start_event, *observed}
    marks = [
        code
        for code in asked_marks(declaration)
        if code not in told and not (drafts and is_ordered(code))
    ]
    chosen = [
        code
        for code, signal in signals.items()
        if is_chosen(signal) and is_ordered(code) and not drafts
    ]
    spans = [
        f"how long {signals[name].label} lasted"
        for rule in declaration.features
        if not {"active", "hours_active"}.isdisjoint(rule.aggregates)
        for name in rule.signals
        if name in signals
    ]
    return list(dict.fromkeys((*marks, *chosen, *spans)))


class _Wanted(NamedTuple):
    """What a declaration reads: signals by code, marks by code, the code of the start, and names.

    `names` are those of the signals, by code.
    """

    signals: Mapping[str, Signal]
    marks: Mapping[str, str]
    start_event: str | None
    names: Mapping[str, str]


def _wanted(declaration: Declaration) -> _Wanted:
    start, marks = declaration.data.start_event, asked_marks(declaration)
    asked = asked_signals(declaration)
    signals = {code: signal for signal in asked.values() for code in signal.codes}
    names = {code: name for name, signal in asked.items() for code in signal.codes}
    return _Wanted(signals, marks, start if start in marks else None, names)


_wanted_of = Kept(_wanted)


class _PatientReader:
    """Reads resources one after another, all about one patient."""

    def __init__(self, declaration: Declaration, *, as_of: datetime, patient_id: str) -> None:
        self.as_of = as_of
        self.patient_id = patient_id
        self.signals, self.marks, self.start_event, self.names = _wanted_of(declaration)
        self.unknown: list[CodeSeen] = []
        self.subject_id = subject_pseudonym(patient_id, salt=declaration.data.pseudonym_salt)
        self.observations = ObservationReader(signals=self.signals, subject_id=self.subject_id)
        self.plain = PlainReader(self.observations, patient_id)
        self.events: list[Event] = []
        self.absent: list[str] = []

    def reading(self) -> Reading:
        notes = tuple(
            f"{label} was reported only as a limit (such as 'less than'); the limit was used."
            for label in self.observations.bounds
        )
        return Reading(
            events=(*self.events, *self.observations.events),
            subject_id=self.subject_id,
            notes=notes,
            absent=tuple(self.absent),
            unknown=(
                *(CodeSeen("", code, False) for code in self.observations.unknown),
                *self.unknown,
            ),
        )

    def read(self, content: msgspec.Raw, name: str) -> None:
        if not given(content):
            self.absent.append(name)
            return
        plain = plain_bundle(content)
        if plain is not None:
            self._plain_bundle(plain, SentEntries(content), name)
            return
        kind = decode(_ANY, content, name).resource_type
        if kind == "OperationOutcome":
            self.absent.append(name)
        elif kind == "Bundle":
            self._bundle(decode(_BUNDLE, content, name), name)
        else:
            self._one(content, kind, name)

    def _bundle(self, bundle: Bundle, name: str) -> None:
        if any(link.relation == "next" for link in bundle.link):
            self.absent.append(name)
        for index, entry in enumerate(bundle.entry):
            raw, search = entry.resource, entry.search
            outcome = search is not None and search.mode == "outcome"
            if not outcome and given(raw):
                self._entry(raw, f"{name}.entry[{index}].resource")

    def _plain_bundle(self, bundle: PlainBundle, entries: SentEntries, name: str) -> None:
        if any(link.relation == "next" for link in bundle.link):
            self.absent.append(name)
        for index, kind in self.plain.odd(bundle, entries):
            raw, where = entries.raw(index), f"{name}.entry[{index}].resource"
            if kind is None:
                self._entry(raw, where)
            else:
                self._one(raw, kind, where)

    def _entry(self, raw: msgspec.Raw, where: str) -> None:
        self._one(raw, decode(_ANY, raw, where).resource_type, where)

    def _one(self, raw: msgspec.Raw, kind: str, where: str) -> None:
        if kind == "Observation":
            self._about(self.observations.read(raw, where).subject, where)
        elif kind == "Patient":
            patient, events = read_patient(
                raw,
                where,
                signals=self.signals,
                marks=self.marks,
                as_of=self.as_of,
                subject_id=self.subject_id,
            )
            self._is_patient(patient.id, f"{where}.id")
            self.events.extend(events)
            gender = unknown_gender(patient, self.signals)
            if gender is not None:
                self.unknown.append(CodeSeen(self.names[gender[0]], gender[1], False))
        elif kind == "Encounter" and self.start_event is not None:
            encounter, events = read_encounter(
                raw, where, code=self.start_event, subject_id=self.subject_id
            )
            self._about(encounter.subject, where)
            self.events.extend(events)

    def _about(self, subject: Reference | None, where: str) -> None:
        check_subject(subject, f"{where}.subject", self.patient_id)

    def _is_patient(self, named: str | None, where: str) -> None:
        _check_patient(named, where, self.patient_id)


def check_subject(subject: Reference | None, where: str, patient_id: str) -> None:
    """Check a reference such as `Patient/123` or `https://host/fhir/Patient/123/_history/2`.

    Raises:
        Invalid: it names another patient (code `other_patient`).
    """
    if subject is None or subject.reference is None:
        return
    if subject.reference == f"Patient/{patient_id}":
        return
    parts = subject.reference.split("/")
    if "Patient" in parts[:-1]:
        named = parts[len(parts) - parts[::-1].index("Patient")]
        _check_patient(named, where, patient_id)


def _check_patient(named: str | None, where: str, patient_id: str) -> None:
    if named is not None and named != patient_id:
        raise invalid(
            where,
            "is not the patient of this request.",
            code="other_patient",
            fix="send resources of one patient only.",
        )

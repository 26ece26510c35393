"""FHIR Patients and Encounters as facts: birth, sex, death, merged records, visits."""

from collections.abc import Iterator, Sequence

from bedside.core.records.event import TAKEN_BACK
from bedside.interop.fhir_bulk.columns import FactColumns
from bedside.interop.fhir_bulk.concepts import CodeBook
from bedside.interop.fhir_bulk.elements import Coding, Extension, is_given
from bedside.interop.fhir_bulk.moments import birth_instant
from bedside.interop.fhir_bulk.references import Patients
from bedside.interop.fhir_bulk.resources import Encounter, Patient
from bedside.interop.fhir_bulk.standing import ALL_STANDINGS, updated_since

__all__ = ["ENCOUNTER_END", "ENCOUNTER_START", "merges", "read_encounters", "read_patients"]

SEX, BIRTH, DEATH = "BEDSIDE//sex", "MEDS//BIRTH", "MEDS//DEATH"
ENCOUNTER_START, ENCOUNTER_END = "ENCOUNTER//start", "ENCOUNTER//end"
_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
_GROUPS = {_CORE + "race": "BEDSIDE//race", _CORE + "ethnicity": "BEDSIDE//ethnicity"}
_STANDINGS = ALL_STANDINGS["Encounter"]


def read_patients(
    found: Sequence[Patient], records: Sequence[int], book: CodeBook, into: FactColumns
) -> None:
    """Add what Patients that have an id say of themselves.

    Birth is at the start of the birth date, so that an age is right; one without month or day is
    taken mid-period, as for a single Patient that asks for a score. Sex, and the race and ethnicity
    of US Core, are static. A death without its time gives no fact, since nobody can say from when
    on it was known.
    """
    for one, record in zip(found, records, strict=True):
        if is_given(one.modifier_extension):
            into.dropped["Patient: a modifier extension that is not understood"] += 1
            continue
        updated, before = updated_since(one.meta), len(into.record)
        if one.birth_date:
            into.add("patient", record, BIRTH, time=birth_instant(one.birth_date))
        if one.gender:
            into.add("patient", record, SEX, text=one.gender)
        for code, coding in _groups(one.extension):
            answer = book.codes([coding])
            if answer:
                into.add("patient", record, code, text=answer[0])
        if one.deceased_date_time:
            into.add("death", record, DEATH, time=one.deceased_date_time, updated=updated)
        elif one.deceased_boolean:
            into.dropped["Patient: a death without its time"] += 1
        if len(into.record) == before and not one.deceased_boolean:
            into.dropped["Patient: it tells no birth, sex or death"] += 1


def merges(one: Patient, patients: Patients) -> Iterator[tuple[str, str]]:
    """The identifiers that a Patient says are one person: which goes, and which survives."""
    for link in one.link:
        other = None if link.other.reference is None else patients[link.other.reference]
        if one.id and other and other != one.id:
            if link.type == "replaced-by":
                yield one.id, other
            elif link.type == "replaces":
                yield other, one.id


def read_encounters(
    found: Sequence[Encounter], records: Sequence[int], book: CodeBook, into: FactColumns
) -> None:
    """Add the visits and stays of Encounters that each have a patient.

    A visit is two facts, its start and its end (with where the patient went as text): no fact at
    the start tells when it will end. Its class and its types are facts at its start as well; they
    may change while it lasts (an emergency becomes an admission), so those of a later version were
    not known before the server had it. A planned visit says nothing yet. R4 tells no time at which
    a visit was documented.
    """
    for one, record in zip(found, records, strict=True):
        standing = _STANDINGS.get(one.status)
        start = None if one.period is None else one.period.start
        if standing == "taken back":
            updated = None if one.meta is None else one.meta.last_updated
            into.add("encounter", record, TAKEN_BACK, time=start, updated=updated, retracts=True)
            continue
        silent = None
        if standing is None:
            silent = f"status {one.status}"
        elif is_given(one.modifier_extension):
            silent = "a modifier extension that is not understood"
        elif start is None:
            silent = "no time"
        if silent is not None:
            into.dropped[f"Encounter: {silent}"] += 1
            continue
        _add_visit(one, record, start, book, into)


def _add_visit(
    one: Encounter, record: int, start: str | None, book: CodeBook, into: FactColumns
) -> None:
    updated = updated_since(one.meta)
    into.add("encounter", record, ENCOUNTER_START, time=start)
    sorts = [] if one.class_ is None else [(one.class_,)]
    for codings in (*sorts, *(concept.coding for concept in one.type)):
        for code in book.codes(codings):
            into.add("encounter", record, code, time=start, updated=updated)
    if one.period is not None and one.period.end:
        went = one.hospitalization and one.hospitalization.discharge_disposition
        answer = book.answer(went) if went else None
        into.add("encounter", record, ENCOUNTER_END, time=one.period.end, text=answer)


def _groups(extensions: Sequence[Extension]) -> Iterator[tuple[str, Coding]]:
    """The race and ethnicity that US Core's extensions tell, in the wider of its two groupings."""
    for one in extensions:
        code = _GROUPS.get(one.url or "")
        for part in one.extension if code else ():
            if code and part.url == "ombCategory" and part.value_coding is not None:
                yield code, part.value_coding

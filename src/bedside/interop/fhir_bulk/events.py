"""FHIR resources that tell of one event each, such as a procedure or an order, as facts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bedside.core.records.consent import CONSENT
from bedside.core.records.event import TAKEN_BACK
from bedside.interop.fhir_bulk.columns import FactColumns
from bedside.interop.fhir_bulk.concepts import CodeBook
from bedside.interop.fhir_bulk.consents import Consent, provisions_text
from bedside.interop.fhir_bulk.drugs import (
    DosageInstruction,
    MedicationAdministration,
    MedicationDispense,
    MedicationRequest,
    MedicationStatement,
)
from bedside.interop.fhir_bulk.elements import CodeableConcept, Period, Quantity, is_given
from bedside.interop.fhir_bulk.notes import plain_text
from bedside.interop.fhir_bulk.resources import (
    AllergyIntolerance,
    AnyResource,
    Condition,
    DiagnosticReport,
    DocumentReference,
    Immunization,
    Procedure,
)
from bedside.interop.fhir_bulk.standing import (
    ALL_STANDINGS,
    Standing,
    status_code,
    updated_since,
)
from bedside.interop.fhir_bulk.values import unit_of

__all__ = ["CONDITION_END", "READERS", "EventReader", "Told", "read_events"]

CONDITION_END = "BEDSIDE//condition_end"
"""The code of the fact that a condition has ended; which one stands in `text`."""

PLANS = frozenset({"proposal", "plan", "option"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one resource says. Times are as they were written.

    `silent` says why it gives no fact although it stands; `gone` is when a condition ended; `code`
    is ours, where the resource has none.
    """

    concept: CodeableConcept | None
    standing: Standing
    time: str | None
    end: str | None = None
    recorded: str | None = None
    quantity: Quantity | None = None
    text: str | None = None
    silent: str | None = None
    gone: str | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventReader:
    """How resources of one type are read.

    Args:
        kind: Of the facts.
        tell: What one resource says.
        revised: A later version may say something else about the same event (another diagnosis),
            which was then not known before the server had it. The others only go through their
            statuses (an order is stopped); what they are about stays as it was first known.
    """

    kind: str
    tell: Callable[[Any, CodeBook], Told]
    revised: bool = False


def read_events(
    found: Sequence[Any],
    records: Sequence[int],
    concepts: Sequence[CodeableConcept | None],
    book: CodeBook,
    into: FactColumns,
) -> None:
    """Add the facts of resources of one type that each have a patient.

    Args:
        found: Resources of one of the types in `READERS`.
        records: The number of each one's record.
        concepts: What each is about, where its own element only refers to it (a drug).
        book: Knows codes.
        into: Where the facts go.
    """
    if not found:
        return
    reader = READERS[type(found[0])]
    for one, record, concept in zip(found, records, concepts, strict=True):
        told = reader.tell(one, book)
        _add(reader, one, record, told, concept or told.concept, book, into)


def _add(
    reader: EventReader,
    one: AnyResource,
    record: int,
    told: Told,
    concept: CodeableConcept | None,
    book: CodeBook,
    into: FactColumns,
) -> None:
    codes = [] if concept is None else book.codes(concept.coding)
    codes = codes if told.code is None else [told.code]
    meta, kind = one.meta, reader.kind
    if told.standing == "taken back":
        into.add(
            kind,
            record,
            codes[0] if codes else TAKEN_BACK,
            time=told.time,
            recorded=told.recorded,
            updated=None if meta is None else meta.last_updated,
            retracts=True,
        )
        return
    silent = told.silent
    if told.standing == "says nothing":
        silent = f"status {getattr(one, 'status', 'unknown')}"
    elif is_given(one.modifier_extension):
        silent = "a modifier extension that is not understood"
    elif silent is None and told.time is None:
        silent = "no time"
    elif silent is None and not codes:
        silent = "no code"
    if silent is not None:
        into.dropped[f"{type(one).__name__}: {silent}"] += 1
        return
    updated = updated_since(meta, getattr(one, "status", None)) if reader.revised else None
    quantity = told.quantity
    for code in codes:
        into.add(
            kind,
            record,
            code,
            time=told.time,
            end=told.end,
            recorded=told.recorded,
            updated=updated,
            value=None if quantity is None else quantity.value,
            unit=None if quantity is None or quantity.value is None else unit_of(quantity),
            text=told.text,
        )
    if told.gone is not None:
        into.add(
            kind,
            record,
            CONDITION_END,
            time=told.gone,
            recorded=_later_of_both(told.recorded, told.gone),
            updated=updated,
            text=codes[0],
        )


def _later_of_both(recorded: str | None, gone: str) -> str | None:
    """When an end was first recorded, if it was over before the condition was recorded at all."""
    return recorded if recorded is not None and recorded[:10] > gone[:10] else None


def _condition(one: Condition, _: CodeBook) -> Told:
    """A diagnosis.

    - `time`: when it began (onsetDateTime, the start of an onsetPeriod); where that is told as an
      age or in words, or not at all, when it was recorded.
    - `recorded`: recordedDate, when it was first noted. What a clinician cannot have seen before.
    - An abatement is a fact of its own (`CONDITION_END`), since it was not known when the diagnosis
      was; it is known by the rule of the kind from its own time on, or, if it was over before it
      was noted at all, at recordedDate.
    - verificationStatus: entered-in-error and refuted take it back; one that is not yet confirmed
      (provisional, differential, unconfirmed) is a fact with that word as text. clinicalStatus says
      how things are on the day of the export, not when they became so, and gives nothing.
    """
    verified = status_code(one.verification_status)
    ended = one.abatement_date_time or _begin(one.abatement_period)
    return Told(
        concept=one.code,
        standing=ALL_STANDINGS["verification"].get(verified or "", "stands"),
        time=one.onset_date_time or _begin(one.onset_period) or one.recorded_date,
        recorded=one.recorded_date,
        text=None if verified in (None, "confirmed") else verified,
        gone=ended,
    )


def _allergy(one: AllergyIntolerance, _: CodeBook) -> Told:
    """An allergy, from its onset or else from when it was recorded; `recorded` is recordedDate."""
    verified = status_code(one.verification_status)
    return Told(
        concept=one.code,
        standing=ALL_STANDINGS["verification"].get(verified or "", "stands"),
        time=one.onset_date_time or _begin(one.onset_period) or one.recorded_date,
        recorded=one.recorded_date,
        text=None if verified in (None, "confirmed") else verified,
    )


def _immunization(one: Immunization, _: CodeBook) -> Told:
    """A vaccination; `recorded` is when it was captured, which for a patient's report is later."""
    return Told(
        concept=one.vaccine_code,
        standing=_standing(one),
        time=one.occurrence_date_time,
        recorded=one.recorded,
    )


def _procedure(one: Procedure, _: CodeBook) -> Told:
    """A procedure from its start to its end. R4 has no time at which it was documented."""
    return Told(
        concept=one.code,
        standing=_standing(one),
        time=one.performed_date_time or _begin(one.performed_period),
        end=one.performed_date_time or _end(one.performed_period),
    )


def _request(one: MedicationRequest, _: CodeBook) -> Told:
    """An order at authoredOn, which is also when it was known; its value is a single dose.

    Later changes of its status (stopped, completed) have no time in R4, and so say nothing more.
    Proposals and plans are not orders; an order not to give a drug is none either.
    """
    silent = "it asks not to give the drug" if one.do_not_perform else None
    if one.intent in PLANS:
        silent = "a proposal or plan, not an order"
    return Told(
        concept=one.medication_codeable_concept,
        standing=_standing(one),
        time=one.authored_on,
        recorded=one.authored_on,
        quantity=_dose(one.dosage_instruction),
        silent=silent,
    )


def _administration(one: MedicationAdministration, _: CodeBook) -> Told:
    """A drug given, from start to end; its value is the whole dose. R4 tells no other time."""
    return Told(
        concept=one.medication_codeable_concept,
        standing=_standing(one),
        time=one.effective_date_time or _begin(one.effective_period),
        end=one.effective_date_time or _end(one.effective_period),
        quantity=None if one.dosage is None else one.dosage.dose,
    )


def _statement(one: MedicationStatement, _: CodeBook) -> Told:
    """That a drug is taken, from its start on; `recorded` is when somebody said so."""
    return Told(
        concept=one.medication_codeable_concept,
        standing=_standing(one),
        time=one.effective_date_time or _begin(one.effective_period) or one.date_asserted,
        recorded=one.date_asserted,
        quantity=_dose(one.dosage),
    )


def _dispense(one: MedicationDispense, _: CodeBook) -> Told:
    """A drug handed out, or else prepared; that moment is also when it was known."""
    moment = one.when_handed_over or one.when_prepared
    return Told(
        concept=one.medication_codeable_concept,
        standing=_standing(one),
        time=moment,
        recorded=moment,
        quantity=one.quantity,
    )


def _report(one: DiagnosticReport, book: CodeBook) -> Told:
    """A report at the time of what it reports on; `recorded` is `issued`.

    Its text is the conclusion, else the report itself where that is plain text, else the first
    code of the conclusion. Its results are Observations, which tell their values themselves.
    """
    text = one.conclusion or plain_text(one.presented_form)
    if not text:
        text = next((said for part in one.conclusion_code if (said := book.answer(part))), None)
    return Told(
        concept=one.code,
        standing=_standing(one),
        time=one.effective_date_time or _end(one.effective_period) or one.issued,
        recorded=one.issued,
        text=text,
    )


def _document(one: DocumentReference, _: CodeBook) -> Told:
    """A note at `date`, when it was made known to the index; without that, when its visit ended.

    Its text is the note where that is plain text and lies in the resource; other forms (PDF, an
    address) are not read, and the fact then only says that there was a document. A superseded one
    was seen until its successor came, and stands.
    """
    standing = _standing(one)
    if one.doc_status == "entered-in-error":
        standing = "taken back"
    visit = None if one.context is None else one.context.period
    return Told(
        concept=one.type,
        standing=standing,
        time=one.date or _end(visit),
        recorded=one.date,
        text=plain_text([part.attachment for part in one.content if part.attachment is not None]),
    )


def _consent(one: Consent, _: CodeBook) -> Told:
    """What a patient permits and refuses, from `dateTime` on, else from the start of its period.

    `recorded` is `dateTime`. One that is inactive or rejected takes back what it said.
    """
    text = provisions_text(one)
    period = None if one.provision is None else one.provision.period
    return Told(
        concept=None,
        standing=_standing(one),
        time=one.date_time or _begin(period),
        recorded=one.date_time,
        text=text,
        silent="no provision" if text is None else None,
        code=CONSENT,
    )


READERS: dict[type[Any], EventReader] = {
    AllergyIntolerance: EventReader(kind="allergy", tell=_allergy, revised=True),
    Condition: EventReader(kind="condition", tell=_condition, revised=True),
    Consent: EventReader(kind="consent", tell=_consent, revised=True),
    DiagnosticReport: EventReader(kind="report", tell=_report, revised=True),
    DocumentReference: EventReader(kind="document", tell=_document, revised=True),
    Immunization: EventReader(kind="immunization", tell=_immunization, revised=True),
    MedicationAdministration: EventReader(kind="medication_administration", tell=_administration),
    MedicationDispense: EventReader(kind="medication_dispense", tell=_dispense),
    MedicationRequest: EventReader(kind="medication_request", tell=_request),
    MedicationStatement: EventReader(kind="medication_statement", tell=_statement),
    Procedure: EventReader(kind="procedure", tell=_procedure),
}


def _standing(one: Any) -> Standing:
    return ALL_STANDINGS[type(one).__name__].get(one.status, "says nothing")


def _begin(period: Period | None) -> str | None:
    return None if period is None else period.start


def _end(period: Period | None) -> str | None:
    return None if period is None else period.end


def _dose(instructions: Sequence[DosageInstruction]) -> Quantity | None:
    """The dose, where exactly one is told."""
    doses = [part.dose_quantity for one in instructions for part in one.dose_and_rate]
    return doses[0] if len(doses) == 1 else None

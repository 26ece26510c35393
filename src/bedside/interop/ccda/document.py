"""A whole C-CDA document: whose it is, when it was made, which it replaces, and its facts."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from xml.etree.ElementTree import Element, tostring

from bedside.core.errors import Invalid
from bedside.interop.ccda.codes import code_of, text_of
from bedside.interop.ccda.statements import Fact, Reading, identifier, read_sections
from bedside.interop.ccda.times import interval_of, moment, start_of_day
from bedside.interop.ccda.xml import child, children, is_null, parsed, path, refused

__all__ = ["Document", "read_document"]

_SOCIAL_SECURITY = "2.16.840.1.113883.4.1"
_SEXES = {"M": "male", "F": "female", "UN": "other", "UNK": "unknown"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a document says; `rows`, `dropped` and `unknown` are counted as for a `Batch`."""

    subject: str
    recorded: datetime
    facts: list[Fact]
    rows: Counter[str]
    dropped: Counter[str]
    unknown: Counter[str]


def read_document(content: bytes, zone: tzinfo | None) -> Document:
    """Read a document.

    The subject is the first identifier of the patient, as `root^extension`; a social security
    number only where there is no other. An entry is named by its own identifier through all
    documents; one without, by its place in the document, and the document by its `setId` and its
    type through all its versions.

    Args:
        content: The XML.
        zone: Of times that carry no offset.

    Raises:
        Invalid: it is no CDA document, names no patient or several, or does not say when it was
            made. `code` tells what, without a value.
    Source: HL7 CDA R2; HL7 Implementation Guide C-CDA R2.1.
    """
    root = parsed(content)
    targets = list(children(root, "recordTarget"))
    if len(targets) != 1:
        raise refused("it is about no patient, or about several")
    role = child(targets[0], "patientRole")
    subject = next(_identifiers(role), None)
    if subject is None:
        raise refused("it does not identify its patient")
    stamped = child(root, "effectiveTime")
    if stamped is None or is_null(stamped) or not stamped.get("value"):
        raise refused("it does not say when it was made")
    made = moment(stamped.get("value", ""), zone)
    unknown: Counter[str] = Counter()
    code = code_of(child(root, "code"), unknown) or "LOINC//34133-9"  # summary of episode
    name = f"{subject}/{_name(root)}/{code}"
    reading = Reading(zone=zone, made=made, name=name, unknown=unknown)
    reading.rows["document"] = 1
    reading.facts.append(
        Fact(kind="document", code=code, time=made, record=content, identity=f"document/{name}")
    )
    _patient(reading, targets[0], role, subject)
    _visit(reading, root)
    _body(reading, root)
    return Document(
        subject=subject,
        recorded=made,
        facts=reading.facts,
        rows=reading.rows,
        dropped=reading.dropped,
        unknown=reading.unknown,
    )


def _identifiers(role: Element | None) -> Iterator[str]:
    """Of the patient; a social security number comes last, and one without an extension late."""

    def rank(one: Element) -> tuple[bool, bool]:
        return one.get("root") == _SOCIAL_SECURITY, one.get("extension") is None

    for one in sorted(children(role, "id"), key=rank):
        name = identifier(one)
        if name is not None:
            yield name


def _name(root: Element) -> str:
    """What names the document through its versions: its set, or what it replaces, or itself."""
    own = identifier(child(root, "setId"))
    if own is not None:
        return own
    for related in children(root, "relatedDocument"):
        if related.get("typeCode") == "RPLC":
            parent = child(related, "parentDocument")
            found = identifier(child(parent, "setId")) or identifier(child(parent, "id"))
            if found is not None:
                return found
    return identifier(child(root, "id")) or "unnamed"


def _patient(reading: Reading, target: Element, role: Element | None, subject: str) -> None:
    """Sex, birth, death, race and ethnicity; the same words in each document of the patient."""
    person = child(role, "patient")
    reading.rows["patient"] += 1
    record = tostring(person) if person is not None else b""
    named = f"patient/{subject}"
    told: list[tuple[str, str, datetime | None, str | None]] = []
    gender = child(person, "administrativeGenderCode")
    if gender is not None:
        flavour = "UNK" if is_null(gender) else gender.get("code", "")
        told.append(("patient", "BEDSIDE//sex", None, _SEXES.get(flavour, "unknown")))
    for name, code in (("raceCode", "BEDSIDE//race"), ("ethnicGroupCode", "BEDSIDE//ethnicity")):
        text = None if is_null(child(person, name)) else text_of(child(person, name), Counter())
        if text is not None:
            told.append(("patient", code, None, text))
    for kind, code, element in (
        ("patient", "MEDS//BIRTH", child(person, "birthTime")),
        ("death", "MEDS//DEATH", child(person, "sdtc:deceasedTime")),
    ):
        if element is None or is_null(element) or not element.get("value"):
            continue
        value = element.get("value", "")
        try:
            is_birth = kind == "patient"
            at = start_of_day(value) if is_birth else moment(value, reading.zone, reading.made)
            told.append((kind, code, at, None))
        except Invalid as error:
            reading.dropped[error.code or "a time is malformed"] += 1
    deceased = child(person, "sdtc:deceasedInd")
    is_dead = deceased is not None and deceased.get("value") == "true"
    if is_dead and not any(kind == "death" for kind, *_ in told):
        reading.dropped["a death without a time"] += 1
    if not told:
        reading.dropped["a patient about whom nothing is told"] += 1
    for kind, code, time, text in told:
        reading.facts.append(
            Fact(kind=kind, code=code, time=time, text=text, record=record, identity=named)
        )


def _visit(reading: Reading, root: Element) -> None:
    """The encounter that the document is about."""
    visit = path(root, "componentOf", "encompassingEncounter")
    if visit is None:
        return
    reading.rows["encounter"] += 1
    named = next((name for one in children(visit, "id") if (name := identifier(one))), None)
    try:
        when = interval_of(visit, reading.zone, reading.made)
    except Invalid as error:
        reading.dropped[error.code or "a time is malformed"] += 1
        return
    if when.end_first:
        reading.dropped["an end before its beginning, left out of its fact"] += 1
    reading.facts.append(
        Fact(
            kind="encounter",
            code=code_of(child(visit, "code"), reading.unknown) or "HL7//6//ENC",
            time=when.time or reading.made,
            end=when.end,
            encounter=named,
            record=tostring(visit),
            identity=named or f"{reading.name}/visit",
        )
    )


def _body(reading: Reading, root: Element) -> None:
    body = path(root, "component", "structuredBody")
    if body is not None:
        read_sections(body, reading)
    elif path(root, "component", "nonXMLBody") is not None:
        reading.dropped["the content of an unstructured document (a scan, a PDF…)"] += 1
    else:
        reading.dropped["a document without a body"] += 1

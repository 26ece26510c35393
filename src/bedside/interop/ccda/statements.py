"""Each statement of a section becomes a fact, or is left out for a reason that is counted."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from xml.etree.ElementTree import Element, tostring

from bedside.core.errors import Invalid
from bedside.interop.ccda.codes import code_of, text_of
from bedside.interop.ccda.sections import SectionKind, kind_of, name_of, statements
from bedside.interop.ccda.times import Interval, interval_of, moment
from bedside.interop.ccda.values import Value, quantity_of, value_of
from bedside.interop.ccda.xml import child, children, is_null, path

__all__ = ["Fact", "Reading", "identifier", "read_sections"]

_NO_CODE = "a statement without a code"
_NO_VALUE = "an observation without a value that can be read"
_EVENT, _INTENT = "EVN", "INT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One fact of a document: `record` is the bytes of its entry, `identity` what names it."""

    kind: str
    code: str
    time: datetime | None
    end: datetime | None = None
    value: float | None = None
    unit: str | None = None
    text: str | None = None
    encounter: str | None = None
    record: bytes = b""
    identity: str = ""
    retracts: bool = False


@dataclass(slots=True, kw_only=True)
class Reading:
    """A document while it is read.

    Args:
        zone: Of times without an offset.
        made: When the document was made; where a statement does not say when, it counts.
        name: What names the document through all its versions.
    """

    zone: tzinfo | None
    made: datetime
    name: str
    facts: list[Fact] = field(default_factory=list)
    rows: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)


def identifier(element: Element | None) -> str | None:
    """`root^extension` of an instance identifier, or None where it has none."""
    if element is None or is_null(element) or not element.get("root"):
        return None
    extension = element.get("extension")
    return f"{element.get('root')}^{extension}" if extension else element.get("root")


def read_sections(body: Element, reading: Reading) -> None:
    """Read every section below the body of a document."""
    found: list[tuple[SectionKind, Element, Element | None, str]] = []
    for number, section in enumerate(body.iter("{urn:hl7-org:v3}section")):
        kind, entries = kind_of(section), list(children(section, "entry"))
        if kind is None:
            if entries:
                reason = f"an entry of a section that is not read ({name_of(section)})"
                reading.dropped[reason] += len(entries)
            continue
        for place, entry in enumerate(entries):
            said = list(statements(entry, kind))
            if not said:
                reading.dropped["an entry without a statement"] += 1
            for nth, (act, around) in enumerate(said):
                found.append((kind, act, around, f"{number}/{place}/{nth}"))
    ids = Counter(_own_id(act) for _, act, _, _ in found)
    for kind, act, around, spot in found:
        own = _own_id(act)
        # Where one document gives an identifier to two statements, it names neither.
        named = own if own and ids[own] == 1 else f"{reading.name}/{spot}"
        _read(reading, kind, act, around, named)


def _own_id(act: Element) -> str | None:
    return next((name for one in children(act, "id") if (name := identifier(one))), None)


def _read(
    reading: Reading, kind: SectionKind, act: Element, around: Element | None, named: str
) -> None:
    reading.rows[kind.kind] += 1
    nested = sum(1 for _ in children(act, "entryRelationship"))
    if nested:
        reading.dropped["a statement inside another (severity, reaction, reason…)"] += nested
    reason = _left_out(kind, act)
    if reason is None:
        try:
            reason = _add(reading, kind, act, around, named)
        except Invalid as error:
            reason = error.code
    if reason is not None:
        reading.dropped[reason] += 1


def _left_out(kind: SectionKind, act: Element) -> str | None:
    """Why a statement gives no fact, as far as its frame tells."""
    status, mood = child(act, "statusCode"), act.get("moodCode", _EVENT)
    undone = status is not None and status.get("code") in kind.undone
    taken = mood == _INTENT and kind.kind == "medication_statement"
    reasons = (
        (
            act.tag.rpartition("}")[2] not in kind.holds,
            "an entry of a kind that its section should not have",
        ),
        (is_null(act), "a statement that only says why nothing is known"),
        (act.get("negationInd") == "true", "a statement that something is not so"),
        (child(act, "subject") is not None, "a statement about somebody else"),
        (mood != _EVENT and not taken, "an intention, not an event"),
        (undone, "an act that did not happen (aborted, cancelled, held…)"),
    )
    return next((reason for applies, reason in reasons if applies), None)


def _add(
    reading: Reading, kind: SectionKind, act: Element, around: Element | None, named: str
) -> str | None:
    """Add the fact of a statement; why there is none, if so."""
    code, values = _SAYS[kind.kind](act, reading.unknown)
    if code is None:
        return _NO_CODE
    if not values:
        return _NO_VALUE
    when = _when(reading, act, around)
    if when.end_first:
        reading.dropped["an end before its beginning, left out of its fact"] += 1
    status = child(act, "statusCode")
    gone = status is not None and status.get("code") == "nullified"
    intended = act.get("moodCode") == _INTENT
    for value in values[:1] if gone else values:
        reading.facts.append(
            Fact(
                kind="medication_request" if intended else kind.kind,
                code=code,
                time=when.time,
                end=when.end,
                value=None if gone else value.value,
                unit=None if gone else value.unit,
                text=None if gone else value.text,
                encounter=_own_id(act) if kind.kind == "encounter" else None,
                record=tostring(act),
                identity=named,
                retracts=gone,
            )
        )
    return None


def _when(reading: Reading, act: Element, around: Element | None) -> Interval:
    """When it was: by itself, its organizer, its author, or else when the document was made."""
    for one in (act, around):
        if one is not None:
            told = interval_of(one, reading.zone, reading.made)
            if told.time is not None:
                return told
    written = path(act, "author", "time")
    if written is not None and not is_null(written) and written.get("value"):
        return Interval(time=moment(written.get("value", ""), reading.zone, reading.made))
    return Interval(time=reading.made)


_Said = tuple[str | None, list[Value]]


def _condition(act: Element, unknown: Counter[str]) -> _Said:
    return code_of(child(act, "value"), unknown), [Value()]


def _allergy(act: Element, unknown: Counter[str]) -> _Said:
    """The substance, and as text which kind of allergy it is."""
    for participant in children(act, "participant"):
        if participant.get("typeCode") == "CSM":
            substance = path(participant, "participantRole", "playingEntity", "code")
            code = code_of(substance, unknown)
            if code is not None:
                return code, [Value(text=text_of(child(act, "value"), unknown))]
    return None, []


def _substance(act: Element, unknown: Counter[str]) -> _Said:
    """What is given, and how much of it at a time."""
    coded = path(act, "consumable", "manufacturedProduct", "manufacturedMaterial", "code")
    dose = quantity_of(child(act, "doseQuantity"))
    return code_of(coded, unknown), [dose or Value()]


def _observation(act: Element, unknown: Counter[str]) -> _Said:
    values = [value_of(one, unknown) for one in children(act, "value")]
    return code_of(child(act, "code"), unknown), [one for one in values if one is not None]


def _procedure(act: Element, unknown: Counter[str]) -> _Said:
    code, values = _observation(act, unknown)
    return code, values or [Value()]


def _encounter(act: Element, unknown: Counter[str]) -> _Said:
    return code_of(child(act, "code"), unknown) or "HL7//6//ENC", [Value()]


_SAYS: dict[str, Callable[[Element, Counter[str]], _Said]] = {
    "condition": _condition,
    "allergy": _allergy,
    "medication_statement": _substance,
    "medication_administration": _substance,
    "immunization": _substance,
    "observation": _observation,
    "procedure": _procedure,
    "encounter": _encounter,
}

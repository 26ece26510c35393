"""Which sections of a C-CDA document are read, and where in an entry its statements are."""

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from bedside.interop.ccda.xml import child, children

__all__ = ["SECTIONS", "SectionKind", "kind_of", "name_of", "statements"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionKind:
    """What the entries of a section become.

    Args:
        kind: Of fact.
        holds: The elements that are its statements.
        undone: Status codes of what did not happen.
    """

    kind: str
    holds: frozenset[str]
    undone: frozenset[str]


_STOPPED = frozenset({"aborted", "cancelled", "held", "new", "suspended"})
_ACTS = frozenset({"observation", "substanceAdministration", "procedure", "encounter", "act"})
_ACTS |= {"supply", "organizer", "regionOfInterest", "observationMedia"}

_CONDITION = SectionKind(
    kind="condition", holds=frozenset({"observation"}), undone=frozenset({"cancelled"})
)
_ALLERGY = SectionKind(
    kind="allergy", holds=frozenset({"observation"}), undone=frozenset({"cancelled"})
)
_OBSERVATION = SectionKind(kind="observation", holds=frozenset({"observation"}), undone=_STOPPED)
_MEDICATION = SectionKind(
    kind="medication_statement",
    holds=frozenset({"substanceAdministration"}),
    undone=frozenset({"cancelled", "new", "held"}),
)
_ADMINISTRATION = SectionKind(
    kind="medication_administration",
    holds=frozenset({"substanceAdministration"}),
    undone=_STOPPED,
)
_IMMUNIZATION = SectionKind(
    kind="immunization", holds=frozenset({"substanceAdministration"}), undone=_STOPPED
)
_PROCEDURE = SectionKind(
    kind="procedure", holds=frozenset({"procedure", "observation", "act"}), undone=_STOPPED
)
_ENCOUNTER = SectionKind(kind="encounter", holds=frozenset({"encounter"}), undone=_STOPPED)

SECTIONS = {
    "11450-4": _CONDITION,  # problems
    "11348-0": _CONDITION,  # past illness
    "42347-5": _CONDITION,  # admission diagnosis
    "46241-6": _CONDITION,
    "11535-2": _CONDITION,  # discharge diagnosis
    "78375-3": _CONDITION,
    "10219-4": _CONDITION,  # preoperative diagnosis
    "10218-6": _CONDITION,  # postoperative diagnosis
    "59769-0": _CONDITION,  # postprocedure diagnosis
    "55109-3": _CONDITION,  # complications
    "48765-2": _ALLERGY,
    "10160-0": _MEDICATION,
    "42346-7": _MEDICATION,  # on admission
    "10183-2": _MEDICATION,  # on discharge
    "75311-1": _MEDICATION,
    "29549-3": _ADMINISTRATION,
    "11369-6": _IMMUNIZATION,
    "47519-4": _PROCEDURE,
    "46240-8": _ENCOUNTER,
    "30954-2": _OBSERVATION,  # results
    "8716-3": _OBSERVATION,  # vital signs
    "29762-2": _OBSERVATION,  # social history
}
"""By the LOINC code of the section. Source: HL7 C-CDA R2.1, volume 2, section-level templates."""

_TEMPLATES = {
    "5": "11450-4", "5.1": "11450-4", "20": "11348-0", "43": "42347-5", "24": "11535-2",
    "34": "10219-4", "35": "10218-6", "36": "59769-0", "37": "55109-3", "6": "48765-2",
    "6.1": "48765-2", "1": "10160-0", "1.1": "10160-0", "44": "42346-7", "11": "10183-2",
    "11.1": "10183-2", "38": "29549-3", "2": "11369-6", "2.1": "11369-6", "7": "47519-4",
    "7.1": "47519-4", "22": "46240-8", "22.1": "46240-8", "3": "30954-2", "3.1": "30954-2",
    "4": "8716-3", "4.1": "8716-3", "17": "29762-2",
}  # fmt: skip
_SECTION_TEMPLATE = "2.16.840.1.113883.10.20.22.2."


def kind_of(section: Element) -> SectionKind | None:
    """What a section's entries become, by its template or else its code; None: it is not read."""
    for template in children(section, "templateId"):
        root = template.get("root", "")
        code = _TEMPLATES.get(root.removeprefix(_SECTION_TEMPLATE))
        if code is not None and root.startswith(_SECTION_TEMPLATE):
            return SECTIONS[code]
    return SECTIONS.get(name_of(section))


def name_of(section: Element) -> str:
    """The code of a section, or `without a code`."""
    coded = child(section, "code")
    code = coded.get("code", "") if coded is not None else ""
    plain = code.replace("-", "")
    return code if plain.isdecimal() and plain.isascii() and len(code) < 12 else "without a code"


def statements(entry: Element, section: SectionKind) -> Iterator[tuple[Element, Element | None]]:
    """Each statement of an entry, and the organizer around it.

    A concern (`act`) holds its statements in `entryRelationship`, an `organizer` in `component`.
    What is neither is given as well, for the caller to count.
    """
    for act in _acts(entry):
        name = _name(act)
        if name == "organizer":
            for component in children(act, "component"):
                for inner in _acts(component):
                    yield inner, act
        elif name == "act" and "act" not in section.holds:
            inside = [
                inner
                for related in children(act, "entryRelationship")
                for inner in _acts(related)
                if _name(inner) in section.holds
            ]
            yield from ((inner, None) for inner in inside or [act])
        else:
            yield act, None


def _acts(holder: Element) -> Iterator[Element]:
    return (one for one in holder if _name(one) in _ACTS)


def _name(element: Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""

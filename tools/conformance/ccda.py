"""The C-CDA samples: every entry counted with ElementTree, and what we made of it."""

from collections import Counter
from pathlib import Path
from xml.etree.ElementTree import Element, fromstring
from zoneinfo import ZoneInfo

from bedside.core.errors import Invalid
from bedside.interop.ccda.document import Document, read_document
from conformance.suite import UNEXPLAINED, Case, Suite, members

__all__ = ["entries_by_section", "run"]

FOLDER = "ccda-samples"
_V3 = "{urn:hl7-org:v3}"
_ZONE = ZoneInfo("America/New_York")

# LOINC code of a section, and what each of its entries is counted as. This is a second list, made
# from the implementation guide for this check alone.
KINDS = {
    "11450-4": "condition", "42347-5": "condition", "11535-2": "condition", "10219-4": "condition",
    "59769-0": "condition", "55109-3": "condition", "48765-2": "allergy",
    "10160-0": "medication_statement", "42346-7": "medication_statement",
    "10183-2": "medication_statement", "75311-1": "medication_statement",
    "11369-6": "immunization", "47519-4": "procedure", "46240-8": "encounter",
    "30954-2": "observation", "8716-3": "observation", "29762-2": "observation",
}  # fmt: skip
_STATEMENTS = {
    "condition": ("act/entryRelationship/observation", "observation"),
    "allergy": ("act/entryRelationship/observation", "observation"),
    "medication_statement": (
        "substanceAdministration",
        "act/entryRelationship/substanceAdministration",
    ),
    "immunization": ("substanceAdministration",),
    "procedure": ("procedure", "observation", "act"),
    "encounter": ("encounter",),
    "observation": ("organizer/component/observation", "observation"),
}
_LEFT_OUT = (
    "a statement without a code", "an observation without a value that can be read",
    "a statement that something is not so", "a statement that only says why nothing is known",
    "a statement about somebody else", "an intention, not an event", "a time is malformed",
    "an act that did not happen (aborted, cancelled, held…)",
    "an entry of a kind that its section should not have",
)  # fmt: skip


def entries_by_section(root: Element) -> tuple[Counter[str], int]:
    """Statements by kind, and the entries of sections that are not read."""
    found: Counter[str] = Counter()
    unread = 0
    for section in root.iter(f"{_V3}section"):
        coded = section.find(f"{_V3}code")
        kind = KINDS.get(coded.get("code", "") if coded is not None else "")
        for entry in section.findall(f"{_V3}entry"):
            if kind is None:
                unread += 1
                continue
            for path in _STATEMENTS[kind]:
                steps = "/".join(_V3 + step for step in path.split("/"))
                found[kind] += len(entry.findall(steps))
    return found, unread


def run(data: Path) -> Suite:
    """Count every document in both ways.

    Args:
        data: The folder that holds `ccda-samples`, zipped or not.
    """
    cases = [
        _case(name, content)
        for name, content in sorted(members(data / FOLDER).items())
        if name.endswith(".xml")
    ]
    return Suite(name="C-CDA documents", cases=tuple(cases))


def _case(name: str, content: bytes) -> Case:
    try:
        document = read_document(content, _ZONE)
    except Invalid:
        return Case(name=name, group="documents", status="fail", reason=UNEXPLAINED)
    root = fromstring(content)  # noqa: S314  (the samples are known)
    group = "unstructured" if root.find(f".//{_V3}nonXMLBody") is not None else "structured"
    if _agrees(document, root):
        return Case(name=name, group=group, status="pass")
    return Case(name=name, group=group, status="fail", reason=UNEXPLAINED)


def _agrees(document: Document, root: Element) -> bool:
    """Every statement is a fact or is counted as left out, and nothing else is there."""
    wanted, unread = entries_by_section(root)
    visit = root.find(f"{_V3}componentOf/{_V3}encompassingEncounter") is not None
    wanted["encounter"] += visit
    read = Counter(document.rows)
    del read["document"], read["patient"]
    told = sum(
        count
        for reason, count in document.dropped.items()
        if reason.startswith("an entry of a section that is not read")
    )
    facts = sum(fact.kind not in {"document", "patient", "death"} for fact in document.facts)
    left_out = sum(document.dropped[reason] for reason in _LEFT_OUT)
    return +wanted == +read and unread == told and sum(wanted.values()) == facts + left_out

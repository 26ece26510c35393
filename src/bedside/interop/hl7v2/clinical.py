"""What was found and done: DG1, PRB, AL1, IAM, PR1, each as one finding."""

from collections.abc import Callable
from dataclasses import dataclass

from bedside.interop.hl7v2.message import Segment
from bedside.interop.hl7v2.values import Coded, coded_of, entity

__all__ = ["FINDINGS", "Finding"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A diagnosis, a problem, an allergy or a procedure.

    Args:
        kind: The kind of fact: `condition`, `allergy`, `procedure`.
        code: What it is.
        at: When it began, was done or was found, as it is written.
        name: Its own identifier, where the sender gives one.
        role: What tells several findings of one code apart (admitting, final).
        removed: The sender takes it back.
    """

    kind: str
    code: Coded
    at: str
    name: str = ""
    role: str = ""
    removed: bool = False


def _diagnosis(segment: Segment) -> Finding:
    code = coded_of(segment, segment.components(3))
    if not code:
        code = Coded(text=segment.text(4))
    method = segment.text(2)
    if code.code and not code.system and method:  # before 2.4 the system was a field of its own
        code = Coded(code.code, code.text or segment.text(4), method)
    return Finding(
        kind="condition",
        code=code,
        at=segment.text(5),
        name=entity(segment, 20),
        role=segment.text(6),
        removed=segment.text(21).upper() == "D",
    )


def _problem(segment: Segment) -> Finding:
    return Finding(
        kind="condition",
        code=coded_of(segment, segment.components(3)),
        at=segment.text(16) or segment.text(7),
        name=entity(segment, 4),
        role="problem",
        removed=segment.text(1).upper() in ("DE", "D"),
    )


def _allergy(segment: Segment) -> Finding:
    return Finding(
        kind="allergy", code=coded_of(segment, segment.components(3)), at=segment.text(6)
    )


def _adverse_reaction(segment: Segment) -> Finding:
    return Finding(
        kind="allergy",
        code=coded_of(segment, segment.components(3)),
        at=segment.text(11) or segment.text(13),
        name=entity(segment, 7),
        removed=segment.text(6).upper() == "D",
    )


def _procedure(segment: Segment) -> Finding:
    return Finding(
        kind="procedure",
        code=coded_of(segment, segment.components(3)),
        at=segment.text(5),
        name=entity(segment, 19),
        removed=segment.text(20).upper() == "D",
    )


FINDINGS: dict[str, Callable[[Segment], Finding]] = {
    "DG1": _diagnosis,
    "PRB": _problem,
    "AL1": _allergy,
    "IAM": _adverse_reaction,
    "PR1": _procedure,
}
"""How each of these segments is read."""

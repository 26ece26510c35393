"""Orders and what came of them: ORC, OBR, RXO, RXE, RXA."""

from dataclasses import dataclass

from bedside.interop.hl7v2.message import Segment
from bedside.interop.hl7v2.values import Coded, coded_of, entity, number_of

__all__ = ["Control", "Drug", "Request", "read_control", "read_drug", "read_given", "read_request"]

_CANCELLED = frozenset({"CA", "OC", "CR"})
_ENDED = frozenset({"DC", "OD", "DR", "RP", "RQ", "PR"})
_REFUSED = frozenset({"UA", "UC", "UD", "UF", "UH", "UM", "UN", "UR", "UX", "DE", "NR"})


@dataclass(frozen=True, slots=True)
class Control:
    """What ORC says: which order, and what becomes of it.

    `effect` is `stands`, `ended` (discontinued or replaced: it was real until then), `cancelled`
    (it never came to anything: it is taken back) or `refused` (the other side did not do what was
    asked, so nothing changed).
    """

    code: str
    placer: str
    filler: str
    at: str
    effect: str


@dataclass(frozen=True, slots=True)
class Request:
    """What OBR says: what was asked for, when it was observed, and when it was reported."""

    code: Coded
    placer: str
    filler: str
    observed: str
    reported: str
    status: str
    requested: str


@dataclass(frozen=True, slots=True)
class Drug:
    """A drug and its dose, from RXO, RXE or RXA.

    `at` and `end` are as they are written; `given` is false where it was refused or not given.
    """

    code: Coded
    dose: float | None
    unit: str
    at: str = ""
    end: str = ""
    given: bool = True
    removed: bool = False


def read_control(segment: Segment) -> Control:
    """The order of an ORC segment."""
    code, status = segment.text(1).upper(), segment.text(5).upper()
    if code in _CANCELLED or (code == "SC" and status == "CA"):
        effect = "cancelled"
    elif code in _ENDED or (code == "SC" and status in ("DC", "RP")):
        effect = "ended"
    else:
        effect = "refused" if code in _REFUSED else "stands"
    return Control(
        code=code,
        placer=entity(segment, 2),
        filler=entity(segment, 3),
        at=segment.text(9) or segment.text(15),
        effect=effect,
    )


def read_request(segment: Segment) -> Request:
    """The request of an OBR segment."""
    return Request(
        code=coded_of(segment, segment.components(4)),
        placer=entity(segment, 2),
        filler=entity(segment, 3),
        observed=segment.text(7),
        reported=segment.text(22),
        status=segment.text(25).upper(),
        requested=segment.text(6),
    )


def read_drug(segment: Segment) -> Drug:
    """The drug of an RXO or RXE segment."""
    encoded = segment.name == "RXE"
    code, least, unit = (2, 3, 5) if encoded else (1, 2, 4)
    return Drug(
        code=coded_of(segment, segment.components(code)),
        dose=number_of(segment.text(least)),
        unit=segment.text(unit) or segment.text(unit, 2),
        at=segment.text(32) if encoded else "",
    )


def read_given(segment: Segment) -> Drug:
    """The drug or vaccine of an RXA segment. A dose of 999 says that it is not known."""
    dose = number_of(segment.text(6))
    return Drug(
        code=coded_of(segment, segment.components(5)),
        dose=None if dose == 999 else dose,
        unit=segment.text(7) or segment.text(7, 2),
        at=segment.text(3),
        end=segment.text(4),
        given=segment.text(20).upper() not in ("RE", "NA"),
        removed=segment.text(21).upper() == "D",
    )

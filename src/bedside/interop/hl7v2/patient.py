"""Who a message is about: PID, and MRG, which names the identifier that goes."""

from dataclasses import dataclass

from bedside.interop.hl7v2.message import Segment
from bedside.interop.hl7v2.values import Identifier, identifiers, subject_identifier

__all__ = ["Patient", "prior_identifier", "read_patient"]

_SEXES = {"F": "female", "M": "male", "U": "unknown", "": ""}  # table 0001; the others are "other"


@dataclass(frozen=True, slots=True)
class Patient:
    """What PID says. Times are as they are written; what is not said is empty.

    `alive` is true only where the segment says outright that the patient is not dead.
    """

    identifier: Identifier | None
    account: Identifier | None
    birth: str
    sex: str
    death: str
    dead: bool
    alive: bool


def read_patient(segment: Segment) -> Patient:
    """The patient of a PID segment.

    The identifier is from PID-3, or in old versions from PID-2.

    >>> from bedside.interop.hl7v2.delimiters import STANDARD
    >>> read_patient(Segment("PID|1||7^^^WEST^MR||||20040530|M", STANDARD)).identifier.name
    '7^^^WEST'
    """
    named = subject_identifier(identifiers(segment, 3)) or subject_identifier(
        identifiers(segment, 2)
    )
    accounts = identifiers(segment, 18)
    indicator = segment.text(30).upper()
    return Patient(
        identifier=named,
        account=accounts[0] if accounts else None,
        birth=segment.text(7),
        sex=_SEXES.get(segment.text(8).upper(), "other"),
        death=segment.text(29),
        dead=indicator == "Y" or bool(segment.text(29)),
        alive=indicator == "N" and not segment.text(29),
    )


def prior_identifier(segment: Segment, like: Identifier | None) -> Identifier | None:
    """The identifier in MRG-1 (or MRG-4) that goes, of the same kind as the one that stays."""
    return subject_identifier(identifiers(segment, 1), like) or subject_identifier(
        identifiers(segment, 4), like
    )

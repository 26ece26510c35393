"""Which entries of the ledger are disclosures of patients' records, and which need no accounting.

Source: 45 CFR 164.528 (accounting of disclosures); 164.514(e) (limited data sets).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bedside.core.records.ledger import LedgerEntry
from bedside.core.records.purpose import PURPOSE_WORDS, Purpose, purpose_of

__all__ = [
    "YEARS",
    "Disclosed",
    "Disclosure",
    "disclosed_by",
    "exemption",
    "purpose_words",
    "since_of",
]

YEARS = 6
"""How far back somebody may ask. Source: 45 CFR 164.528(a)(3)."""

FILES = {
    "deidentify.files": "files with your records",
    "deid.text": "notes",
    "deid.dicom": "images",
    "deid.labels.export": "notes in which your name was marked",
}
"""What left the identified zone as files: the entry keeps sealed whose records were in them."""

Of = Literal["prediction", "version", "snapshot", "scores", "files"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosed:
    """What an entry disclosed, of which thing, and to whom."""

    of: Of
    id: str
    what: str
    recipient: str
    mode: str = "identified"


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosure:
    """A disclosure of one person's record, as that person may be told it.

    Args:
        entry: Its number in the ledger.
        at: When, ISO 8601.
        recipient: To whom.
        what: What was disclosed, in words.
        purpose: What for, in words.
        named: Whether the record itself is known to be in it; else only the data set is named.
        exempt: Why it need not be accounted for; None where it must be.
    """

    entry: int
    at: str
    recipient: str
    what: str
    purpose: str
    named: bool
    exempt: str | None = None


def disclosed_by(entry: LedgerEntry) -> Disclosed | None:
    """What an entry disclosed; None where nothing of a patient left."""
    details = entry.details
    if entry.action in ("fhir.write_back", "hl7.result") and details.get("state") == "sent":
        return Disclosed(
            of="prediction",
            id=str(details.get("prediction_id")),
            what="the answer of a model about you",
            recipient=str(details.get("server")),
        )
    if entry.action == "answer" and details.get("shown", details.get("stage") != "silent"):
        return Disclosed(
            of="prediction",
            id=str(details.get("prediction_id")),
            what="the answer of a model about you",
            recipient=str(details.get("caller", "somebody who asked")),
        )
    return _taken_out(entry)


def _taken_out(entry: LedgerEntry) -> Disclosed | None:
    """What somebody took out as files."""
    details = entry.details
    taken = f"files taken out by {entry.actor}"
    if entry.action == "export" and "snapshot" in details:
        return Disclosed(
            of="snapshot", id=str(details["snapshot"]), what="a data set", recipient=taken
        )
    if entry.action == "score.export":
        return Disclosed(
            of="scores", id=str(details.get("output")), what="a model's scores", recipient=taken
        )
    if entry.action == "prediction.export":
        return Disclosed(
            of="version",
            id=str(details.get("version")),
            what="a model's answers, with what it used and what came true",
            recipient=taken,
            mode=str(details.get("mode")),
        )
    if entry.action in FILES and "leaves_as" in details:
        return Disclosed(
            of="files",
            id=str(entry.sequence),
            what=f"{FILES[entry.action]} ({details.get('form')})",
            recipient=taken,
            mode=str(details["leaves_as"]),
        )
    return None


def exemption(purpose: str, mode: str) -> str | None:
    """Why a disclosure need not be accounted for; None where it must be.

    Source: 45 CFR 164.528(a)(1)(i) (treatment, payment, operations) and (viii) (limited data sets);
    164.502(d) (what is de-identified is no record of a patient).

    >>> exemption("care", "identified")
    'for treatment, payment or the running of the hospital'
    >>> exemption("research", "identified") is None
    True
    """
    found = purpose_of(purpose)
    if mode == "limited_dataset":
        return "part of a limited data set"
    if mode != "identified":
        return "de-identified"
    if any(found.is_a(one) for one in (Purpose.TREAT, Purpose.HPAYMT, Purpose.HOPERAT)):
        return "for treatment, payment or the running of the hospital"
    if found is Purpose.PATRQT:
        return "to yourself, or as you asked"
    return None


def purpose_words(purpose: str) -> str:
    """The purpose in words."""
    found = purpose_of(purpose)
    return purpose if found is Purpose.UNKNOWN else PURPOSE_WORDS[found]


def since_of(now: datetime) -> datetime:
    """The beginning of the years that somebody may ask about."""
    try:
        return now.replace(year=now.year - YEARS)
    except ValueError:  # 29 February
        return now.replace(year=now.year - YEARS, day=28)

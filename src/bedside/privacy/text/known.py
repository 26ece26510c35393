"""What the structured record knows of a patient, found in a note however it is written there.

It is the pass with the best aim, and the one that no general tool has: it looks for the names,
numbers, dates and addresses of this patient alone, so that it can forgive a wrong letter.
"""

from dataclasses import dataclass, fields
from datetime import date
from functools import lru_cache

from bedside.core.errors import Invalid
from bedside.core.records.identifier import IdentifierKind, IdentifierSpan
from bedside.privacy.text.dates import dates_in, read_date
from bedside.privacy.text.known_names import NameFinder
from bedside.privacy.text.known_numbers import AddressFinder, numbers_at

__all__ = ["KnownIdentifiers", "find_known"]

_LONGEST = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownIdentifiers:
    """What is known of one patient; everything may be empty.

    Args:
        names: Of the patient, each as it is written: full names, former names, nicknames.
        relatives: Names of relatives, of the household, of a contact.
        staff: Names of those who treat the patient.
        places: Towns and villages.
        organisations: An employer, a school, a home.
        addresses: Streets with their numbers, whole.
        phones: With or without the country's code.
        emails: Addresses.
        record_numbers: At the hospital; of episodes, too.
        national_numbers: Social security, NHS, DNI.
        other_numbers: Of policies, accounts, devices, vehicles; letters may be among the digits.
        dates: Of birth, of stays, of death.

    Raises:
        Invalid: an entry is longer than 500 characters.
    """

    names: tuple[str, ...] = ()
    relatives: tuple[str, ...] = ()
    staff: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    organisations: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    record_numbers: tuple[str, ...] = ()
    national_numbers: tuple[str, ...] = ()
    other_numbers: tuple[str, ...] = ()
    dates: tuple[date, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what is no identifier."""
        for entry in (entry for named in fields(self) for entry in getattr(self, named.name)):
            if isinstance(entry, str) and len(entry) > _LONGEST:
                raise Invalid(
                    "A known identifier has more than 500 characters.",
                    fix="give names, numbers and addresses one by one.",
                )


def find_known(text: str, known: KnownIdentifiers) -> list[IdentifierSpan]:
    """Where what is known of the patient stands in the note; spans may overlap.

    A name is found by its words, in any order, in capitals or not, with other accents or none,
    with a hyphen or without, in the possessive, by initials with points, and with one letter wrong
    where the word has five letters or more. Numbers are found with any signs between their digits,
    dates in every spelling that `dates.read_date` reads.
    """
    finders = _finders(known)
    spans = []
    for kind, finder in finders.names:
        spans += [(start, end, kind) for start, end in finder.find(text)]
    for address in finders.addresses:
        spans += [(start, end, IdentifierKind.PLACE) for start, end in address.find(text)]
    for kind, numbers in _numbers(known):
        spans += [(start, end, kind) for start, end in numbers_at(text, numbers)]
    folded_text = text.lower()
    for email in known.emails:
        start = folded_text.find(email.lower()) if email else -1
        while start >= 0 and len(folded_text) == len(text):
            spans.append((start, start + len(email), IdentifierKind.EMAIL))
            start = folded_text.find(email.lower(), start + 1)
    if known.dates:
        spans += [(start, end, IdentifierKind.DATE) for start, end in _dates_at(text, known.dates)]
    return [
        IdentifierSpan(start=start, end=end, kind=kind, found_by="known")
        for start, end, kind in spans
    ]


@dataclass(frozen=True, slots=True)
class _Finders:
    names: tuple[tuple[IdentifierKind, NameFinder], ...]
    addresses: tuple[AddressFinder, ...]


@lru_cache(maxsize=256)
def _finders(known: KnownIdentifiers) -> _Finders:
    named = (
        (IdentifierKind.NAME, known.names + known.relatives),
        (IdentifierKind.STAFF_NAME, known.staff),
        (IdentifierKind.PLACE, known.places),
        (IdentifierKind.ORGANISATION, known.organisations),
    )
    return _Finders(
        tuple((kind, NameFinder(names)) for kind, names in named if names),
        tuple(AddressFinder(address) for address in known.addresses),
    )


def _numbers(known: KnownIdentifiers) -> list[tuple[IdentifierKind, tuple[str, ...]]]:
    return [
        (IdentifierKind.PHONE, known.phones),
        (IdentifierKind.RECORD_NUMBER, known.record_numbers),
        (IdentifierKind.SOCIAL_SECURITY, known.national_numbers),
        (IdentifierKind.OTHER, known.other_numbers),
    ]


def _dates_at(text: str, dates: tuple[date, ...]) -> list[tuple[int, int]]:
    out = []
    for start, end in dates_in(text):
        for day_first in (True, False):
            written = read_date(text[start:end], day_first=day_first)
            if written is not None and any(written.agrees(day) for day in dates):
                out.append((start, end))
                break
    return out

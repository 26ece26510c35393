"""What is done with one field of a record, by the release plan: dates, numbers, postal codes."""

import re
import secrets
import string
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from bedside.core.ids import subject_pseudonym
from bedside.core.ports.vault import Vault
from bedside.core.records.identifier import IdentifierKind
from bedside.privacy.cleaner import Note, TextCleaner
from bedside.privacy.postcodes import zip3
from bedside.privacy.rules import Action, ReleasePlan

__all__ = ["FieldActions", "patient_uuid"]

OLDEST = 90
_ISO = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2})(T.*)?)?)?")
_HL7 = re.compile(r"(\d{4})(?:(\d{2})(?:(\d{2})(\d{2}.*)?)?)?")
_JANUARY = {"iso": "-01-01", "hl7": "0101"}


@dataclass(frozen=True, slots=True)
class _Alike:
    """Proposes a number that looks like another: digits for digits, letters for letters."""

    value: str

    def __call__(self, random: Random) -> str:
        shape = self.value if sum(c.isalnum() for c in self.value) >= 6 else "000000000"
        return "".join(_drawn(c, random) for c in shape[:64])


def _drawn(character: str, random: Random) -> str:
    if character.isdigit():
        return random.choice(string.digits)
    if character.isalpha():
        letters = string.ascii_uppercase if character.isupper() else string.ascii_lowercase
        return random.choice(letters)
    return character if character in " -./" else "-"


def patient_uuid(pseudonym: int) -> str:
    """A pseudonym in the form of a UUID, which every FHIR id and `urn:uuid:` may have."""
    return str(uuid.UUID(int=pseudonym))


@dataclass(slots=True)
class FieldActions:
    """Acts on the fields of one run.

    Args:
        plan: What is done with each kind of identifier.
        vault: Of the plan's project, or one in memory.
        released_at: The moment of the release.
        salt: By which the workspace hides the source's patient identifiers, so that the same
            patient is the same subject here and there.
        cleaner: Cleans free text; without it, none is released.
        lost: Counts what stays behind, by field.
        subjects: Everybody whose record was met.
    """

    plan: ReleasePlan
    vault: Vault
    released_at: datetime
    salt: str = "bedside"
    cleaner: TextCleaner | None = None
    lost: Counter[str] = field(default_factory=Counter)
    subjects: set[int] = field(default_factory=set)
    _ids: dict[tuple[str, str], str] = field(default_factory=dict)

    def subject(self, source_id: str) -> int:
        """The subject that the source's own patient identifier names."""
        subject = subject_pseudonym(source_id, salt=self.salt)
        self.subjects.add(subject)
        return subject

    def new_id(self, kind: str, old: str) -> str:
        """A UUID in place of a technical id, the same in all of this run and in no other.

        It is kept nowhere: nothing leads back from it, also not for whoever has the vault.
        """
        return self._ids.setdefault((kind, old), str(uuid.UUID(bytes=secrets.token_bytes(16))))

    def number(self, subject: int | None, kind: IdentifierKind, value: str) -> str | None:
        """A number that looks alike, or nothing, as the plan says of the kind."""
        action = self.plan.action(kind)
        if action is Action.KEEP:
            return value
        if action is not Action.STAND_IN or not value.strip():
            return None
        return self.vault.stand_in(subject, kind, value.strip(), _Alike(value.strip()))

    def date(
        self, subject: int | None, written: str, *, kind: str = "date", whole: bool = False
    ) -> str | None:
        """A date of ISO 8601 or HL7 as it may be told; None where nothing of it may.

        A file is read once, so that the time since a first event is not known: where the plan
        says `elapsed`, the year is told.

        Args:
            subject: Whose offset moves it; None: nobody's, and then it is not told if moved.
            written: The date as it stands there.
            kind: `date` or `birth_date`.
            whole: The field takes no year alone: the first of January is written for it.
        """
        style = "iso" if "-" in written[:5] or len(written) == 4 else "hl7"
        found = (_ISO if style == "iso" else _HL7).match(written)
        action = self.plan.action(kind)
        if found is None or action in (Action.DROP, Action.KEEP):
            return written if found is not None and action is Action.KEEP else None
        if Action.SHIFT in (action, self.plan.action("date")):
            moved = None if subject is None else self._shifted(subject, found, style)
        else:
            moved = written
        if moved is None or action is Action.SHIFT:
            return moved
        if self._tells_age(int(moved[:4]), kind):
            return None
        return moved[:4] + (_whole_rest(written, style) if whole else "")

    def postcode(self, written: str) -> str | None:
        """A postal code as it may be told."""
        action = self.plan.action("postcode")
        if action is Action.KEEP:
            return written
        return zip3(written) if action is Action.ZIP3 else None

    def place(self, kind: str, written: str) -> str | None:
        """A part of an address, or the name of an organisation, where it may stay."""
        return written if self.plan.action(kind) is Action.KEEP else None

    def age(self, years: float) -> float:
        """An age in years, capped where the plan says so."""
        return min(years, float(OLDEST)) if self.plan.action("age") is Action.CAP else years

    def text(self, subject: int | None, written: str, where: str) -> str | None:
        """A free text, cleaned; None where it stays behind."""
        cleaned = None
        if self.cleaner is not None:
            (cleaned,) = self.cleaner.clean([Note(subject, written, where)])
        if cleaned is None:
            self.lost[where] += 1
        return cleaned

    def _shifted(self, subject: int, found: "re.Match[str]", style: str) -> str | None:
        year, month, day, rest = found.groups()
        try:
            then = datetime(int(year), int(month or 7), int(day or 1), tzinfo=UTC)
            moved = then + timedelta(days=self.vault.offset(subject))
        except (ValueError, OverflowError):
            return None
        if moved > self.released_at:
            self.lost["a date that would lie after the release"] += 1
            return None
        told = moved.strftime("%Y-%m-%d" if style == "iso" else "%Y%m%d")
        told = told.zfill(10 if style == "iso" else 8)
        if day is None:
            return told[:4] if month is None else told[: 7 if style == "iso" else 6]
        return told + (rest or "")

    def _tells_age(self, year: int, kind: str) -> bool:
        if self.plan.action("age") is Action.KEEP:
            return False
        first = self.released_at.year - OLDEST
        return year <= first if kind == "birth_date" else year < first + 1


def _whole_rest(written: str, style: str) -> str:
    if style == "hl7":
        return _JANUARY["hl7"]
    return _JANUARY["iso"] + ("T00:00:00Z" if "T" in written else "")

"""The accounting of disclosures: to whom one person's records went, found in the ledger."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bedside.core.clock import iso
from bedside.core.errors import NotFound, Refused
from bedside.core.ids import canonical_json
from bedside.core.records.ledger import LedgerEntry
from bedside.governance.disclosures import (
    Disclosed,
    Disclosure,
    disclosed_by,
    exemption,
    purpose_words,
    since_of,
)
from bedside.governance.disclosures_page import disclosures_page
from bedside.lifecycle.intake import pseudonym_of
from bedside.lifecycle.leaving import WhoseRecords
from bedside.lifecycle.platform import Platform

__all__ = ["Accounting", "account_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounting:
    """The disclosures of one person's record, oldest first, and the time that they cover."""

    since: str
    until: str
    disclosures: tuple[Disclosure, ...]
    entry: int

    @property
    def due(self) -> tuple[Disclosure, ...]:
        """Those that must be accounted for."""
        return tuple(one for one in self.disclosures if one.exempt is None)


def account_of(
    platform: Platform,
    subject: str,
    *,
    is_pseudonym: bool = False,
    page: Path | None = None,
) -> Accounting:
    """Find every disclosure of a person's record in the last six years; asking is an entry itself.

    An answer about somebody is found by the ledger's own tag of them; a data set by opening it and
    looking; files that left by the sealed list of whose records were in them. A data set that is
    no longer kept is told too, and so are files of people whom nobody named: they cannot be ruled
    out.

    Args:
        platform: The workspace.
        subject: The source's own patient identifier, or the pseudonym.
        is_pseudonym: It is the pseudonym, a whole number.
        page: An HTML file to hand out, which is not there yet.

    Raises:
        Invalid: a pseudonym is not a whole number.
        Refused: the page is there already (code `file_exists`).
        Unavailable: the disk refuses.
    """
    if page is not None and page.exists():
        raise Refused("The page is there already.", fix="give another name.", code="file_exists")
    now = platform.clock.now()
    since, until = iso(since_of(now)), iso(now)
    known_as = None if is_pseudonym else subject
    search = _Search(platform, _subjects(platform, subject, is_pseudonym), known_as)
    found = tuple(search.among(platform.ledger.entries(), since))
    asked = {"since": since, "found_count": len(found)}
    entry = platform.ledger.append(
        platform.actor,
        "ledger.disclosures",
        asked,
        sealed=canonical_json({"subjects": sorted(search.subjects)}),
        subject=min(search.subjects),
    )
    done = Accounting(since=since, until=until, disclosures=found, entry=entry.sequence)
    if page is not None:
        platform.write(page, disclosures_page(found, since=since, until=until).encode())
    return done


def _subjects(platform: Platform, subject: str, is_pseudonym: bool) -> set[int]:
    """The person's pseudonyms: one for each way in which sources' identifiers were hidden."""
    salts = {platform.store.opened(one).manifest.salt for one in platform.store.entries()}
    return {pseudonym_of(subject, salt=salt, is_pseudonym=is_pseudonym) for salt in salts or {""}}


class _Search:
    """Looks through the entries, each data set being opened once."""

    def __init__(self, platform: Platform, subjects: set[int], known_as: str | None) -> None:
        self._platform, self.subjects, self._known_as = platform, subjects, known_as
        sealed = (platform.ledger.sealed_for(one) for one in subjects)
        self._own = {sequence for some in sealed for sequence in some}
        self._predictions: set[str] = set()
        self._versions: set[str] = set()
        self._scored: dict[str, str] = {}
        self._known: dict[str, bool | None] = {}

    def among(self, entries: Iterable[LedgerEntry], since: str) -> Iterable[Disclosure]:
        """The disclosures of the person among these entries, in their order."""
        for entry in entries:
            if entry.action == "answer" and entry.sequence in self._own:
                self._predictions.add(str(entry.details.get("prediction_id")))
                self._versions.add(str(entry.details.get("version")))
            if entry.action == "score":
                self._scored[str(entry.details["output"])] = str(entry.details["snapshot"])
            if entry.at >= since and (told := disclosed_by(entry)) is not None:
                found = self._judged(entry, told)
                if found is not None:
                    yield found

    def _judged(self, entry: LedgerEntry, told: Disclosed) -> Disclosure | None:
        is_in, mode, what = self._looked(told)
        if is_in is False:
            return None
        return Disclosure(
            entry=entry.sequence,
            at=entry.at,
            recipient=told.recipient,
            what=what,
            purpose=purpose_words(entry.purpose),
            named=is_in is True,
            exempt=exemption(entry.purpose, mode),
        )

    def _looked(self, told: Disclosed) -> tuple[bool | None, str, str]:
        """Whether the person is in it, None where nobody knows; its mode, and what it is called."""
        if told.of == "prediction":
            return told.id in self._predictions, told.mode, told.what
        if told.of == "version":
            return told.id in self._versions, told.mode, f"{told.what}: model {told.id}"
        if told.of == "files":
            return self._in_files(int(told.id)), told.mode, told.what
        snapshot = self._scored.get(told.id, "") if told.of == "scores" else told.id
        is_in, mode, name = self._in_snapshot(snapshot)
        return is_in, mode, f"{told.what}: {name}"

    def _in_files(self, entry: int) -> bool | None:
        others = bool(self._platform.ledger.entry(entry).details.get("others"))
        whose = WhoseRecords.opened(self._platform.ledger.unseal(entry), others=others)
        return whose.holds(self.subjects, self._known_as)

    def _in_snapshot(self, digest: str) -> tuple[bool | None, str, str]:
        called = digest[:12]
        try:
            snapshot = self._platform.store.open(digest)
        except (NotFound, Refused):
            return None, "identified", f"{called}, no longer kept"
        mode = snapshot.manifest.release_mode
        if digest not in self._known:
            self._known[digest] = any(not snapshot.subject(one).is_empty() for one in self.subjects)
        return self._known[digest], mode, f"{snapshot.entry.name} ({called})"

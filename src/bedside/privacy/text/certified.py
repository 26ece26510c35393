"""Whoever cleans notes for a release: the engine of the certificate, column by column."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bedside.core.ports.vault import Vault
from bedside.core.records.release_mode import ReleaseMode
from bedside.privacy.cleaner import Note
from bedside.privacy.text.engine import NoteFinder
from bedside.privacy.text.lists import Lists
from bedside.privacy.text.surrogates import Surrogates

__all__ = ["CertifiedCleaner", "CertifiedEngine"]


@dataclass(frozen=True, slots=True)
class CertifiedEngine:
    """An engine whose certificate counts: it is the one that was measured."""

    finder: NoteFinder
    lists: Lists


class CertifiedCleaner:
    """The `TextCleaner` of a release: a note of a column without a certificate stays behind.

    Args:
        engines: For each column that is certified, its engine.
        vault: Of the project.
        mode: What the release allows.
    """

    def __init__(
        self, engines: Mapping[str, CertifiedEngine], vault: Vault, mode: ReleaseMode
    ) -> None:
        self._engines = dict(engines)
        self._writers = {
            column: Surrogates(vault, mode, engine.finder.language, lists=engine.lists)
            for column, engine in engines.items()
        }

    def clean(self, notes: Sequence[Note]) -> list[str | None]:
        """Each note with stand-ins; None where its column has no certificate."""
        done: list[str | None] = [None] * len(notes)
        for column, engine in self._engines.items():
            places = [at for at, note in enumerate(notes) if note.kind == column]
            found = engine.finder.find([notes[at].text for at in places])
            for at, spans in zip(places, found, strict=True):
                note = notes[at]
                done[at] = self._writers[column].replace(note.text, spans, note.subject).text
        return done

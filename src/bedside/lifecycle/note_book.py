"""What the ledger keeps of samples of notes: which were drawn, what each reader marked.

Notes lie sealed in it: each under the key of its patient, where somebody knows whose it is, else
under a key of the sample. Labels are offsets and kinds; they are sealed as well.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bedside.core.errors import NotFound
from bedside.core.ids import canonical_json
from bedside.core.records.ledger import LedgerDraft, LedgerEntry
from bedside.lifecycle.platform import Platform
from bedside.privacy.text.annotated import LabelledSpan

__all__ = ["CERTIFY", "LABEL", "Book", "Marked", "Sample", "SampledNote", "book_of", "kept_sample"]
__all__ += ["notes_of", "spans_of", "spans_sealed", "training_digests"]

SAMPLE, NOTE, LABEL = "deid.sample", "deid.sample.note", "deid.label"
CERTIFY, TRAIN = "deid.certify", "deid.train"


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledNote:
    """One note of a sample; `place` counts from 1."""

    place: int
    text: str
    type: str
    column: str
    digest: str
    subject: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A sample that was drawn: its digest, of which data set, in which language, how."""

    digest: str
    data: str
    language: str
    columns: tuple[str, ...]
    population: int
    notes: int
    draw: int
    seed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """Who marked a note, in which entry of the ledger, and whether they saw no suggestions."""

    sequence: int
    reader: str
    blind: bool


@dataclass(slots=True)
class Book:
    """Everything that the ledger says of notes; the newest of each.

    Args:
        samples: Oldest first.
        notes: Of each sample, the entry of each place.
        labels: Of each sample and place, by reader.
        decided: Of each sample and place, what was decided last.
        certified: Entries with certificates, oldest first.
        trained: Of each labeller, the entries of its trainings.
    """

    samples: list[Sample] = field(default_factory=list)
    notes: dict[str, dict[int, int]] = field(default_factory=dict)
    labels: dict[tuple[str, int], dict[str, Marked]] = field(default_factory=dict)
    decided: dict[tuple[str, int], Marked] = field(default_factory=dict)
    certified: list[LedgerEntry] = field(default_factory=list)
    trained: dict[str, list[int]] = field(default_factory=dict)

    def sample(self, data: str) -> Sample:
        """The newest sample of a data set.

        Raises:
            NotFound: none was drawn.
        """
        for one in reversed(self.samples):
            if one.data == data:
                return one
        raise NotFound(
            "No sample of these notes was drawn.", fix="draw one with bedside deid sample."
        )

    def readers(self, sample: Sample) -> dict[str, int]:
        """How many notes of a sample each reader has marked."""
        counts: dict[str, int] = {}
        for (digest, _), by in self.labels.items():
            for reader in by if digest == sample.digest else ():
                counts[reader] = counts.get(reader, 0) + 1
        return dict(sorted(counts.items()))


def book_of(platform: Platform) -> Book:
    """The book, read from the ledger once."""
    book = Book()
    for entry in platform.ledger.entries():
        told = entry.details
        if entry.action == SAMPLE:
            book.samples.append(_sample(told))
        elif entry.action == NOTE:
            book.notes.setdefault(told["sample"], {})[told["place"]] = entry.sequence
        elif entry.action == LABEL:
            _add_label(book, entry)
        elif entry.action == CERTIFY:
            book.certified.append(entry)
        elif entry.action == TRAIN:
            book.trained.setdefault(told["labeller"], []).append(entry.sequence)
    return book


def kept_sample(platform: Platform, sample: Sample, notes: Sequence[SampledNote]) -> None:
    """Keep a sample and its notes, all or nothing."""
    told = {
        "sample": sample.digest,
        "data": sample.data,
        "language": sample.language,
        "columns": list(sample.columns),
        "population": sample.population,
        "notes": sample.notes,
        "draw": sample.draw,
        "seed": sample.seed,
    }
    drafts = [LedgerDraft(actor=platform.actor, action=SAMPLE, details=told)]
    alone = -int(sample.digest[:15], 16) - 1  # no patient's: keys of patients are not negative
    drafts += [
        LedgerDraft(
            actor=platform.actor,
            action=NOTE,
            details={"sample": sample.digest, "place": note.place},
            sealed=_note_sealed(note),
            subject=alone if note.subject is None else note.subject,
        )
        for note in notes
    ]
    platform.ledger.append_all(drafts)


def notes_of(platform: Platform, book: Book, sample: Sample) -> list[SampledNote]:
    """The notes of a sample, by place, without those of whoever was erased meanwhile."""
    places = {sequence: place for place, sequence in book.notes[sample.digest].items()}
    notes = []
    for sequence, sealed in platform.ledger.unseal_all(sorted(places)):
        told = json.loads(sealed)
        notes.append(SampledNote(place=places[sequence], **told))
    return sorted(notes, key=lambda note: note.place)


def spans_of(
    platform: Platform, marks: Mapping[int, Marked]
) -> dict[int, tuple[LabelledSpan, ...]]:
    """For each place what was marked there."""
    places = {mark.sequence: place for place, mark in marks.items()}
    return {
        places[sequence]: tuple(
            LabelledSpan(start=start, end=end, label=label)
            for start, end, label in json.loads(sealed)
        )
        for sequence, sealed in platform.ledger.unseal_all(sorted(places))
    }


def spans_sealed(spans: Sequence[LabelledSpan]) -> bytes:
    """Spans as they are sealed."""
    return canonical_json([[one.start, one.end, one.label] for one in spans])


def training_digests(
    platform: Platform, book: Book, labeller: str | None = None
) -> set[str] | None:
    """Of the notes that a labeller was trained on, the digests; of all labellers if none is named.

    None where the labeller is not known here, or nobody kept what it was trained on.
    """
    entries = [s for name, all_of in book.trained.items() for s in all_of
               if labeller in (None, name)]  # fmt: skip
    kept = list(platform.ledger.unseal_all(sorted(entries)))
    if labeller is not None and (not entries or len(kept) < len(entries)):
        return None
    return {digest for _, sealed in kept for digest in json.loads(sealed)}


def _note_sealed(note: SampledNote) -> bytes:
    told = {"text": note.text, "type": note.type, "column": note.column, "digest": note.digest}
    return json.dumps(told | {"subject": note.subject}).encode()


def _sample(told: Mapping[str, Any]) -> Sample:
    return Sample(
        digest=told["sample"],
        data=told["data"],
        language=told["language"],
        columns=tuple(told["columns"]),
        population=told["population"],
        notes=told["notes"],
        draw=told["draw"],
        seed=told["seed"],
    )


def _add_label(book: Book, entry: LedgerEntry) -> None:
    told = entry.details
    key = (told["sample"], told["place"])
    mark = Marked(sequence=entry.sequence, reader=entry.actor, blind=told["blind"])
    if told["decides"]:
        book.decided[key] = mark
    else:
        book.labels.setdefault(key, {})[entry.actor] = mark

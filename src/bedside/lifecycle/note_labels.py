"""People mark what identifies somebody in the notes of a sample: two readers, then whoever decides.

A reader never sees what the other one marked; whoever decides sees both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bedside.core.errors import Invalid, NotFound, Refused
from bedside.core.records.identifier import IdentifierKind
from bedside.core.records.policy import Act, Resource
from bedside.core.records.snapshot import Zone
from bedside.lifecycle.door import enter
from bedside.lifecycle.note_book import (
    LABEL,
    Book,
    Marked,
    Sample,
    SampledNote,
    book_of,
    notes_of,
    spans_of,
    spans_sealed,
)
from bedside.lifecycle.platform import Platform
from bedside.privacy.text.agreement import (
    Disagreement,
    check_adjudicated,
    disagreements,
    together,
)
from bedside.privacy.text.annotated import AnnotatedNote, LabelledSpan
from bedside.privacy.text.engine import NoteFinder
from bedside.privacy.text.training import kinds_of

__all__ = ["Labelling", "Readers", "Shown", "decided_spans", "labelled_notes", "read_notes"]
__all__ += ["readers_of"]

Spans = tuple[LabelledSpan, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Readers:
    """The two who read a whole sample, and what each of them marked, by place."""

    names: tuple[str, str]
    blind: tuple[str, ...]
    first: Mapping[int, Spans]
    second: Mapping[int, Spans]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One note as a person sees it.

    Args:
        place: Which note, from 1; `at` and `of` say how far that is.
        marks: To begin with: what this person saved, else what is suggested.
        saved: Whether the person has saved this note.
        suggested: Whether the marks are the engine's.
        open: For whoever decides: where the readers differ.
        before, after: The places of the notes beside this one.
    """

    place: int
    at: int
    of: int
    text: str
    type: str
    marks: Spans
    saved: bool
    suggested: bool
    open: tuple[Disagreement, ...]
    before: int | None
    after: int | None


class Labelling:
    """One person at work on the newest sample of a data set.

    Args:
        platform: The workspace; its actor is the person.
        data: The data set.
        finder: What suggests marks; None: nothing does.
        decides: Whether the person decides where the two readers differ.
        names: The two readers, where more than two have read all of it.

    Raises:
        NotFound: no sample was drawn.
        Refused: it is not permitted; two have not read all of it yet (code `not_read_twice`).
    """

    def __init__(
        self,
        platform: Platform,
        data: str,
        *,
        finder: NoteFinder | None = None,
        decides: bool = False,
        names: Sequence[str] = (),
    ) -> None:
        self._platform, self._finder, self.decides, self.data = platform, finder, decides, data
        self._enter()
        book = book_of(platform)
        self.sample = book.sample(data)
        self._notes = {note.place: note for note in notes_of(platform, book, self.sample)}
        self._suggested: dict[int, Spans] = {}
        self.readers = readers_of(platform, book, self.sample, names) if decides else None
        self._mine = self._saved(book)
        self.places = [place for place in self._notes if self._is_mine(place)]

    @property
    def reader(self) -> str:
        """Who it is."""
        return self._platform.actor.name

    @property
    def blind(self) -> bool:
        """Whether the person sees no suggestions."""
        return self._finder is None

    @property
    def done(self) -> int:
        """How many notes the person has saved."""
        return sum(place in self._mine for place in self.places)

    def next_open(self) -> int | None:
        """The first note that is not saved; the first of all when all are; None without any."""
        rest = [place for place in self.places if place not in self._mine]
        return next(iter([*rest, *self.places]), None)

    def shown(self, place: int) -> Shown:
        """One note.

        Raises:
            NotFound: the person has no such note.
            Refused: it is no longer permitted.
        """
        self._enter()
        note = self._note(place)
        at = self.places.index(place)
        saved = place in self._mine
        marks = self._mine[place] if saved else self._start(note)
        return Shown(
            place=place,
            at=at + 1,
            of=len(self.places),
            text=note.text,
            type=note.type,
            marks=marks,
            saved=saved,
            suggested=not (saved or self.decides or self.blind),
            open=tuple(self._open(place)),
            before=self.places[at - 1] if at else None,
            after=self.places[at + 1] if at + 1 < len(self.places) else None,
        )

    def save(self, place: int, spans: Sequence[LabelledSpan]) -> None:
        """Keep what the person marked; an earlier answer of theirs no longer counts.

        Raises:
            NotFound: the person has no such note.
            Invalid: a span is outside the note, empty, over another one or of no known kind.
            Refused: it is not permitted, or takes away what both readers marked (code `agreed`).
        """
        self._enter()
        note = self._note(place)
        ordered = tuple(sorted(spans))
        if any(span.label not in list(IdentifierKind) for span in ordered):
            raise Invalid("There is no such kind.", fix=f"use one of: {', '.join(IdentifierKind)}.")
        AnnotatedNote(name="", text=note.text, spans=ordered)
        if self.readers is not None:
            check_adjudicated(self.readers.first[place], self.readers.second[place], ordered)
        self._platform.ledger.append(
            self._platform.actor,
            LABEL,
            {
                "sample": self.sample.digest,
                "place": place,
                "blind": self.blind and not self.decides,
                "decides": self.decides,
                "spans_count": len(ordered),
            },
            sealed=spans_sealed(ordered),
        )
        self._mine[place] = ordered

    def take(self, notes: Sequence[AnnotatedNote]) -> int:
        """Keep what the person marked elsewhere; how many notes of the sample that was.

        Args:
            notes: With their marks, under our kinds or labels that are known; those that are not
                in the sample are passed over.

        Raises:
            Invalid: a label stands for no kind.
            Refused: as `save`.
        """
        kinds = kinds_of(sorted({span.label for note in notes for span in note.spans}))
        known = {note.text: note for note in notes}
        taken = 0
        for place in self.places:
            made = known.get(self._notes[place].text)
            if made is not None:
                spans = [replace(span, label=kinds[span.label]) for span in made.spans]
                self.save(place, spans)
                taken += 1
        return taken

    def _enter(self) -> None:
        where = Resource(name=self.data, zone=Zone.IDENTIFIED)
        enter(self._platform, Act.READ_RECORD, where)

    def _note(self, place: int) -> SampledNote:
        if place not in self.places:
            raise NotFound("There is no such note here.", fix="go back to the first note.")
        return self._notes[place]

    def _saved(self, book: Book) -> dict[int, Spans]:
        marks = (
            _decided(book, self.sample)
            if self.decides
            else {
                place: by[self.reader]
                for (sample, place), by in book.labels.items()
                if sample == self.sample.digest and self.reader in by
            }
        )
        return spans_of(self._platform, marks)

    def _is_mine(self, place: int) -> bool:
        return not self.decides or bool(self._open(place))

    def _open(self, place: int) -> list[Disagreement]:
        if self.readers is None:
            return []
        return disagreements(self.readers.first[place], self.readers.second[place])

    def _start(self, note: SampledNote) -> Spans:
        if self.readers is not None:
            return together(self.readers.first[note.place], self.readers.second[note.place])
        if self._finder is None:
            return ()
        if note.place not in self._suggested:
            (found,) = self._finder.find([note.text])
            self._suggested[note.place] = tuple(
                LabelledSpan(start=s.start, end=s.end, label=s.kind.value) for s in found
            )
        return self._suggested[note.place]


def readers_of(
    platform: Platform, book: Book, sample: Sample, names: Sequence[str] = ()
) -> Readers:
    """The two who have read every note of a sample.

    Args:
        platform: The workspace.
        book: Of its ledger.
        sample: What they read.
        names: Who, where more than two have.

    Raises:
        Refused: there are not two (code `not_read_twice`), or more (code `which_readers`).
    """
    whole = [name for name, count in book.readers(sample).items() if count == sample.notes]
    chosen = [name for name in whole if not names or name in names]
    if len(chosen) < 2:
        raise Refused(
            "Two different people have not read every note of the sample.",
            fix="let each of them run bedside deid label with their own --reader.",
            code="not_read_twice",
        )
    if len(chosen) > 2:
        raise Refused(
            "More than two people have read every note.",
            fix="name the two with --readers A --readers B.",
            code="which_readers",
        )
    marks = [
        {place: by[name] for (digest, place), by in book.labels.items() if digest == sample.digest}
        for name in chosen
    ]
    blind = [name for name, of in zip(chosen, marks, strict=True)
             if all(mark.blind for mark in of.values())]  # fmt: skip
    first, second = (spans_of(platform, of) for of in marks)
    return Readers(names=(chosen[0], chosen[1]), blind=tuple(blind), first=first, second=second)


def decided_spans(platform: Platform, book: Book, sample: Sample) -> dict[int, Spans]:
    """What was decided, by place, where no reader has marked the note anew since."""
    return spans_of(platform, _decided(book, sample))


def _decided(book: Book, sample: Sample) -> dict[int, Marked]:
    return {
        place: mark
        for (digest, place), mark in book.decided.items()
        if digest == sample.digest
        and all(mark.sequence > by.sequence for by in book.labels[digest, place].values())
    }


def labelled_notes(platform: Platform, data: str) -> list[AnnotatedNote]:
    """The newest sample of a data set with its labels, for training: every note somebody read.

    Raises:
        NotFound, Refused: as `read_notes`.
    """
    return [note for note, _ in read_notes(platform, data)]


def read_notes(platform: Platform, data: str) -> list[tuple[AnnotatedNote, int | None]]:
    """Every note of the newest sample that somebody read, with its labels and whose it is.

    Where it was decided, that counts; else all that any reader marked.

    Raises:
        NotFound: there is no sample, or nobody has read a note of it.
        Refused: it is not permitted.
    """
    enter(platform, Act.READ_RECORD, Resource(name=data, zone=Zone.IDENTIFIED))
    book = book_of(platform)
    sample = book.sample(data)
    decided = decided_spans(platform, book, sample)
    read: dict[int, Spans] = {}
    for reader in book.readers(sample):
        marks = {
            place: by[reader]
            for (digest, place), by in book.labels.items()
            if digest == sample.digest and reader in by
        }
        for place, spans in spans_of(platform, marks).items():
            read[place] = together(read.get(place, ()), spans)
    read |= decided
    if not read:
        raise NotFound("Nobody has read a note of the sample.", fix="run bedside deid label.")
    return [
        (
            AnnotatedNote(name=f"note-{note.place:06d}", text=note.text, spans=read[note.place]),
            note.subject,
        )
        for note in notes_of(platform, book, sample)
        if note.place in read
    ]

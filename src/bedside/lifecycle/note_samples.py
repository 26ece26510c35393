"""Drawing a sample of notes to be read by people: from a data set, a folder, or a table."""

import csv
import io
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from bedside.core.errors import Invalid, NotFound, Unavailable
from bedside.core.ids import digest_of
from bedside.core.records.policy import Act, Resource
from bedside.core.records.snapshot import Zone
from bedside.lifecycle.door import enter
from bedside.lifecycle.note_book import (
    Sample,
    SampledNote,
    book_of,
    kept_sample,
    notes_of,
    training_digests,
)
from bedside.lifecycle.opened_data import opened_data
from bedside.lifecycle.platform import Platform
from bedside.privacy.text.sampling import draw_sample, note_digest

__all__ = ["SampleRun", "draw_notes"]

_LARGEST = 500_000_000  # bytes of one file
_MOST_TYPES = 50  # of notes; where there are more, the column is no type, and might name people


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRun:
    """What a person asks for.

    Args:
        data: The identified data set; or with `source`, what these notes are to be called.
        many: Notes to be drawn.
        language: Of the notes.
        codes: Of the data set, the codes whose texts are notes.
        source: A folder of .txt files, or a CSV file; None: the data set itself.
        column: Of the CSV file, the column with the notes.
        type_column: Of the CSV file, the column with the type of note; None: all are of one.
        field: Which text column the notes of a source stand for, in a release.
        seed: By which they are drawn; None: a fresh one, which is told.

    Raises:
        Invalid: there is no note to be drawn, or no language.
    """

    data: str
    many: int
    language: str
    codes: tuple[str, ...] = ()
    source: Path | None = None
    column: str | None = None
    type_column: str | None = None
    field: str = "note"
    seed: str | None = None

    def __post_init__(self) -> None:
        """Refuse what draws nothing."""
        if self.many < 1 or not self.language or not self.data.strip():
            raise Invalid("Nothing is to be drawn.", fix="give notes from 1, and their language.")
        if self.source is None and not self.codes:
            raise Invalid(
                "It is not said which texts of the data set are notes.",
                fix="give the codes with --code, or files with --from.",
            )


_Note = tuple[str, str, str, int | None]  # text, type, column, subject


def draw_notes(platform: Platform, run: SampleRun) -> dict[str, Any]:
    """Draw a sample, seal it in the workspace, and tell how it was drawn.

    Notes that an earlier sample holds, or a labeller was trained on, are not drawn again.

    Raises:
        NotFound: there is no such data set, file or column, or no note.
        Invalid: fewer notes are left than are to be drawn; a file cannot be read.
        Refused: it is not permitted.
    """
    if run.source is not None:
        enter(platform, Act.READ_RECORD, Resource(name=run.data, zone=Zone.IDENTIFIED))
        notes = list(_of_source(run))
    else:
        notes = list(_of_data(platform, run))
    if not notes:
        raise NotFound("There is no note here.", fix="check the folder, the column or the codes.")
    if len({kind for _, kind, *_ in notes}) > _MOST_TYPES:
        raise Invalid(
            f"There are more than {_MOST_TYPES} types of notes.",
            fix="name another column with --type-column, or put the notes into fewer folders.",
        )
    with platform.lock():
        book = book_of(platform)
        seen = training_digests(platform, book) or set()
        before = [one for one in book.samples if one.data == run.data]
        for one in before:
            seen |= {note.digest for note in notes_of(platform, book, one)}
        digests = [note_digest(text) for text, *_ in notes]
        fresh = [at for at, digest in enumerate(digests) if digest not in seen]
        seed = run.seed or secrets.token_hex(8)
        drawn = draw_sample(
            [digests[at] for at in fresh], [notes[at][1] for at in fresh], run.many, seed
        )
        chosen = [
            SampledNote(place=place, text=text, type=kind, column=column, subject=subject,
                        digest=digests[at])
            for place, at in enumerate((fresh[at] for at in drawn.places), start=1)
            for text, kind, column, subject in [notes[at]]
        ]  # fmt: skip
        sample = _sample(run, chosen, population=len(fresh), draw=len(before) + 1, seed=seed)
        kept_sample(platform, sample, chosen)
    return {
        "data": run.data,
        "sample": sample.digest,
        "draw": sample.draw,
        "seed": seed,
        "notes": len(chosen),
        "population": len(fresh),
        "left_out": len(notes) - len(fresh),
        "strata": [
            {"type": kind, "notes": there, "drawn": count}
            for kind, (there, count) in drawn.strata.items()
        ],
    }


def _sample(
    run: SampleRun, chosen: Sequence[SampledNote], *, population: int, draw: int, seed: str
) -> Sample:
    columns = tuple(sorted({note.column for note in chosen}))
    named = {"data": run.data, "draw": draw, "seed": seed, "language": run.language}
    digest = digest_of(named | {"notes": [[n.digest, n.type, n.column] for n in chosen]})
    return Sample(
        digest=digest,
        data=run.data,
        language=run.language,
        columns=columns,
        population=population,
        notes=len(chosen),
        draw=draw,
        seed=seed,
    )


def _of_data(platform: Platform, run: SampleRun) -> Iterator[_Note]:
    snapshot = opened_data(platform, Act.READ_RECORD, run.data, columns=frozenset(run.codes))
    if snapshot.manifest.zone is not Zone.IDENTIFIED or snapshot.manifest.name != run.data:
        raise Invalid(
            "A sample is drawn of an identified data set, by its name.",
            fix="name the newest state of it, such as ward/prepared.",
        )
    for shard in snapshot.shards(("subject_id", "code", "text")):
        told = shard.with_columns(pl.col("code").cast(pl.String)).filter(
            pl.col("code").is_in(list(run.codes)) & pl.col("text").is_not_null()
        )
        for subject, code, text in told.select("subject_id", "code", "text").iter_rows():
            yield text, code, code, subject


def _of_source(run: SampleRun) -> Iterator[_Note]:
    source = run.source
    if source is None or not source.exists():
        raise NotFound("There is no such file or folder.", fix="give one that is there.")
    if source.is_file():
        yield from _of_table(run, _utf8(source))
        return
    for path in sorted(source.rglob("*.txt")):
        if path.is_file() and not path.is_symlink():
            beside = path.relative_to(source).parts
            kind = beside[0] if len(beside) > 1 else run.field
            yield _utf8(path), kind, run.field, None


def _of_table(run: SampleRun, content: str) -> Iterator[_Note]:
    csv.field_size_limit(_LARGEST)
    reader = csv.DictReader(io.StringIO(content, newline=""))
    there = reader.fieldnames or []
    if run.column not in there or run.type_column not in (None, *there):
        raise NotFound(
            "The table has no such column.", fix="name its columns with --column, --type-column."
        )
    for row in reader:
        text = row[run.column]
        if text and text.strip():
            kind = (row[run.type_column] or run.field) if run.type_column else run.field
            yield text, kind[:80], run.field, None


def _utf8(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST:
            raise Invalid("A file is too large.", fix="divide it.")
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise Invalid("A note is not UTF-8.", fix="convert the notes to UTF-8.") from None
    except OSError:
        raise Unavailable("A note cannot be read.", fix="check the permissions.") from None

"""A note and what a person says identifies somebody in it: read from brat, or JSON lines."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bedside.core.errors import Invalid, NotFound

__all__ = ["AnnotatedNote", "LabelledSpan", "annotated_folder", "brat_note", "json_note", "to_json"]

_BRAT = re.compile(r"(T\d+)\t(\S+) (\d+) (\d+)((?:;\d+ \d+)*)\t(.*)")
_LARGEST = 50_000_000  # characters of one note; more is no note


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class LabelledSpan:
    """Characters `start` up to `end` of a note, under a label of whoever annotated it."""

    start: int
    end: int
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatedNote:
    """A note and its spans, in order of place and without overlaps.

    Raises:
        Invalid: a span is empty, lies outside the text or overlaps another.
    """

    name: str
    text: str
    spans: tuple[LabelledSpan, ...]

    def __post_init__(self) -> None:
        """Refuse spans that say nothing."""
        at = 0
        for span in self.spans:
            if span.start < at or span.end <= span.start or span.end > len(self.text):
                raise Invalid(
                    "An annotation is empty, outside its note, out of order or over another one.",
                    fix="correct the annotation file of the note, and read it again.",
                )
            at = span.end


def brat_note(name: str, text: str, annotations: str) -> AnnotatedNote:
    r"""A note in brat's stand-off format; only text-bound annotations (T) are read.

    A span of several pieces is read as their hull. Where two overlap, the longer one stays.

    Raises:
        Invalid: a T line is not of the form, or its text is not what stands there.

    Source: https://brat.nlplab.org/standoff.html

    >>> note = brat_note("a", "Seen by Ana.", "T1\tNAME 8 11\tAna")
    >>> note.spans
    (LabelledSpan(start=8, end=11, label='NAME'),)
    """
    spans = []
    for number, line in enumerate(annotations.split("\n"), start=1):
        if not line.startswith("T"):
            continue
        found = _BRAT.fullmatch(line.rstrip("\r"))
        if found is None or max(len(found[3]), len(found[4]), len(found[5])) > 200:
            raise _unread(number)
        edges = [int(edge) for edge in re.findall(r"\d+", f"{found[3]} {found[4]}{found[5]}")]
        start, end = min(edges), max(edges)
        whole = not found[5]
        if end > len(text) or start >= end or (whole and not _same(text[start:end], found[6])):
            raise _unread(number)
        spans.append(LabelledSpan(start=start, end=end, label=found[2]))
    return AnnotatedNote(name=name, text=text, spans=_apart(spans))


def json_note(line: str) -> AnnotatedNote:
    """One line of our own format: `{"name", "text", "spans": [{"start", "end", "label"}]}`.

    Raises:
        Invalid: it is no JSON object of that form.
    """
    try:
        read = json.loads(line)
        spans = [
            LabelledSpan(start=_whole(s["start"]), end=_whole(s["end"]), label=_text(s["label"]))
            for s in read["spans"]
        ]
        name, text = _text(read["name"]), _text(read["text"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Invalid(
            "A line is not an annotated note.",
            fix='write one JSON object a line: {"name", "text", "spans": [{"start", "end", '
            '"label"}]}.',
        ) from None
    return AnnotatedNote(name=name, text=text, spans=tuple(sorted(spans)))


def to_json(note: AnnotatedNote) -> str:
    """The note as one line that `json_note` reads again."""
    spans = [{"start": s.start, "end": s.end, "label": s.label} for s in note.spans]
    return json.dumps({"name": note.name, "text": note.text, "spans": spans}, ensure_ascii=False)


def annotated_folder(folder: Path) -> list[AnnotatedNote]:
    """Every annotated note under a folder: pairs of .txt and .ann, and .jsonl files; by name.

    Raises:
        NotFound: there is none.
        Invalid: a file is not of its format, not UTF-8 or too large; the message names the file's
            place in the order of names, never its content.
    """
    notes = list(_read(folder))
    if not notes:
        raise NotFound(
            "The folder holds no annotated note.",
            fix="put pairs of .txt and .ann (brat) or .jsonl files into it.",
        )
    return notes


def _read(folder: Path) -> Iterator[AnnotatedNote]:
    for path in sorted(folder.rglob("*.ann")):
        beside = path.with_suffix(".txt")
        if beside.is_file():
            name = path.relative_to(folder).with_suffix("").as_posix()
            yield brat_note(name, _utf8(beside), _utf8(path))
    for path in sorted(folder.rglob("*.jsonl")):
        for line in _utf8(path).split("\n"):
            if line.strip():
                yield json_note(line)


def _utf8(path: Path) -> str:
    data = path.read_bytes()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Invalid("A note is not UTF-8.", fix="convert the folder's files to UTF-8.") from None
    if len(text) > _LARGEST:
        raise Invalid("A note is too large to be one.", fix="divide the file into notes.")
    return text


def _apart(spans: Iterable[LabelledSpan]) -> tuple[LabelledSpan, ...]:
    kept: list[LabelledSpan] = []
    for span in sorted(spans, key=lambda s: (s.start, -s.end, s.label)):
        if not kept or span.start >= kept[-1].end:
            kept.append(span)
        elif span.end - span.start > kept[-1].end - kept[-1].start:
            kept[-1] = span
    return tuple(kept)


def _same(text: str, said: str) -> bool:
    return text.split() == said.split()


def _whole(value: object) -> int:
    if type(value) is not int:
        raise TypeError
    return value


def _text(value: object) -> str:
    if type(value) is not str:
        raise TypeError
    return value


def _unread(number: int) -> Invalid:
    return Invalid(
        f"Line {number} of an annotation file does not say what stands in its note.",
        fix="write 'T1<tab>LABEL start end<tab>text', with offsets in characters.",
    )

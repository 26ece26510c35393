"""How much an engine finds of what two readers found: shares, with bounds that notes are few.

What stands in one note is alike: a letter whose header is not understood loses all of it. So the
bounds are those of Clopper and Pearson for as many identifiers as the notes are worth.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from scipy.special import stdtrit

from bedside.core.errors import Invalid
from bedside.core.records.certificate import Found
from bedside.core.records.identifier import IdentifierKind
from bedside.metrics.intervals import clopper_pearson
from bedside.privacy.text.annotated import LabelledSpan
from bedside.privacy.text.draws import origin_by_name
from bedside.privacy.text.lists import Lists
from bedside.privacy.text.tokens import folded, tokens_of

__all__ = ["Measured", "ReadNote", "bounds", "bounds_of_clusters", "measured"]

LEVEL = 0.95  # of each bound
_NAMES = (IdentifierKind.NAME, IdentifierKind.STAFF_NAME)
_Pair = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadNote:
    """One note: what is true, what each reader marked, and what the engine took."""

    text: str
    type: str
    truth: tuple[LabelledSpan, ...]
    first: tuple[LabelledSpan, ...]
    second: tuple[LabelledSpan, ...]
    found: tuple[LabelledSpan, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The figures; as the fields of a certificate have them."""

    overall: Found
    names: Found
    by_kind: tuple[Found, ...]
    by_origin: tuple[Found, ...]
    by_type: tuple[Found, ...]
    clean_notes: Found
    precision: Found
    readers_found: tuple[Found, Found]


def bounds(hits: float, of: float, level: float = LEVEL) -> tuple[float, float]:
    """The one-sided lower and upper bounds of Clopper and Pearson of a share; (0, 1) of nothing.

    Args:
        hits: How many; may be a fraction where `of` is one.
        of: Of how many.
        level: Of each bound.

    Raises:
        Invalid: `hits` is not from 0 to `of`, or the level is not between 0 and 1.

    >>> round(bounds(300, 300)[0], 4)
    0.9901
    """
    return clopper_pearson(hits, of, tail=1 - level)


def bounds_of_clusters(pairs: Sequence[_Pair], level: float = LEVEL) -> tuple[float, float]:
    """The same where what stands in one note is alike; never narrower than `bounds`.

    Args:
        pairs: Of each note, how many were found and how many there are.
        level: Of each bound.

    Source: Korn & Graubard, Survey Methodology 1998;24(2):193-201.
    """
    there = [(hits, of) for hits, of in pairs if of]
    hits, of = sum(hits for hits, _ in there), sum(of for _, of in there)
    low, high = bounds(hits, of, level)
    notes = len(there)
    if notes < 2 or of < 3 or hits in (0, of):
        return low, high
    share = hits / of
    spread = sum((hit - share * many) ** 2 for hit, many in there)
    variance = notes / (notes - 1) * spread / of**2
    worth = share * (1 - share) / variance + 1 if variance > 0 else float(of)
    worth *= (float(stdtrit(of - 1, level)) / float(stdtrit(notes - 1, level))) ** 2
    if worth >= of:
        return low, high
    wide = bounds(share * worth, worth, level)
    return min(low, wide[0]), max(high, wide[1])


def measured(notes: Sequence[ReadNote], lists: Lists) -> Measured:
    """The figures of an engine on notes that were read twice.

    An identifier counts as found where every letter and digit of it was taken, as whatever kind.

    Raises:
        Invalid: the readers marked nothing at all.
    """
    of_notes = [_judged(note) for note in notes]
    if not any(of_notes):
        raise Invalid(
            "The readers marked nothing, so that nothing can be measured.",
            fix="draw a larger sample, of notes that tell of people.",
        )
    by_type: dict[str, list[_Pair]] = defaultdict(list)
    for note, judged in zip(notes, of_notes, strict=True):
        by_type[note.type].append(_pair(hit for _, hit in judged))
    clean = sum(all(hit for _, hit in judged) for judged in of_notes)
    low, high = bounds(clean, len(notes))

    def origin(note: ReadNote, span: LabelledSpan) -> str | None:
        return _origin(note.text[span.start : span.end], lists) if _is_name(span) else None

    return Measured(
        overall=_found("all", [_pair(hit for _, hit in judged) for judged in of_notes]),
        names=_found("names", [_pair(hit for span, hit in j if _is_name(span)) for j in of_notes]),
        by_kind=_grouped(notes, of_notes, lambda _, span: span.label),
        by_origin=_grouped(notes, of_notes, origin),
        by_type=tuple(_found(kind, pairs) for kind, pairs in sorted(by_type.items())),
        clean_notes=Found(group="notes", hits=clean, of=len(notes), low=low, high=high),
        precision=_found(
            "taken", [_pair(_meets(s, note.truth) for s in note.found) for note in notes]
        ),
        readers_found=(
            _found("first", [_pair(_covered(note, note.first)) for note in notes]),
            _found("second", [_pair(_covered(note, note.second)) for note in notes]),
        ),
    )


_Judged = list[tuple[LabelledSpan, bool]]


def _judged(note: ReadNote) -> _Judged:
    return list(zip(note.truth, _covered(note, note.found), strict=True))


def _covered(note: ReadNote, by: Sequence[LabelledSpan]) -> Iterable[bool]:
    """Of each true span, whether all its letters and digits are marked."""
    taken = bytearray(len(note.text))
    for span in by:
        taken[span.start : span.end] = b"\x01" * (span.end - span.start)
    for span in note.truth:
        signs = [at for at in range(span.start, span.end) if note.text[at].isalnum()]
        yield all(taken[at] for at in signs or range(span.start, span.end))


def _meets(span: LabelledSpan, truth: Iterable[LabelledSpan]) -> bool:
    return any(one.start < span.end and span.start < one.end for one in truth)


def _pair(hits: Iterable[bool]) -> _Pair:
    told = list(hits)
    return sum(told), len(told)


def _found(group: str, pairs: Sequence[_Pair]) -> Found:
    low, high = bounds_of_clusters(pairs)
    hits, of = (sum(pair[part] for pair in pairs) for part in (0, 1))
    return Found(group=group, hits=hits, of=of, low=low, high=high)


def _grouped(
    notes: Sequence[ReadNote],
    of_notes: Sequence[_Judged],
    group: Callable[[ReadNote, LabelledSpan], str | None],
) -> tuple[Found, ...]:
    pairs: dict[str, list[_Pair]] = defaultdict(list)
    for note, judged in zip(notes, of_notes, strict=True):
        here: dict[str, list[bool]] = defaultdict(list)
        for span, hit in judged:
            name = group(note, span)
            if name is not None:
                here[name].append(hit)
        for name, hits in here.items():
            pairs[name].append(_pair(hits))
    return tuple(_found(name, told) for name, told in sorted(pairs.items()))


def _is_name(span: LabelledSpan) -> bool:
    return span.label in _NAMES


def _origin(name: str, lists: Lists) -> str:
    """Of which origin a name is, as far as our short lists tell; else whether any list has it."""
    words = [folded(token.text) for token in tokens_of(name) if token.text.isalpha()]
    known = origin_by_name()
    for word in words:
        if word in known:
            return known[word]
    listed = [word for word in words if set(lists.letters.get(word, "")) & set("FMGL")]
    return "origin unknown, in a list" if listed else "origin unknown, in no list"

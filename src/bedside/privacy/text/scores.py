"""How well found spans agree with annotated ones: entities strictly and loosely, and tokens.

Entity figures are those of MEDDOCAN's first subtask (Marimon et al., IberLEF 2019): strict is the
same span and label, relaxed any overlap under the same label. Token recall asks only whether a
token that identifies somebody was taken, under whatever label: that is what protects.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bedside.core.errors import Invalid
from bedside.core.records.identifier import IdentifierSpan
from bedside.metrics.intervals import clopper_pearson
from bedside.privacy.text.annotated import AnnotatedNote, LabelledSpan
from bedside.privacy.text.tokens import tokens_of

__all__ = ["Score", "Share", "score_notes", "spans_by_kind"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How many of how many, with the exact interval of that share.

    Raises:
        Invalid: `hits` is negative or more than `of`.

    >>> Share(hits=300, of=300).interval()[0] > 0.987
    True
    """

    hits: int
    of: int

    def __post_init__(self) -> None:
        """Refuse a share that is none."""
        if not 0 <= self.hits <= self.of:
            raise Invalid("More was found than there is.", fix="count each span once.")

    @property
    def value(self) -> float:
        """From 0 to 1; NaN where there was nothing to find."""
        return self.hits / self.of if self.of else float("nan")

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """The Clopper-Pearson interval; (0, 1) where there was nothing to find."""
        return clopper_pearson(self.hits, self.of, tail=(1 - level) / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Figures of one label or kind, or of all.

    Args:
        recall: Annotated entities that were found.
        precision: Found entities that are annotated.
        tokens: Annotated words and numbers that were taken, under whatever label.
    """

    recall: Share
    precision: Share
    relaxed_recall: Share
    relaxed_precision: Share
    tokens: Share

    @property
    def f1(self) -> float:
        """The harmonic mean of strict precision and recall; NaN where both are of nothing."""
        total = self.recall.of + self.precision.of
        return 2 * self.recall.hits / total if total else float("nan")


def score_notes(
    notes: Sequence[AnnotatedNote], found: Sequence[Sequence[LabelledSpan]]
) -> dict[str, Score]:
    """Figures by label, and of all under the name `all`.

    Args:
        notes: With their annotations.
        found: For each note what was found, under the same labels.

    Raises:
        Invalid: there are not as many lists of spans as notes.
    """
    if len(notes) != len(found):
        raise Invalid("Not every note was looked at.", fix="give one list of spans a note.")
    counts = _Counts()
    for note, spans in zip(notes, found, strict=True):
        _count(counts, note, spans)
    labels = sorted({label for counter in counts.all() for label in counter})
    scores = {label: _score(counts, (label,)) for label in labels}
    return {"all": _score(counts, labels), **scores}


def spans_by_kind(
    spans: Iterable[IdentifierSpan], names: Mapping[str, str] | None = None
) -> list[LabelledSpan]:
    """Identifiers as labelled spans, each under its kind's value, or the name given for it."""
    known = names or {}
    return [
        LabelledSpan(start=s.start, end=s.end, label=known.get(s.kind.value, s.kind.value))
        for s in spans
    ]


@dataclass(slots=True)
class _Counts:
    gold: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    same: Counter[str] = field(default_factory=Counter)
    gold_met: Counter[str] = field(default_factory=Counter)
    found_met: Counter[str] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)
    taken: Counter[str] = field(default_factory=Counter)

    def all(self) -> Iterator[Counter[str]]:
        yield from (self.gold, self.found)


def _count(counts: _Counts, note: AnnotatedNote, found: Sequence[LabelledSpan]) -> None:
    spans = set(found)
    covered = bytearray(len(note.text))
    for span in spans:
        covered[span.start : span.end] = b"\x01" * (span.end - span.start)
        counts.found[span.label] += 1
        counts.found_met[span.label] += _met(span, note.spans)
    for gold in note.spans:
        counts.gold[gold.label] += 1
        counts.same[gold.label] += gold in spans
        counts.gold_met[gold.label] += _met(gold, spans)
        for token in tokens_of(note.text, gold.start, gold.end):
            if token.text.isalnum():
                counts.tokens[gold.label] += 1
                counts.taken[gold.label] += all(covered[token.start : token.end])


def _met(span: LabelledSpan, others: Iterable[LabelledSpan]) -> bool:
    return any(
        other.label == span.label and other.start < span.end and span.start < other.end
        for other in others
    )


def _score(counts: _Counts, labels: Sequence[str]) -> Score:
    def total(counter: Counter[str]) -> int:
        return sum(counter[label] for label in labels)

    gold, found = total(counts.gold), total(counts.found)
    return Score(
        recall=Share(hits=total(counts.same), of=gold),
        precision=Share(hits=total(counts.same), of=found),
        relaxed_recall=Share(hits=total(counts.gold_met), of=gold),
        relaxed_precision=Share(hits=total(counts.found_met), of=found),
        tokens=Share(hits=total(counts.taken), of=total(counts.tokens)),
    )

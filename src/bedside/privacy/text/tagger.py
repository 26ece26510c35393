"""The labeller that is trained on annotated notes here, and finds what no rule describes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise, repeat

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from bedside.core.errors import Invalid
from bedside.core.records.identifier import IdentifierKind, IdentifierSpan
from bedside.privacy.text.annotated import LabelledSpan
from bedside.privacy.text.chain import best_labels, chances
from bedside.privacy.text.features import OFFSETS, Line, lines_with_properties, word_properties
from bedside.privacy.text.rules_pass import Hints, Rules
from bedside.privacy.text.weights import Weights

__all__ = ["Reading", "Tagger"]

_EDGES = ("<s>", "</s>")
_REACH = max(OFFSETS)
_KEPT_WORDS = 30_000
_AT_ONCE = 200  # notes
_NO_END = (",", ";", ":")  # signs that do not end what identifies somebody
_NO_START = (*_NO_END, "+")

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Reading:
    """The lines of some notes, each with its note, as the labeller reads them.

    Args:
        note: For each line, the place of its note.
        lines: Those with a token.
        dates: For each line, the runs of tokens, first and past the last, that are dates for sure.
    """

    note: tuple[int, ...]
    lines: tuple[Line, ...]
    dates: tuple[tuple[tuple[int, int], ...], ...]

    @property
    def lengths(self) -> list[int]:
        """Tokens of each line."""
        return [len(line.tokens) for line in self.lines]


def read_lines(notes: Sequence[str], rules: Rules, hints: Sequence[Hints] | None = None) -> Reading:
    """Every line of the notes with the properties of its tokens; `hints` as of the rules."""
    of: list[int] = []
    lines: list[Line] = []
    dates: list[tuple[tuple[int, int], ...]] = []
    for place, (text, hint) in enumerate(zip(notes, hints or rules.hints(notes), strict=True)):
        found = lines_with_properties(text, hint.hits, hint.phrases, rules.lists.letters)
        lines += found
        of += [place] * len(found)
        dates += [tuple(_dates(line, hint.hits)) for line in found]
    return Reading(tuple(of), tuple(lines), tuple(dates))


def _dates(line: Line, hits: Mapping[int, str]) -> Iterator[tuple[int, int]]:
    """Runs that a pattern took for a date with a month's name, or with three numbers."""
    for at, token in enumerate(line.tokens):
        if hits.get(token.start) != "B-date":
            continue
        end = at + 1
        while end < len(line.tokens) and hits.get(line.tokens[end].start) == "I-date":
            end += 1
        parts = [token.text for token in line.tokens[at:end] if token.text.isalnum()]
        numbers = [part for part in parts if part.isdigit()]
        if numbers and (len(numbers) > 2 or len(parts) > len(numbers)):
            yield at, end


class _Rows(dict[str, int]):
    """Which row a word has; a word that is asked for first gets the next one."""

    def __missing__(self, word: str) -> int:
        """The next row."""
        self[word] = row = len(self)
        return row


class Tagger:
    """A trained labeller.

    Args:
        weights: What was learnt.
        rules: Those of the same language; what they find is part of what it looks at.

    Raises:
        Invalid: a label stands for no IdentifierKind.
    """

    def __init__(self, weights: Weights, rules: Rules) -> None:
        self.weights = weights
        self._rules = rules
        try:
            self._kinds = {label: IdentifierKind(k) for label, k in weights.kinds.items()}
        except ValueError:
            raise Invalid(
                "A label of the labeller stands for no kind of identifier.",
                fix="train it again with labels that are known, or name their kinds.",
            ) from None
        self._of_dates = [
            label for label, kind in self._kinds.items() if kind is IdentifierKind.DATE
        ]
        self._rows = _Rows()
        self._words = np.empty((0, len(OFFSETS), len(weights.labels)), dtype=np.float32)

    def labelled(self, notes: Sequence[str]) -> list[list[LabelledSpan]]:
        """The likeliest spans of each note, under the labels of the training notes."""
        out: list[list[LabelledSpan]] = [[] for _ in notes]
        for first in range(0, len(notes), _AT_ONCE):
            reading = read_lines(notes[first : first + _AT_ONCE], self._rules)
            for note, spans in self._spans(reading, doubt=None):
                out[first + note] += spans
        return out

    def find(
        self, notes: Sequence[str], *, doubt: float = 0.1, hints: Sequence[Hints] | None = None
    ) -> list[list[IdentifierSpan]]:
        """What identifies somebody in each note, recall first.

        Args:
            notes: The texts.
            doubt: From 0 to 1. A token that the likeliest path leaves out is taken all the same
                where the chance that it identifies somebody is at least this; 1 takes none of them.
            hints: What the rules say of each note; None: they are asked.

        Raises:
            Invalid: `doubt` is not above 0 and at most 1.
        """
        if not 0 < doubt <= 1:
            raise Invalid("The doubt is not above 0 and at most 1.", fix="give 0.1, say.")
        out: list[list[IdentifierSpan]] = [[] for _ in notes]
        for first in range(0, len(notes), _AT_ONCE):
            some = slice(first, first + _AT_ONCE)
            reading = read_lines(notes[some], self._rules, hints and hints[some])
            for note, spans in self._spans(reading, doubt=doubt):
                out[first + note] += [
                    IdentifierSpan(
                        start=s.start, end=s.end, kind=self._kinds[s.label], found_by="tagger"
                    )
                    for s in spans
                ]
        return out

    def _spans(
        self, reading: Reading, *, doubt: float | None
    ) -> Iterator[tuple[int, list[LabelledSpan]]]:
        if not reading.lines:
            return
        labels = self.weights.labels
        states = self._states(reading)
        lengths = reading.lengths
        best = best_labels(states, lengths, self.weights.transitions)
        if doubt is not None and doubt < 1:
            best = self._doubted(best, chances(states, lengths, self.weights.transitions), doubt)
        edges = np.concatenate([[0], np.cumsum(lengths)])
        for place, (start, end) in enumerate(pairwise(edges)):
            said = [labels[label] for label in best[start:end]]
            self._fill(said, reading.dates[place])
            yield reading.note[place], spans_of(reading.lines[place], said)

    def _fill(self, labels: list[str], dates: Sequence[tuple[int, int]]) -> None:
        """Label what is a date for sure and has no label, where one label stands for dates."""
        if len(self._of_dates) != 1:
            return
        for start, end in dates:
            if all(label == "O" for label in labels[start:end]):
                labels[start:end] = [
                    f"{'I' if at else 'B'}-{self._of_dates[0]}" for at in range(end - start)
                ]

    def _doubted(
        self, best: npt.NDArray[np.int64], chance: Floats, doubt: float
    ) -> npt.NDArray[np.int64]:
        none = self.weights.labels.index("O")
        taken = (best == none) & (1 - chance[:, none] >= doubt)
        others = chance.copy()
        others[:, none] = -1
        return np.where(taken, others.argmax(axis=1), best)

    def _states(self, reading: Reading) -> Floats:
        """Shape (tokens, labels): the weight of each label at each token."""
        padded: list[int] = []
        centres: list[int] = []
        before, after = (self._rows[edge] for edge in _EDGES)
        for line in reading.lines:
            centres += range(len(padded) + _REACH, len(padded) + _REACH + len(line.tokens))
            padded += [before] * _REACH
            padded += [self._rows[token.text] for token in line.tokens]
            padded += [after] * _REACH
        self._weigh_words()
        rows, at = np.array(padded), np.array(centres)
        states = self._of_places(reading)
        for place, offset in enumerate(OFFSETS):
            states += self._words[rows[at + offset], place]
        if len(self._rows) > _KEPT_WORDS:
            self._rows.clear()
            self._words = self._words[:0]
        return states

    def _weigh_words(self) -> None:
        fresh = list(self._rows)[self._words.shape[0] :]
        if not fresh:
            return
        lists = self._rules.lists.letters
        said = [word_properties(word, offset, lists) for word in fresh for offset in OFFSETS]
        shape = (len(fresh), len(OFFSETS), len(self.weights.labels))
        self._words = np.concatenate([self._words, self._summed(said).reshape(shape)])

    def _of_places(self, reading: Reading) -> Floats:
        lines = self._summed([line.common for line in reading.lines])
        tokens = self._summed([said for line in reading.lines for said in line.places])
        return tokens + np.repeat(lines, reading.lengths, axis=0)

    def _summed(self, said: Sequence[Sequence[str]]) -> Floats:
        """For each list of properties, the sum of their weights."""
        known = self.weights.properties
        rows = map(known.get, chain.from_iterable(said), repeat(-1))
        columns = np.fromiter(rows, dtype=np.int32)
        is_known = columns >= 0
        ends = np.cumsum([0, *map(len, said)])
        before = np.concatenate([[0], np.cumsum(is_known)])
        columns, ends = columns[is_known], before[ends]
        chosen = csr_array(
            (np.ones(columns.size, dtype=np.float32), columns, ends),
            shape=(len(said), len(known)),
        )
        return np.asarray(chosen @ self.weights.of_properties, dtype=np.float32)


def labels_of(line: Line, spans: Sequence[LabelledSpan]) -> list[str]:
    """For each token of a line: `B-X` where a span of X begins, `I-X` inside it, else `O`."""
    said, at, before = [], 0, -1
    for token in line.tokens:
        while at < len(spans) and spans[at].end <= token.start:
            at += 1
        if at < len(spans) and spans[at].start < token.end:
            said.append(f"{'I' if before == at else 'B'}-{spans[at].label}")
            before = at
        else:
            said.append("O")
            before = -1
    return said


def spans_of(line: Line, labels: Sequence[str]) -> list[LabelledSpan]:
    """The spans that the labels of a line's tokens say; an `I` after another label begins one."""
    out: list[LabelledSpan] = []
    before = "O"
    for token, label in zip(line.tokens, labels, strict=True):
        if label == "O":
            before = "O"
            continue
        name = label[2:]
        if token.text in _NO_START and not (label[0] == "I" and before == name):
            continue
        if label[0] == "I" and before == name:
            if token.text not in _NO_END:
                out[-1] = LabelledSpan(start=out[-1].start, end=token.end, label=name)
        else:
            out.append(LabelledSpan(start=token.start, end=token.end, label=name))
        before = name
    return out


def properties_of(line: Line, lists: Mapping[str, str]) -> Iterator[list[str]]:
    """For each token of a line, all its properties: of its place, and of the words around it."""
    words = [_EDGES[0]] * _REACH + [t.text for t in line.tokens] + [_EDGES[1]] * _REACH
    for at, place in enumerate(line.places):
        said = [*line.common, *place]
        for step, offset in enumerate(OFFSETS):
            said += word_properties(words[at + step], offset, lists)
        yield said

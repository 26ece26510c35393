"""The passes that need no training, over many notes at once: patterns, and lists."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bedside.core.records.identifier import IdentifierSpan
from bedside.privacy.text.batch import batches_of
from bedside.privacy.text.gazetteers import Gazetteers
from bedside.privacy.text.lists import Lists, bundled_lists
from bedside.privacy.text.patterns import Patterns, patterns_for
from bedside.privacy.text.tokens import tokens_of

__all__ = ["Hints", "Rules", "rules_for"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """What the rules tell the labeller of one note, by the place where a token starts.

    Args:
        hits: What the patterns found: `B-date` where it begins, `I-date` inside.
        phrases: What stands in the lists, judged or not: `B-GL` a name that is given and family.
    """

    hits: dict[int, str]
    phrases: dict[int, str]


class Rules:
    """The patterns of a language, and the lists.

    Args:
        patterns: To look for.
        lists: To look up.
    """

    def __init__(self, patterns: Patterns, lists: Lists) -> None:
        self.lists = lists
        self._patterns = patterns
        self._gazetteers = Gazetteers(lists)

    def find(self, notes: Sequence[str]) -> list[list[IdentifierSpan]]:
        """What patterns and lists find in each note; spans may overlap."""
        found: list[list[IdentifierSpan]] = [[] for _ in notes]
        for batch in batches_of(notes):
            for note, span in self._patterns.find(batch):
                found[note].append(span)
            for note, span in self._gazetteers.find(batch):
                found[note].append(span)
        return found

    def hints(self, notes: Sequence[str]) -> list[Hints]:
        """What the labeller is told of each note."""
        hints = [Hints(hits={}, phrases={}) for _ in notes]
        for batch in batches_of(notes):
            _tell(hints, notes, self._patterns.find(batch), self._gazetteers.phrases(batch))
        return hints

    def find_with_hints(
        self, notes: Sequence[str]
    ) -> tuple[list[list[IdentifierSpan]], list[Hints]]:
        """What `find` and `hints` say, by one look at the notes."""
        found: list[list[IdentifierSpan]] = [[] for _ in notes]
        hints = [Hints(hits={}, phrases={}) for _ in notes]
        for batch in batches_of(notes):
            patterns = self._patterns.find(batch)
            listed, phrases = self._gazetteers.find_with_phrases(batch)
            for note, span in (*patterns, *listed):
                found[note].append(span)
            _tell(hints, notes, patterns, phrases)
        return found, hints


def rules_for(language: str, lists: Lists | None = None) -> Rules:
    """The rules of a language, with the bundled lists or others.

    Raises:
        Invalid: the language has no patterns.
        Unavailable: the extra `deid` is not installed.
    """
    return Rules(patterns_for(language), lists or bundled_lists())


def _tell(
    hints: Sequence[Hints],
    notes: Sequence[str],
    patterns: Iterable[tuple[int, IdentifierSpan]],
    phrases: Iterable[tuple[int, int, int, str]],
) -> None:
    rows = [(note, s.start, s.end, s.kind.value) for note, s in patterns]
    for note, start, end, kind in sorted(rows, key=lambda row: (row[0], row[1], -row[2])):
        _mark(hints[note].hits, notes[note], start, end, kind)
    for note, start, end, letters in phrases:
        _mark(hints[note].phrases, notes[note], start, end, letters)


def _mark(marks: dict[int, str], text: str, start: int, end: int, what: str) -> None:
    letter = "B"
    for token in tokens_of(text, start, end):
        marks.setdefault(token.start, f"{letter}-{what}")
        letter = "I"

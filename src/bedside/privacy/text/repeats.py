"""Names that were found once in a note, wherever else they stand in it."""

from collections.abc import Iterable, Iterator, Mapping

from bedside.core.records.identifier import IdentifierKind, IdentifierSpan
from bedside.privacy.text.tokens import folded, tokens_of, word_set

__all__ = ["repeats_in"]

_PEOPLE = frozenset({IdentifierKind.NAME, IdentifierKind.STAFF_NAME})
_NO_NAME = word_set("the and van von der den del los las mrs miss don dona sra srta dra prof md")


def repeats_in(
    text: str, found: Iterable[IdentifierSpan], letters: Mapping[str, str]
) -> Iterator[IdentifierSpan]:
    """Further places of the words of names that were found.

    Args:
        text: The note.
        found: What the passes found in it.
        letters: As of `Lists`: a word that is one of medicine or of the language is not looked for.
    """
    words: dict[str, IdentifierKind] = {}
    for span in found:
        if span.kind in _PEOPLE:
            for token in tokens_of(text, span.start, span.end):
                if _telling(token.text, letters):
                    words.setdefault(token.text, span.kind)
    for word, kind in words.items():
        for form in {word, word.upper()}:
            start = text.find(form)
            while start >= 0:
                end = start + len(form)
                if not _beside(text, start - 1) and not _beside(text, end):
                    yield IdentifierSpan(start=start, end=end, kind=kind, found_by="repeat")
                start = text.find(form, end)


def _telling(word: str, letters: Mapping[str, str]) -> bool:
    if len(word) < 3 or not word.isalpha() or not word[0].isupper():
        return False
    plain = folded(word)
    return plain not in _NO_NAME and not set(letters.get(plain, "")) & set("ox")


def _beside(text: str, at: int) -> bool:
    return 0 <= at < len(text) and text[at].isalnum()

"""Where the words, numbers and signs of a note stand, and how its lines are divided into fields."""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

__all__ = ["Token", "folded", "lines_of", "tokens_of", "word_set"]

_TOKEN = re.compile(r"[^\W\d_]+|\d+|[^\w\s]|_")
_PART = re.compile(r"[^\W\d_]+?(?<=[a-zß-öø-ÿ]{2})(?=[A-ZÀ-ÖØ-Þ])|[^\W\d_]+")


class Token(NamedTuple):
    """A run of letters, a run of digits, or one sign: characters `start` up to `end`."""

    start: int
    end: int
    text: str


def tokens_of(text: str, start: int = 0, end: int | None = None) -> Iterator[Token]:
    """The tokens of a stretch of a text, in order; what lies between them is white space.

    >>> [token.text for token in tokens_of("Edad: 53años")]
    ['Edad', ':', '53', 'años']
    >>> [token.text for token in tokens_of("MartínezNºCol")]  # a capital after two small letters
    ['Martínez', 'NºCol']
    """
    for found in _TOKEN.finditer(text, start, len(text) if end is None else end):
        said = found.group()
        if len(said) < 2 or said[1:].islower() or said.isupper() or not said.isalpha():
            yield Token(found.start(), found.end(), said)
        else:  # a capital inside of it may begin another word
            for part in _PART.finditer(text, found.start(), found.end()):
                yield Token(part.start(), part.end(), part.group())


def lines_of(text: str) -> Iterator[tuple[int, int]]:
    """Where each line begins and ends, without the sign that ends it; empty lines too."""
    start = 0
    while (end := text.find("\n", start)) >= 0:
        yield start, end
        start = end + 1
    yield start, len(text)


@lru_cache(maxsize=65536)
def folded(word: str) -> str:
    """A word in small letters and without accents, as it is compared.

    >>> folded("Núñez"), folded("Øst"), folded("STRASSE")
    ('nunez', 'ost', 'strasse')
    """
    lower = word.casefold()
    if lower.isascii():
        return lower
    plain = unicodedata.normalize("NFKD", lower.translate(_LETTERS))
    return "".join(sign for sign in plain if not unicodedata.combining(sign))


_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "þ": "th",
                          "ı": "i", "ŀ": "l"})  # fmt: skip


def word_set(words: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(words.split())

"""The words of known names found in a note: in any order, by initials, with a letter wrong."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from bedside.privacy.text.extra import library
from bedside.privacy.text.lists import bundled_lists
from bedside.privacy.text.tokens import Token, folded, tokens_of, word_set

__all__ = ["NameFinder"]

_PARTICLES = word_set(
    "de del la las los el da das do dos di du van von der den ter ten te bin ibn bint abu al el y e"
    " i of the and st mr mrs ms dr"
)
_LETTER_PAIRS = (("ü", "ue"), ("ö", "oe"), ("ä", "ae"), ("ø", "oe"), ("å", "aa"), ("ñ", "ny"))
_TITLES = word_set("mr mrs ms miss mx dr dra sr sra srta don dona d prof")
_JOINS = re.compile(r"[\s]{0,3}[-‐‑,.]?[\s]{0,3}|['’`´]")
_FUZZY = 5  # letters from which one may be wrong
_LATIN_END = 0x24F


class NameFinder:
    """Looks for the words of some names.

    Args:
        names: As they are written in the record.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._words: set[str] = set()
        self._particles: set[str] = set()
        self._whole: set[str] = set()
        self._sequences: set[str] = set()
        for name in names:
            self._add(name)
        self._fuzzy = sorted(word for word in self._words if len(word) >= _FUZZY - 1)
        self._initials = {word[0] for word in self._words}

    def find(self, text: str) -> list[tuple[int, int]]:
        """Where names stand: a run of words, initials and particles of theirs is one."""
        if not self._words and not self._whole:
            return []
        tokens = list(tokens_of(text))
        near, beside = self._near({token.text for token in tokens})
        hits = [self._is_word(token.text, near) for token in tokens]
        soft = [hit or token.text in beside for hit, token in zip(hits, tokens, strict=True)]
        taken = list(self._runs(text, tokens, hits, soft))
        taken += self._letters(text, tokens)
        for name in self._whole:
            taken += [found.span() for found in re.finditer(re.escape(name), text)]
        return taken

    def _add(self, name: str) -> None:
        if any(ord(sign) > _LATIN_END and sign.isalpha() for sign in name):
            self._whole |= {part for part in re.split(r"[\s·・.]+", name) if part}
        parts = []
        for written in re.split(r"[\s,.]+", name):
            pieces = [t.text for t in tokens_of(written) if t.text.isalpha()]
            words = [folded(piece) for piece in pieces]
            self._particles |= {word for word in words if word in _PARTICLES or len(word) == 1}
            own = [word for word in words if word not in _PARTICLES and len(word) > 1]
            self._words |= set(own)
            if len(words) > 1:
                self._words.add("".join(words))
            self._words |= set(_respelt(pieces))
            parts += own
        self._words |= {a + b for a, b in pairwise(parts)}
        initials = "".join(part[0] for part in parts)
        if len(initials) > 1:
            self._sequences |= {initials, *(initials[0] + later for later in initials[1:])}

    def _near(self, words: Iterable[str]) -> tuple[set[str], set[str]]:
        """Words of the note that are a known word but for one letter: sure, and beside a name."""
        exact = {word for word in words if folded(word) in self._words}
        some = sorted({word for word in words if len(word) > 2 and word.isalpha()} - exact)
        if not some or not self._fuzzy:
            return set(), exact
        fuzz = library("rapidfuzz")
        table = fuzz.process.cdist(
            [folded(word) for word in some],
            self._fuzzy,
            scorer=library("rapidfuzz.distance").OSA.distance,
            score_cutoff=1,
        )
        close = {
            word: max(len(self._fuzzy[at]) for at in row.nonzero()[0])
            for word, row in zip(some, table <= 1, strict=True)
            if row.any()
        }
        letters = bundled_lists().letters
        near = {
            word
            for word, length in close.items()
            if length >= _FUZZY and len(word) >= _FUZZY - 1
            if word[0].isupper() or "o" not in letters.get(folded(word), "")
        }
        return near, exact | {word for word in close if word[0].isupper()}

    def _is_word(self, word: str, near: set[str]) -> bool:
        plain = folded(word)
        if plain not in self._words:
            return word in near and (word[0].isupper() or len(word) > _FUZZY)
        if word[0].isupper() or not word.isascii():
            return True
        doubtful = set(bundled_lists().letters.get(plain, "")) & set("ox")
        return len(plain) > 3 and not doubtful

    def _runs(
        self, text: str, tokens: Sequence[Token], hits: Sequence[bool], soft: Sequence[bool]
    ) -> Iterator[tuple[int, int]]:
        at = 0
        while at < len(tokens):
            if not hits[at]:
                at += 1
                continue
            first = self._back(text, tokens, soft, at)
            last = self._forth(text, tokens, soft, at)
            yield tokens[first].start, self._end(text, tokens[last])
            at = last + 1

    def _back(self, text: str, tokens: Sequence[Token], soft: Sequence[bool], at: int) -> int:
        """Over initials and particles before a word."""
        while at:
            step = at - 1
            while step and tokens[step].text in "-'’.‐" and _joined(text, tokens[step], tokens[at]):
                step -= 1
            if not _joined(text, tokens[step], tokens[at]):
                return at
            if not soft[step] and not self._small(tokens[step].text):
                return at
            at = step
        return at

    def _forth(self, text: str, tokens: Sequence[Token], soft: Sequence[bool], at: int) -> int:
        """Over words, initials and particles after a word; a particle alone does not end it."""
        last = reach = at
        while reach + 1 < len(tokens):
            step = reach + 1
            while step + 1 < len(tokens) and tokens[step].text in "-'’.,‐":
                step += 1
            if not _joined(text, tokens[reach], tokens[step]):
                break
            if soft[step] or self._initial(text, tokens[step]):
                last = reach = step
            elif self._small(tokens[step].text):
                reach = step
            else:
                break
        return last

    def _small(self, word: str) -> bool:
        plain = folded(word)
        return plain in self._particles or (
            len(word) == 1 and word.isupper() and plain[0] in self._initials
        )

    def _initial(self, text: str, token: Token) -> bool:
        word = token.text
        if len(word) != 1 or not word.isupper() or folded(word)[0] not in self._initials:
            return False
        return text[token.end : token.end + 1] in (".", " ", ",", ")", "")

    def _end(self, text: str, token: Token) -> int:
        """Past the point of an initial."""
        if len(token.text) == 1 and text[token.end : token.end + 1] == ".":
            return token.end + 1
        return token.end

    def _letters(self, text: str, tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
        """Initials alone: `M.L.`, and `Mr. L.` after a title."""
        for found in re.finditer(r"(?<![^\W_.])(?:[^\W\d_]\. ?){2,4}", text):
            said = "".join(folded(sign)[0] for sign in found.group() if sign.isalpha())
            if said in self._sequences and found.group()[0].isupper():
                yield found.start(), found.start() + len(found.group().rstrip())
        for before, token in pairwise(tokens):
            mark = token if before.text != "." else None
            if mark is not None and folded(before.text) in _TITLES and self._initial(text, mark):
                yield mark.start, self._end(text, mark)
        for title, point, token in zip(tokens, tokens[1:], tokens[2:], strict=False):
            if point.text == "." and folded(title.text) in _TITLES and self._initial(text, token):
                yield token.start, self._end(text, token)


def _joined(text: str, before: Token, after: Token) -> bool:
    """Whether nothing but spaces, a hyphen, a comma or an apostrophe lies between two tokens."""
    between = text[before.end : after.start]
    return "\n" not in between and len(between) < 5 and all(s in " \t-‐‑,.'’`´" for s in between)


def _respelt(pieces: Sequence[str]) -> Iterator[str]:
    """The word with its accented letters written as two: Müller, Mueller."""
    whole = "".join(pieces).lower()
    other = whole
    for letter, pair in _LETTER_PAIRS:
        other = other.replace(letter, pair)
    if other != whole:
        yield folded(other)

"""Which codes a question saw of a signal that may come under several, and which nobody knows."""

from collections.abc import Iterable
from typing import NamedTuple

__all__ = [
    "LONGEST",
    "MOST",
    "NOT_COUNTED",
    "CodeSeen",
    "codes_from_text",
    "codes_to_text",
    "cut_text",
]

MOST = 40
"""So many codes of one question are kept, those of signals first."""

LONGEST = 80
"""Characters of a code that is kept; what is longer is a text, and only that it came is kept."""

NOT_COUNTED = "-"
"""In the place of codes: it is not known which a question saw."""

_LONGER = "(a longer text)"
_BETWEEN, _PARTS = "\n", "\t"


class CodeSeen(NamedTuple):
    """A code, or the text of a category, that a question saw.

    Args:
        signal: Name of the signal; '' where no signal has this code.
        code: The event's code; of a category, its text.
        known: Whether the declaration knows it.
        text: Whether it is the text of a category that is known.
    """

    signal: str
    code: str
    known: bool
    text: bool = False

    @property
    def mark(self) -> str:
        """It in one text, which `of` reads again."""
        sign = "?" if not self.known else ":" if self.text else "="
        return _PARTS.join((sign, self.signal, self.code))

    @classmethod
    def of(cls, mark: str) -> "CodeSeen":
        """From its mark.

        >>> CodeSeen.of(CodeSeen("sex", "male", True).mark)
        CodeSeen(signal='sex', code='male', known=True, text=False)
        """
        sign, signal, code = mark.split(_PARTS, 2)
        return cls(signal, code, sign != "?", sign == ":")


def codes_to_text(seen: Iterable[CodeSeen]) -> str:
    """All of them as one text, the same whatever their order; '' of none.

    >>> codes_from_text(codes_to_text([CodeSeen("", "LOINC//1-8", False)]))
    (CodeSeen(signal='', code='LOINC//1-8', known=False, text=False),)
    """
    every = sorted({_fit(one) for one in seen}, key=lambda one: (not one.signal, one))
    return _BETWEEN.join(one.mark for one in every[:MOST])


def codes_from_text(text: str) -> tuple[CodeSeen, ...]:
    """From `codes_to_text`."""
    if text in ("", NOT_COUNTED):
        return ()
    return tuple(CodeSeen.of(mark) for mark in text.split(_BETWEEN))


def _fit(one: CodeSeen) -> CodeSeen:
    """Without what would be read as the end of it, and not longer than a code is."""
    return one._replace(signal=" ".join(one.signal.split()), code=cut_text(one.code))


def cut_text(text: str) -> str:
    """A stranger's text in the place of a category: as it is kept of a code.

    >>> cut_text("room  air"), cut_text("Mrs Smith " * 20)
    ('room air', '(a longer text)')
    """
    plain = " ".join(text.split())
    return plain if len(plain) <= LONGEST else _LONGER

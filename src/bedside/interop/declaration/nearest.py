"""The name that was probably meant."""

import difflib
from collections.abc import Iterable

__all__ = ["nearest"]


def nearest(word: str, known: Iterable[str]) -> str:
    """The fix for an unknown name.

    >>> nearest("hart_rate", ["heart_rate", "lactate"])
    "write 'heart_rate'"
    """
    names = list(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    return f"write '{near[0]}'" if near else f"use one of: {', '.join(sorted(names))}"

"""Words that stand where nothing was measured."""

import polars as pl

from bedside.core.records.collection import Collection

__all__ = ["MISSING_WORDS", "is_missing", "missing_words"]

MISSING_WORDS = frozenset(
    {
        "?", "-", "--", ".", "/", "*", "#", "na", "n/a", "n.a.", "nan", "null", "none", "nil",
        "unknown", "unk", "unknown/invalid", "invalid", "missing", "not available", "not mapped",
        "not known", "not recorded", "not done", "no data", "not measured", "unspecified",
        "undefined", "tbd", "see comment", "k.a.",
        "unbekannt", "inconnu", "desconocido",
    }
)  # fmt: skip
"""What data sets write where nothing was measured, in small letters. Numbers are not among them:
999 is a code of ICD-9; one that stands for nothing among numbers is found as a spike."""

_UNKNOWN_IS_AN_ANSWER = ("BEDSIDE//sex",)


def missing_words(source: Collection) -> frozenset[str]:
    """The usual words and those that the source declares, in small letters."""
    return MISSING_WORDS | {word.casefold() for word in source.quality.missing_words}


def is_missing(words: frozenset[str]) -> pl.Expr:
    """Whether the text of an event is such a word; where unknown is an answer, it is not one."""
    text = pl.col("text").str.strip_chars().str.to_lowercase()
    return text.is_in(sorted(words)) & ~pl.col("code").cast(pl.String).is_in(_UNKNOWN_IS_AN_ANSWER)

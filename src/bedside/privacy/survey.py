"""What all of a data set says, before anything of it is released: which values nearly name someone.

A value that one subject has and no other can be a name, a number or a note. Which codes carry such
values can be told only from the whole data set; so it is read once before it is released.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.core.errors import Invalid
from bedside.core.records.event import MERGED_INTO

__all__ = ["LONGEST", "Found", "Survey"]

Ints = npt.NDArray[np.int64]

LONGEST = 100  # characters of a text that can be a category; a longer one is a note
NUMBER = 10_000  # an identifier that is a number is mostly this large, and whole
ALONE = 0.9  # share of subjects with a value of their own, from which on a code names people
FEW = 3  # subjects below which no share is told
PER_SUBJECT = 2.0  # values of an identifier that a subject has, on average, at most
_SUBJECTS = pl.len().cast(pl.Int64).alias("subjects")  # of rows that are each another's
_PEOPLE = pl.col("subject_id").n_unique().cast(pl.Int64).alias("subjects")
_MARKS = 16  # for each row, at most, while subjects and codes are counted
_NO_MERGE = pl.col("code") != MERGED_INTO
_DATE = (
    r"\b\d{4}-\d{1,2}-\d{1,2}\b|\b\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b|\b(?:19|20)\d{6}\b"
    r"|(?i:\b\d{1,2}\.? ?(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\b)"
    r"|(?i:\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.? ?\d{1,4}\b)"
)
_CONTACT = r"@|https?://|\b\d{3}[-. )]+\d{3}[-. ]\d{4}\b|\b\d{3}-\d{2}-\d{4}\b"


@dataclass(frozen=True, slots=True)
class Found:
    """What was found.

    `texts` has the columns code and text: those that may be released. `identifying` says of each
    code that is left out why. `few` counts by code the rows whose text is too rare, `notes` those
    that are too long or hold a date or a way to reach somebody.
    """

    texts: pl.DataFrame
    identifying: dict[str, str]
    few: dict[str, int]
    notes: dict[str, int]


@dataclass(slots=True)
class Survey:
    """Is given every shard, and then tells what it found.

    Args:
        minimum: Subjects who must share a text for it to be released.
        kept: Codes that are not judged: a person has looked at them.
    """

    minimum: int = 3
    kept: Collection[str] = ()
    _texts: list[pl.DataFrame] = field(default_factory=list)
    _numbers: list[pl.DataFrame] = field(default_factory=list)
    _with_number: list[pl.DataFrame] = field(default_factory=list)
    _codes: list[pl.DataFrame] = field(default_factory=list)
    _with_system: list[pl.DataFrame] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.minimum < 2:
            raise Invalid(
                "A text that one subject alone has would be released.", fix="give 2 or more."
            )

    def add(self, events: pl.DataFrame) -> None:
        """Read one shard: whole subjects, each in one run, with subject_id, code, value, text."""
        told = events.select("subject_id", "code", "value", "text")
        long = pl.col("text").str.len_chars() > LONGEST
        texts = told.filter(pl.col("text").is_not_null()).with_columns(
            pl.col("code").cast(pl.String),
            pl.when(long).then(None).otherwise(pl.col("text")).alias("text"),
        )
        self._texts.append(_counted(texts.filter(_NO_MERGE), "text"))
        whole = (pl.col("value").abs() >= NUMBER) & (pl.col("value") == pl.col("value").floor())
        numbers = told.filter(whole).select("subject_id", "code", "value").unique()
        numbers = numbers.with_columns(pl.col("code").cast(pl.String))
        self._numbers.append(numbers.group_by("code", "value").agg(_SUBJECTS))
        self._with_number.append(numbers.group_by("code").agg(_PEOPLE))
        codes, systems = _with_codes(told.filter(pl.col("code").is_not_null()))
        self._codes.append(codes)
        self._with_system.append(systems)

    def found(self) -> Found:
        """What the shards say together."""
        texts = _summed(self._texts, "text")
        looks = pl.col("text").is_null() | pl.col("text").str.contains(f"{_DATE}|{_CONTACT}")
        judged = texts.with_columns(
            looks.alias("note"),
            ((pl.col("subjects") < self.minimum) & ~pl.col("code").is_in(list(self.kept))).alias(
                "few"
            ),
        )
        return Found(
            texts=judged.filter(~pl.col("note") & ~pl.col("few")).select("code", "text"),
            identifying=self._identifying_numbers() | self._identifying_systems(),
            few=_rows(judged.filter(~pl.col("note") & pl.col("few"))),
            notes=_rows(judged.filter("note")),
        )

    def _identifying_numbers(self) -> dict[str, str]:
        """Codes whose large whole numbers are nearly each one subject's own."""
        values = _added(self._numbers, "code", "value")
        found = _naming(values, _added(self._with_number, "code"), "code")
        why = "its whole numbers are nearly each one person's own"
        return {code: why for code in found if code not in self.kept}

    def _identifying_systems(self) -> dict[str, str]:
        """Codes of a system in which nearly each subject has a code of their own."""
        codes = _added(self._codes, "system", "code")
        found = _naming(codes, _added(self._with_system, "system"), "system")
        theirs = codes.filter(pl.col("system").is_in(found))["code"].sort()
        why = "the codes of its system are nearly each one person's own"
        return {code: why for code in theirs if code not in self.kept}


def _with_codes(events: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """How many subjects have each code, and any code of each system: counted as numbers."""
    number = events["code"].cast(pl.Categorical).to_physical().to_numpy().astype(np.int64)
    some_row = np.full(int(number.max(initial=-1)) + 1, -1)
    some_row[number] = np.arange(number.size)
    there = np.flatnonzero(some_row >= 0)
    place = np.zeros(some_row.size, dtype=np.int64)
    place[there] = np.arange(there.size)
    subject = events["subject_id"].rle_id().to_numpy().astype(np.int64)
    whose, which = _distinct(subject, place[number], there.size)
    names = events["code"].gather(some_row[there]).cast(pl.String)
    system = names.str.split("//").list.first().alias("system")
    named, of_system = np.unique(system.to_numpy(), return_inverse=True)
    systems = pl.Series("system", named, dtype=pl.String)
    counts = np.bincount(which, minlength=there.size)
    codes = pl.DataFrame({"system": system, "code": names, "subjects": counts}).filter(_NO_MERGE)
    _, having = _distinct(whose, of_system[which], len(systems))
    people = {"system": systems, "subjects": np.bincount(having, minlength=len(systems))}
    return codes, pl.DataFrame(people).filter(pl.col("system") != MERGED_INTO)


def _distinct(subject: Ints, what: Ints, kinds: int) -> tuple[Ints, Ints]:
    """Each pair of a subject and a kind of thing once; both are counted from 0."""
    keys = subject * kinds + what
    possible = (int(subject.max(initial=-1)) + 1) * kinds
    if possible <= _MARKS * max(keys.size, 1):  # a mark for each that could be: no sorting
        seen = np.zeros(possible, dtype=np.bool_)
        seen[keys] = True
        keys = np.flatnonzero(seen)
    else:
        keys = np.unique(keys)
    return keys // max(kinds, 1), keys % max(kinds, 1)


def _naming(values: pl.DataFrame, people: pl.DataFrame, by: str) -> list[str]:
    """Where most values are one subject's alone, and a subject has few of them."""
    told = values.group_by(by).agg(
        (pl.col("subjects") == 1).sum().alias("alone"),
        pl.col("subjects").sum().alias("pairs"),
        pl.len().alias("values"),
    )
    alone = (pl.col("alone") >= ALONE * pl.col("values")) & (pl.col("alone") >= FEW)
    few_each = pl.col("pairs") <= PER_SUBJECT * pl.col("subjects")
    return list(told.join(people, on=by).filter(alone & few_each)[by].sort())


def _added(parts: list[pl.DataFrame], *by: str) -> pl.DataFrame:
    return pl.concat(parts).group_by(by).agg(pl.col("subjects").sum())


def _counted(events: pl.DataFrame, what: str) -> pl.DataFrame:
    """By code and value: rows, and subjects, who stand in no other shard."""
    return events.group_by("code", what).agg(
        pl.len().cast(pl.Int64).alias("rows"),
        pl.col("subject_id").n_unique().cast(pl.Int64).alias("subjects"),
    )


def _summed(parts: list[pl.DataFrame], what: str) -> pl.DataFrame:
    return pl.concat(parts).group_by("code", what).agg(pl.col("rows", "subjects").sum())


def _rows(judged: pl.DataFrame) -> dict[str, int]:
    counted = judged.group_by("code").agg(pl.col("rows").sum()).sort("code")
    return dict(counted.iter_rows())

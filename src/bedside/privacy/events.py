"""From identified events to released ones, shard by shard."""

import csv
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.resources import files

import polars as pl

from bedside.core.ports.vault import Vault
from bedside.core.records.event import MERGED_INTO, STORED_COLUMNS
from bedside.privacy.cleaner import Note, TextCleaner
from bedside.privacy.postcodes import zip3_of
from bedside.privacy.renumbering import Ordinals, at_rows, new_numbers, new_row_digests
from bedside.privacy.rules import Action, ReleasePlan
from bedside.privacy.survey import Found
from bedside.privacy.times import Clocks, retimed

__all__ = ["EventRelease", "coded_identifiers"]

CAP = 90.0  # years
_PER_YEAR = {"a": 1.0, "mo": 12.0, "wk": 365.25 / 7, "d": 365.25}
_COMES_OUT = (Action.DROP, Action.STAND_IN, Action.KEYED_HASH)


@cache
def coded_identifiers() -> dict[str, str]:
    """Codes whose value or text is an identifier, and its kind."""
    text = files("bedside.privacy").joinpath("coded_identifiers.csv").read_text("utf-8")
    return {row["code"]: row["kind"] for row in csv.DictReader(text.splitlines())}


@dataclass(slots=True)
class EventRelease:
    """Releases the shards of one data set.

    Args:
        plan: What is done with each kind of identifier.
        vault: Of the plan's project.
        found: What the survey of the whole data set says.
        released_at: The moment of the release; nothing is moved beyond it.
        codes: Codes that carry an identifier, and its kind, beside those of the table.
        certified: Whether the texts of a code may be released once they are cleaned.
        cleaner: Cleans them; without it no text is.
        lost: Counts the rows that stay behind, and the texts, by reason.
    """

    plan: ReleasePlan
    vault: Vault
    found: Found
    released_at: datetime
    codes: dict[str, str] = field(default_factory=dict)
    certified: Callable[[str], bool] = lambda _: False
    cleaner: TextCleaner | None = None
    lost: Counter[str] = field(default_factory=Counter)

    def shard(self, events: pl.DataFrame) -> pl.DataFrame:
        """One shard of whole subjects, released: the columns of a stored event.

        Raises:
            Refused: a subject was erased (code `erased`).
        """
        kinds = coded_identifiers() | self.codes
        births = tuple(code for code, kind in kinds.items() if kind == "birth_date")
        clocks = Clocks.of(self.plan, self.released_at, births)
        told = self._known_codes(_in_runs(events))
        told = self._texts(told)
        told = self._numbered(told)
        told = retimed(told, clocks, self.lost)
        return self._renumbered(told)

    def _known_codes(self, events: pl.DataFrame) -> pl.DataFrame:
        """Without codes that name people; ages, postal codes and the like as their rules say."""
        there = set(events["code"].unique().cast(pl.String))
        code, told = pl.col("code").cast(pl.String), events
        gone = sorted(there.intersection({MERGED_INTO, *self.found.identifying}))
        if gone:
            told = self._without(told, code.is_in(gone), "a code that names people")
        kinds = coded_identifiers() | self.codes
        for kind in sorted(set(kinds.values()) - {"birth_date"}):  # births are retimed
            codes = sorted(one for one in there if kinds.get(one) == kind)
            if codes:
                told = self._identifiers(told, kind, code.is_in(codes))
        return told

    def _identifiers(self, events: pl.DataFrame, kind: str, here: pl.Expr) -> pl.DataFrame:
        action = self.plan.action(kind)
        if action is Action.CAP:
            per_year = pl.col("unit").cast(pl.String).replace_strict(_PER_YEAR, default=1.0)
            most = pl.lit(CAP) * per_year.fill_null(1.0)
            capped = pl.when(here & (pl.col("value") >= most)).then(most)
            return events.with_columns(capped.otherwise(pl.col("value")).alias("value"))
        if action is Action.ZIP3:
            written = pl.col("text").fill_null(
                pl.col("value").cast(pl.Int64).cast(pl.String).str.zfill(5)
            )
            cut = pl.when(here).then(zip3_of(written)).otherwise(pl.col("text"))
            value = pl.when(~here).then(pl.col("value")).alias("value")
            told = events.with_columns(cut.alias("text"), value)
            return self._without(told, here & pl.col("text").is_null(), f"{kind} of no known form")
        if action in _COMES_OUT or action is Action.YEAR:
            return self._without(events, here, f"a code that carries a {kind}")
        return events

    def _texts(self, events: pl.DataFrame) -> pl.DataFrame:
        """Texts that several share stay, certified ones are cleaned, the rest stays behind."""
        had = events["text"].is_not_null()
        if not had.any():
            return events
        kinds = coded_identifiers() | self.codes
        postcodes = [code for code, kind in kinds.items() if kind == "postcode"]
        texts = events.filter(had).select("subject_id", pl.col("code").cast(pl.String), "text")
        judged = texts.with_row_index("_row").join(
            self.found.texts.with_columns(pl.lit(value=True).alias("_shared")),
            on=["code", "text"],
            how="left",
            maintain_order="left",
        )
        may = pl.col("_shared").fill_null(value=False) | pl.col("code").is_in(postcodes)
        judged = judged.with_columns(may.alias("_may"))
        kept = pl.concat([judged.filter("_may").select("_row", "text"), self._cleaned(judged)])
        out = judged.select("_row").join(kept, on="_row", how="left", maintain_order="left")["text"]
        self.lost["a text that stays behind"] += out.null_count()
        if judged["_may"].all():
            return events
        told = events.with_columns(at_rows(out, had).alias("text"), had.alias("_had"))
        silent = pl.col("_had") & pl.col("text").is_null() & pl.col("value").is_null()
        return self._without(told, silent, "nothing but such a text").drop("_had")

    def _cleaned(self, judged: pl.DataFrame) -> pl.DataFrame:
        codes = [code for code in judged["code"].unique() if self.certified(code)]
        rows = judged.filter(pl.col("code").is_in(codes) & ~pl.col("_may"))
        texts: list[str | None] = []
        if self.cleaner is not None and not rows.is_empty():
            notes = [Note(s, t, c) for s, t, c in rows.select("subject_id", "text", "code").rows()]
            texts = self.cleaner.clean(notes)
        else:
            rows = rows.clear()
        done = rows.select("_row").with_columns(pl.Series("text", texts, dtype=pl.String))
        return done.filter(pl.col("text").is_not_null())

    def _numbered(self, events: pl.DataFrame) -> pl.DataFrame:
        """With each subject's pseudonym and offset."""
        subjects = events["subject_id"].unique(maintain_order=True).to_list()
        drawn = self.vault.numbers(subjects)
        numbers = pl.DataFrame(
            {
                "subject_id": subjects,
                "pseudonym": [drawn[one].pseudonym for one in subjects],
                "offset": [drawn[one].offset for one in subjects],
            },
            schema={"subject_id": pl.Int64, "pseudonym": pl.Int64, "offset": pl.Int64},
        ).with_columns(pl.col("subject_id").set_sorted())
        return events.join(numbers, on="subject_id", how="left", maintain_order="left")

    def _renumbered(self, events: pl.DataFrame) -> pl.DataFrame:
        """Subjects, encounters and raw records under new numbers; no way to a raw file."""
        told = _with_encounters(events)
        told = _with_rows(told)
        return told.with_columns(
            pl.col("pseudonym").alias("subject_id"),
            pl.lit(0, dtype=pl.Int32).alias("source_file"),
            pl.lit(-1, dtype=pl.Int64).alias("source_offset"),
        ).select(STORED_COLUMNS)

    def _without(self, events: pl.DataFrame, gone: pl.Expr, reason: str) -> pl.DataFrame:
        left = events.filter(~gone.fill_null(value=False))
        if left.height < events.height:
            self.lost[reason] += events.height - left.height
        return left


def _in_runs(events: pl.DataFrame) -> pl.DataFrame:
    """In the order of subjects, and known to be: groups and joins by them are runs then."""
    told = events if events["subject_id"].is_sorted() else events.sort("subject_id")
    told = told.drop("source_file", "source_offset").rechunk()  # or every step would copy it all
    return told.with_columns(pl.col("subject_id").set_sorted())


def _with_encounters(events: pl.DataFrame) -> pl.DataFrame:
    counted = Ordinals.counted(events["subject_id"], events["encounter_id"])
    whose = events["pseudonym"].gather(counted.begins)
    new = new_numbers(whose, counted.ordinals, purpose=1).gather(counted.runs)
    there = events["encounter_id"].is_not_null()
    return events.with_columns(pl.when(there).then(new).alias("encounter_id"))


def _with_rows(events: pl.DataFrame) -> pl.DataFrame:
    counted = Ordinals.counted(events["subject_id"], events["source_row"])
    whose = events["pseudonym"].gather(counted.begins)
    new = new_row_digests(whose, counted.ordinals).gather(counted.runs)
    told = events.with_columns(new.alias("source_row"))
    is_later = events["replaces"].is_not_null()
    if not is_later.any():
        return told
    later = events.filter(is_later)
    ordinal = counted.of(later["subject_id"], later["replaces"])
    corrected = new_row_digests(later["pseudonym"], ordinal)
    return told.with_columns(at_rows(corrected, is_later).alias("replaces"))

"""What is counted of each shard for the quality report; tallies of shards add up to the whole's."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from bedside.core.records.event import MERGED_INTO
from bedside.data.prepare.events import current, judged
from bedside.data.prepare.rules import USABLE, Rules
from bedside.data.quality.missing import is_missing
from bedside.data.quality.sketch import Sketch, added, sketch_of
from bedside.data.quality.span import Span

__all__ = ["TEMPORAL", "Tally", "added_tallies", "tally_of"]

TEMPORAL = (
    "known_before_it_happened", "ends_before_it_begins", "after_death", "before_birth",
    "in_the_future",
)  # fmt: skip
NO_SITE = "(no site is named)"

_VALUES, _PERIOD_VALUES, _SITE_VALUES = 4096, 512, 512
_TEXTS = 200  # distinct short texts of a code before it counts as free text
_SHORT = 40
_BIRTH, _DEATH = "MEDS//BIRTH", "MEDS//DEATH"

# The columns of each part: its keys first; the rest are counts.
_KEYS: Mapping[str, tuple[str, ...]] = {
    "whole": (),
    "codes": ("code",),
    "units": ("code", "unit"),
    "periods": ("code", "period"),
    "site_sizes": ("site",),
    "sites": ("site", "code"),
    "texts": ("code", "text"),
    "nothings": ("code", "text"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Counts of some shards: `parts` are tables of sums, `sketches` how often each value occurs.

    `parts["texts"]` has one row with an empty text for a code that has too many texts to list.
    """

    parts: Mapping[str, pl.DataFrame]
    sketches: Mapping[str, Sketch]


def tally_of(
    shard: pl.DataFrame,
    rules: Rules,
    span: Span,
    *,
    site_code: str | None,
    now: datetime | None,
    missing: frozenset[str],
) -> Tally:
    """Count one shard, with merges folded. All rows of a subject must be in it.

    Args:
        shard: Events as they are stored.
        rules: What becomes of each unit, and the ranges.
        span: How time is cut into periods.
        site_code: The code of the static fact that names a subject's site.
        now: Nothing can have happened later; None where nobody knows.
        missing: Words for "not measured", in small letters.
    """
    standing = current(shard).filter(pl.col("code").cast(pl.String) != MERGED_INTO)
    rows = _with_site(_marked(judged(standing, rules), span, now, missing), site_code)
    numbers = rows.filter(pl.col("_state").is_in(USABLE))
    canonical = numbers.with_columns(pl.col("_value").alias("value"))
    inside = canonical.filter(pl.col("_plausible").fill_null(True))
    return Tally(
        parts={
            "whole": _whole(rows, replaced=shard.height - standing.height),
            "codes": _with_repetition(_codes(rows), rows),
            "units": _units(rows),
            "periods": _sums(
                rows.filter(pl.col("period").is_not_null()), ("code", "period"), _SIZES
            ),
            "site_sizes": _sums(rows, ("site",), _SIZES),
            "sites": _sums(rows, ("site", "code"), {**_SIZES, **_JUDGED, **_ANSWERED}),
            "texts": _few(_texts(rows)),
            "nothings": _sums(
                rows.filter(~pl.col("_named")).with_columns(pl.col("text").str.strip_chars()),
                ("code", "text"),
                _SIZES,
            ),
        },
        sketches={
            "values": sketch_of(
                rows.filter(pl.col("_state").is_not_null()), ("code", "unit"), most=_VALUES
            ),
            "periods": sketch_of(
                inside.filter(pl.col("period").is_not_null()), ("code", "period"),
                most=_PERIOD_VALUES,
            ),
            "sites": sketch_of(inside, ("code", "site"), most=_SITE_VALUES),
            "least": _extremes(canonical, pl.col("value").min()),
            "greatest": _extremes(canonical, pl.col("value").max()),
        },
    )  # fmt: skip


def added_tallies(tallies: Sequence[Tally]) -> Tally:
    """The tally of all their shards together."""
    first = tallies[0]
    parts = {
        name: _added_part(name, [tally.parts[name] for tally in tallies]) for name in first.parts
    }
    sketches = {name: added([tally.sketches[name] for tally in tallies]) for name in first.sketches}
    return Tally(parts={**parts, "texts": _few(parts["texts"])}, sketches=sketches)


def _extremes(values: pl.DataFrame, extreme: pl.Expr) -> Sketch:
    """The least, or the greatest, value of each subject."""
    rows = values.group_by("subject_id", "code").agg(extreme)
    return sketch_of(rows, ("code",), most=_SITE_VALUES)


def _added_part(name: str, tables: Iterable[pl.DataFrame]) -> pl.DataFrame:
    rows = pl.concat(list(tables))
    keys = _KEYS[name]
    counts = [pl.col(column).sum() for column in rows.columns if column not in keys]
    return rows.group_by(keys).agg(counts) if keys else rows.select(counts)


def _subjects_where(condition: pl.Expr) -> pl.Expr:
    return pl.col("subject_id").filter(condition).n_unique().cast(pl.Int64)


def _rows_where(condition: pl.Expr) -> pl.Expr:
    return condition.fill_null(False).sum().cast(pl.Int64)


_SIZES = {"n": pl.len().cast(pl.Int64), "s": pl.col("subject_id").n_unique().cast(pl.Int64)}
_JUDGED = {
    "judged": pl.col("_plausible").is_not_null().sum().cast(pl.Int64),
    "plausible": _rows_where(pl.col("_plausible")),
}

# Rows that are no word for "not measured", and those of them that say something. Which of the two
# answers depends on whether the code has words or numbers at all, which one shard does not know.
_ANSWERED = {
    f"{name}_{what}": count(pl.col(f"_{name}"))
    for name in ("named", "speaks")
    for what, count in (("n", _rows_where), ("s", _subjects_where))
}


def _sums(rows: pl.DataFrame, keys: Sequence[str], counts: Mapping[str, pl.Expr]) -> pl.DataFrame:
    """The counts of each group, keys as text."""
    return (
        rows.group_by(keys)
        .agg(**counts)
        .with_columns(pl.col(name).cast(pl.String) for name in keys if name != "period")
    )


def _marked(
    rows: pl.DataFrame, span: Span, now: datetime | None, missing: frozenset[str]
) -> pl.DataFrame:
    """With the period, and a column for each way in which a row's times cannot be."""
    code, time = pl.col("code").cast(pl.String), pl.col("time")
    born, died = (
        rows.filter(code == which).group_by("subject_id").agg(pl.col("time").min().alias(name))
        for which, name in ((_BIRTH, "_born"), (_DEATH, "_died"))
    )
    never = pl.lit(False)
    return (
        rows.join(born, on="subject_id", how="left", maintain_order="left")
        .join(died, on="subject_id", how="left", maintain_order="left")
        .with_columns(
            span.period(time).alias("period"),
            (pl.col("known_at") < time).alias("known_before_it_happened"),
            (pl.col("end") < time).alias("ends_before_it_begins"),
            (time > pl.col("_died")).alias("after_death"),
            ((time < pl.col("_born")) & (code != _BIRTH)).alias("before_birth"),
            (never if now is None else time > pl.lit(now)).alias("in_the_future"),
            (~is_missing(missing).fill_null(False)).alias("_named"),
        )
        .with_columns(
            (
                pl.col("_named") & pl.any_horizontal(pl.col("value", "text", "end").is_not_null())
            ).alias("_speaks")
        )
    )


def _with_repetition(codes: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """The counts of each code with how often it repeats, and contradicts, itself."""
    for name, found in (("repeats", _repeats(rows)), ("conflicts", _conflicts(rows))):
        counted = found.group_by(pl.col("code").cast(pl.String)).agg(
            pl.col("times").sum().cast(pl.Int64).alias(f"{name}_n"),
            pl.col("subject_id").n_unique().cast(pl.Int64).alias(f"{name}_s"),
        )
        codes = codes.join(counted, on="code", how="left").with_columns(
            pl.col(f"{name}_n", f"{name}_s").fill_null(0)
        )
    return codes


def _repeats(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with a time that say word for word what another says, beyond the first of them."""
    told = ("subject_id", "code", "time", "end", "value", "unit", "text", "encounter_id")
    groups = rows.filter(pl.col("time").is_not_null()).group_by(told).len("times")
    return groups.filter(pl.col("times") > 1).with_columns(pl.col("times") - 1)


def _conflicts(rows: pl.DataFrame) -> pl.DataFrame:
    """Moments, and static facts, with several answers; births and deaths with several times."""
    once = pl.col("code").cast(pl.String).is_in([_BIRTH, _DEATH])
    differ = [pl.col(name).min() != pl.col(name).max() for name in ("_value", "_word")]
    word = pl.when(pl.col("text").is_not_null()).then(pl.col("text").hash(0))
    worded = rows.with_columns(word.alias("_word"))
    answers = (
        worded.filter(~once)
        .group_by("subject_id", "code", "time")
        .agg(pl.len().alias("times"), pl.any_horizontal(*differ).alias("_differ"))
    )
    moments = (
        rows.filter(once)
        .group_by("subject_id", "code")
        .agg(
            pl.len().alias("times"),
            (pl.col("time").min() != pl.col("time").max()).alias("_differ"),
        )
    )
    return pl.concat([answers.drop("time"), moments]).filter(pl.col("_differ"))


def _with_site(rows: pl.DataFrame, site_code: str | None) -> pl.DataFrame:
    if site_code is None:
        return rows.with_columns(pl.lit(None, dtype=pl.String).alias("site"))
    named = (
        rows.filter(pl.col("code").cast(pl.String) == site_code)
        .group_by("subject_id")
        .agg(pl.coalesce("text", pl.col("value").cast(pl.String)).min().alias("site"))
    )
    return rows.join(named, on="subject_id", how="left", maintain_order="left").with_columns(
        pl.col("site").fill_null(NO_SITE)
    )


def _whole(rows: pl.DataFrame, *, replaced: int) -> pl.DataFrame:
    return rows.select(**_SIZES, replaced=pl.lit(replaced, dtype=pl.Int64))


def _codes(rows: pl.DataFrame) -> pl.DataFrame:
    number, told = pl.col("value").is_not_null(), pl.col("text").is_not_null()
    outside = ~pl.col("_plausible")
    counts: dict[str, pl.Expr] = {
        **_SIZES,
        **_JUDGED,
        **_ANSWERED,
        "values": _rows_where(number),
        "not_finite": _rows_where(number & pl.col("_state").is_null()),
        "texts": _rows_where(told),
        "silent": _rows_where(~number & ~told),
        "static": _rows_where(pl.col("time").is_null()),
        "outside_n": _rows_where(outside),
        "outside_s": _subjects_where(outside),
    }
    for name in TEMPORAL:
        counts[f"{name}_n"] = _rows_where(pl.col(name))
        counts[f"{name}_s"] = _subjects_where(pl.col(name))
    return _sums(rows, ("code",), counts)


def _units(rows: pl.DataFrame) -> pl.DataFrame:
    finite = rows.filter(pl.col("_state").is_not_null())
    return _sums(finite, ("code", "unit"), _SIZES)


def _texts(rows: pl.DataFrame) -> pl.DataFrame:
    """Short texts as they are; every long one counts as an empty text."""
    short = pl.col("text").str.strip_chars()
    shortened = pl.when(short.str.len_chars() <= _SHORT).then(short).otherwise(pl.lit(""))
    told = rows.filter(pl.col("text").is_not_null()).with_columns(shortened.alias("text"))
    return _sums(told, ("code", "text"), _SIZES)


def _few(texts: pl.DataFrame) -> pl.DataFrame:
    """The texts of codes that have few; of the others only that there are many."""
    many = (pl.len().over("code") > _TEXTS) | (pl.col("text") == "").any().over("code")
    kept = texts.filter(~many)
    others = (
        texts.filter(many)
        .group_by("code")
        .agg(pl.lit("").alias("text"), pl.col("n", "s").sum())
        .select(texts.columns)
    )
    return pl.concat([kept, others])

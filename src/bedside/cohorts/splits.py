"""Whole subjects to train, tune and judge on; a subject's side never moves when others come."""

from datetime import UTC, datetime

import polars as pl

from bedside.cohorts.question.primary import missing_case, primary_label
from bedside.cohorts.shares import named, shares
from bedside.core.clock import parse_instant
from bedside.core.errors import Invalid
from bedside.core.ids import stable_share
from bedside.core.records.outcome import Outcome
from bedside.core.records.split import SIDES, Split

__all__ = ["assign", "side_of"]

BINARY = Outcome()
ALWAYS = datetime(1, 1, 1, tzinfo=UTC)  # since when a text without a time holds


def side_of(subject_id: int, split: Split) -> str:
    """The side of one subject by its number alone: train, tuning or held_out.

    "unknown" where a site, a time or a group decides as well, which only `assign` can see.
    """
    if split.names_the_held_out or split.group is not None:
        return "unknown"
    share = stable_share(str(subject_id), salt=split.salt)
    return SIDES[(share >= split.train) + (share >= split.train + split.tuning)]


def assign(
    asked: pl.DataFrame,
    split: Split,
    *,
    site: pl.DataFrame | None = None,
    group: pl.DataFrame | None = None,
    outcome: Outcome = BINARY,
) -> pl.DataFrame:
    """Add the column `side`: train, tuning or held_out, or null for a row that is on no side.

    No subject is on two sides, nor is a group.

    - By subject: the stable share of the subject's number decides, and nothing else.
    - By site: whoever was ever at a held-out site is held out, with the rows asked while they
      were at one; their rows elsewhere are on no side. A row's site is the last one recorded at
      or before the prediction time, else the subject's first. A subject of whom no site is
      recorded could be of a held-out one, and is on no side.
    - By time: whoever has a row at or after `held_out_from` is held out with those rows; their
      earlier rows are on no side.
    - By site and by time: a subject is held out by either, with the rows that either names.
    - By group: the stable share of the group's text decides, for all its subjects. Where a site
      or a time holds one of them out, the rows of the others are on no side.

    With a site or a time nobody else is held out: all others train or tune, in the ratio of the
    two shares, so that the held-out rows are of those sites or that time alone.

    A row whose label is null has no side. It counts all the same for where and when a subject
    was seen, so that a side does not depend on what is known of an outcome.

    Args:
        asked: `subject_id`, `label` (may be null) and, for a site or a time, `prediction_time`.
        split: What decides.
        site: `subject_id`, `time` (null: always) and `text` of the events of the site's signal.
        group: `subject_id` and `text` of the events of the group's signal.
        outcome: What the label means; see `primary_label`.

    Raises:
        Invalid: a site or group is declared but not given; nobody was at a held-out site; a
            subject has several groups; or a side has no positive or no negative row, so that
            nothing can be learnt or judged. Where no row has a side at all, nothing is raised.
    """
    _check_given(split, site, group)
    names = named(asked, group)
    names = names.with_columns(shares(names["name"], salt=split.salt).alias("share"))
    rows = asked.select("subject_id", "label").with_columns(*_held_out(asked, split, site))
    rows = rows.join(names, on="subject_id", how="left", maintain_order="left").with_columns(
        pl.col("away") | pl.col("judged").any().over("name")
    )
    side = (
        pl.when(pl.col("label").is_null())
        .then(None)
        .when(pl.col("judged"))
        .then(pl.lit("held_out"))
        .when(pl.col("away"))
        .then(None)
        .otherwise(_drawn(split))
    )
    sided = asked.with_columns(rows.select(side.alias("side"))["side"])
    _check_classes(sided, split, outcome)
    return sided


def _drawn(split: Split) -> pl.Expr:
    """The side that the share alone gives."""
    share, train, tuning, held_out = pl.col("share"), *(pl.lit(side) for side in SIDES)
    if split.names_the_held_out:
        edge = split.train / (split.train + split.tuning)
        return pl.when(share < edge).then(train).otherwise(tuning)
    later = pl.when(share < split.train + split.tuning).then(tuning).otherwise(held_out)
    return pl.when(share < split.train).then(train).otherwise(later)


def _held_out(
    asked: pl.DataFrame, split: Split, site: pl.DataFrame | None
) -> tuple[pl.Series, pl.Series]:
    """For each row, whether a site or a time has it `judged`, or keeps its subject `away`.

    Away from every other side is a subject who was ever at a held-out site, or of whom no site is
    recorded; whoever has a judged row is so too, in `assign`.
    """
    judged = pl.Series("judged", [False]).new_from_index(0, asked.height)
    away = judged.alias("away")
    if split.held_out_from is not None:
        start = parse_instant(split.held_out_from)
        judged = (asked["prediction_time"] >= start).alias("judged")
    if split.held_out_sites and site is not None:
        there = _there(asked, split, site)
        judged, away = judged | there["there"].fill_null(False), there["ever"].fill_null(True)
    return judged.alias("judged"), away.alias("away")


def _there(asked: pl.DataFrame, split: Split, site: pl.DataFrame) -> pl.DataFrame:
    """For each row, whether it was asked at a held-out site (`there`), or its subject `ever` was.

    Null where no site of the subject is recorded. Two sites at one moment are the held-out one.
    """
    text = pl.col("text").cast(pl.String)
    told = (
        site.select("subject_id", pl.col("time").fill_null(ALWAYS), text)
        .drop_nulls("text")
        .join(asked.select("subject_id").unique(), on="subject_id", how="semi")
    )
    nobody = sorted(set(split.held_out_sites) - set(told["text"].unique()))
    if nobody:
        raise Invalid(
            f"Nobody who is asked about was at the held-out site {', '.join(nobody)}.",
            fix="write the sites as the signal's text says them, or hold out another.",
            code="no_such_site",
        )
    moments = (
        told.group_by("subject_id", "time")
        .agg(pl.col("text").is_in(list(split.held_out_sites)).any().alias("there"))
        .sort("subject_id", "time")
    )
    ever = moments.group_by("subject_id").agg(
        pl.col("there").any().alias("ever"), pl.col("there").first().alias("first")
    )
    return (
        asked.select("subject_id", "prediction_time")
        .with_row_index("row")
        .sort("subject_id", "prediction_time")
        .join_asof(
            moments,
            left_on="prediction_time",
            right_on="time",
            by="subject_id",
            check_sortedness=False,  # sorted just above; Polars cannot see it within a subject
        )
        .join(ever, on="subject_id", how="left")
        .sort("row")
        .select(pl.coalesce("there", "first").alias("there"), "ever")
    )


def _check_given(split: Split, site: pl.DataFrame | None, group: pl.DataFrame | None) -> None:
    for needed, given, word in (
        (bool(split.held_out_sites), site, "site"),
        (split.group is not None, group, "group"),
    ):
        if needed and given is None:
            raise Invalid(
                f"The split is by {word}, but no {word} was given.",
                fix=f"name the signal under evaluation.split.{word}, and pass its events.",
            )


def _check_classes(sided: pl.DataFrame, split: Split, outcome: Outcome) -> None:
    if sided["side"].null_count() == sided.height:
        return
    label = primary_label(sided, outcome)
    for side in SIDES:
        word = missing_case(label.filter((sided["side"] == side).fill_null(False)), outcome)
        if word is not None:
            raise Invalid(
                f"The {side} subjects have no {word} case.",
                fix="bring more subjects, or change the question or the split"
                + (": whom it holds out." if split.names_the_held_out else " shares."),
                code="empty_class",
            )

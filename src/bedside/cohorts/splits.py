"""Whole subjects to train, tune and judge on; a subject's side never moves when others come."""

import polars as pl

from bedside.core.errors import Invalid
from bedside.core.ids import stable_share
from bedside.core.records.split import Split

__all__ = ["assign", "side_of"]

SIDES = ("train", "tuning", "held_out")


def side_of(subject_id: int, split: Split) -> str:
    """The side of one subject: train, tuning or held_out."""
    share = stable_share(str(subject_id), salt=split.salt)
    return SIDES[(share >= split.train) + (share >= split.train + split.tuning)]


def assign(asked: pl.DataFrame, split: Split) -> pl.DataFrame:
    """Add the column `side`: train, tuning or held_out, by the subject alone.

    Raises:
        Invalid: a side has no positive or no negative row, so nothing can be learnt or judged.
    """
    subjects = asked["subject_id"].unique().sort()
    shares = pl.Series([stable_share(str(subject), salt=split.salt) for subject in subjects])
    sides = pl.DataFrame({"subject_id": subjects, "share": shares}).select(
        "subject_id",
        pl.when(pl.col("share") < split.train)
        .then(pl.lit("train"))
        .when(pl.col("share") < split.train + split.tuning)
        .then(pl.lit("tuning"))
        .otherwise(pl.lit("held_out"))
        .alias("side"),
    )
    sided = asked.join(sides, on="subject_id", how="left", maintain_order="left")
    for side in SIDES:
        labels = sided.filter(pl.col("side") == side)["label"]
        for label, word in ((1, "positive"), (0, "negative")):
            if not (labels == label).any():
                raise Invalid(
                    f"The {side} subjects have no {word} case.",
                    fix="bring more subjects, or change the question or the split shares.",
                    code="empty_class",
                )
    return sided

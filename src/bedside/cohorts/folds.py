"""Folds of whole subjects for cross-validation, and the sides within each of them."""

import polars as pl

from bedside.cohorts.question.primary import missing_case, primary_label
from bedside.cohorts.shares import named, shares
from bedside.core.errors import Invalid
from bedside.core.records.outcome import Outcome
from bedside.core.records.split import Split

__all__ = ["MOST_FOLDS", "folds", "sides_of_fold"]

MOST_FOLDS = 100
BINARY = Outcome()


def folds(
    asked: pl.DataFrame,
    k: int,
    split: Split,
    *,
    group: pl.DataFrame | None = None,
    outcome: Outcome = BINARY,
) -> pl.Series:
    """The fold of each row, 0 to k - 1; Int8, null where the label is null.

    The stable share of the subject, or of its group, decides: all rows of a subject are in one
    fold, in whatever order they stand, and new subjects never move an old one. So the folds are
    of nearly, not exactly, the same size, and not stratified by the outcome: that would let the
    fold of one subject hang on the outcomes of others.

    Args:
        asked: `subject_id` and `label`.
        k: How many folds, 2 to 100.
        split: Its salt draws the folds; its site and time play no part.
        group: As in `bedside.cohorts.splits.assign`.
        outcome: What the label means; a regression needs `target` as well.

    Raises:
        Invalid: k is out of range, a subject has several groups, or a fold has no positive or no
            negative row (for a regression, no known one).

    >>> asked = pl.DataFrame({"subject_id": [1, 1, 5, 6, 5, 6], "label": [0, 1, 1, 1, 0, 0]})
    >>> folds(asked, 2, Split()).to_list()
    [1, 1, 0, 1, 0, 1]
    """
    if not 2 <= k <= MOST_FOLDS:
        raise Invalid(f"{k} folds cannot be made.", fix=f"ask for 2 to {MOST_FOLDS}.")
    share = _shares(asked, f"folds/{split.salt}", group)
    fold = pl.when(pl.col("label").is_not_null()).then((share * k).floor().cast(pl.Int8))
    made = asked.select(fold.alias("fold"))["fold"]
    _check(asked, made, k, outcome)
    return made


def sides_of_fold(
    asked: pl.DataFrame,
    fold: pl.Series,
    judged: int,
    split: Split,
    *,
    group: pl.DataFrame | None = None,
) -> pl.Series:
    """The side of each row while one fold is judged: train, tuning or held_out; null without fold.

    The judged fold is held out. Of the other subjects (or groups) a stable share tunes, as great
    as the split's tuning share is beside its training share; others are drawn for each fold.

    Args:
        asked: `subject_id`.
        fold: From `folds`.
        judged: The number of the fold that is judged.
        split: Its shares and its salt.
        group: As in `folds`.
    """
    share = _shares(asked, f"fold {judged} tunes/{split.salt}", group)
    tunes = share < split.tuning / (split.train + split.tuning)
    side = (
        pl.when(fold.is_null())
        .then(None)
        .when(fold == judged)
        .then(pl.lit("held_out"))
        .when(tunes)
        .then(pl.lit("tuning"))
        .otherwise(pl.lit("train"))
    )
    return pl.select(side.alias("side"))["side"]


def _shares(asked: pl.DataFrame, salt: str, group: pl.DataFrame | None) -> pl.Series:
    """The share of each row's subject or group."""
    names = named(asked, group)
    drawn = names.select("subject_id", shares(names["name"], salt=salt).alias("share"))
    return asked.select("subject_id").join(
        drawn, on="subject_id", how="left", maintain_order="left"
    )["share"]


def _check(asked: pl.DataFrame, fold: pl.Series, k: int, outcome: Outcome) -> None:
    label = primary_label(asked, outcome)
    for number in range(k):
        word = missing_case(label.filter((fold == number).fill_null(False)), outcome)
        if word is not None:
            raise Invalid(
                f"A fold has no {word} case.",
                fix="ask for fewer folds, or bring more subjects.",
                code="empty_class",
            )

"""The yes-or-no view of any outcome, for whoever asks only whether it is the grave one."""

import polars as pl

from bedside.core.records.outcome import Outcome

__all__ = ["missing_case", "primary_label"]


def primary_label(rows: pl.DataFrame, outcome: Outcome) -> pl.Series:
    """1 where the outcome is the one that calls for something, 0 where not, null where unknown.

    Binary: the label itself. Survival: the event came while the subject was followed. Levels: any
    but the first. Regression: the value is above the median of the training rows (of all rows that
    are known, where none has a side).

    Args:
        rows: n rows of a cohort: `label`, `target` for a regression, and `side` where there is one.
        outcome: Its kind decides.

    Returns:
        Shape (n,), Int64.

    >>> rows = pl.DataFrame({"label": [0, 2, 1, None]})
    >>> primary_label(rows, Outcome(kind="survival", horizons=("365 d",))).to_list()
    [0, 0, 1, None]
    >>> primary_label(rows, Outcome(kind="ordinal", levels=("none", "mild", "severe"))).to_list()
    [0, 1, 1, None]
    """
    label = pl.col("label")
    if outcome.kind == "survival":
        told = label == 1
    elif outcome.kind in ("multiclass", "ordinal"):
        told = label > 0
    elif outcome.kind == "regression":
        told = pl.when(label.is_not_null()).then(pl.col("target") > _median(rows))
    else:
        told = label
    return rows.select(told.cast(pl.Int64).alias("label"))["label"]


def missing_case(label: pl.Series, outcome: Outcome) -> str | None:
    """Which case these rows lack to be learnt from or judged: `positive`, `negative` or `known`.

    Args:
        label: The `primary_label` of the rows.
        outcome: Its kind decides. A number needs only rows that are known, and survival only
            events: who is censored was followed for some time before.

    >>> missing_case(pl.Series([1, 1, None]), Outcome())
    'negative'
    """
    if outcome.kind == "regression":
        return "known" if label.null_count() == len(label) else None
    needed = {1: "positive"} if outcome.kind == "survival" else {1: "positive", 0: "negative"}
    there = set(label.drop_nulls().unique())
    return next((word for one, word in needed.items() if one not in there), None)


def _median(rows: pl.DataFrame) -> float:
    known = rows.filter(pl.col("label").is_not_null() & pl.col("target").is_not_null())
    if "side" in known.columns:
        train = known.filter(pl.col("side") == "train")
        known = train if train.height else known
    middle = known["target"].median()
    return float(middle) if isinstance(middle, int | float) else 0.0

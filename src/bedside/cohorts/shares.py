"""The stable share of every subject, or of the group that keeps several together."""

import polars as pl

from bedside.core.errors import Invalid
from bedside.core.ids import stable_share

__all__ = ["named", "shares"]


def named(asked: pl.DataFrame, group: pl.DataFrame | None) -> pl.DataFrame:
    """`subject_id` and `name` of every subject, once: the group's text, or else the subject's id.

    Subjects with the same name have the same share of every split. A subject whose group was
    never recorded stands alone.

    Args:
        asked: Rows with `subject_id`.
        group: `subject_id` and `text` of the group's events; None where no group is declared.

    Raises:
        Invalid: a subject has more than one text, so that two groups would have to be one.
    """
    subjects = asked.select(pl.col("subject_id").unique().sort())
    alone = pl.col("subject_id").cast(pl.String)
    if group is None:
        return subjects.with_columns(alone.alias("name"))
    texts = (
        group.select("subject_id", pl.col("text").cast(pl.String))
        .drop_nulls()
        .unique()
        .join(subjects, on="subject_id", how="semi")
    )
    several = texts.height - texts["subject_id"].n_unique()
    if several:
        raise Invalid(
            "Some subjects belong to more than one group of the split.",
            fix="name a signal that says one text for each subject, or split without a group.",
            code="several_groups",
        )
    return subjects.join(texts, on="subject_id", how="left", maintain_order="left").select(
        "subject_id", pl.coalesce("text", alone).alias("name")
    )


def shares(names: pl.Series, *, salt: str) -> pl.Series:
    """For each name a number in [0, 1) that depends on it and the salt alone; Float64.

    >>> shares(pl.Series(["17", "18", "17"]), salt="split-1").round(3).to_list()
    [0.858, 0.882, 0.858]
    """
    once = names.unique(maintain_order=True)
    made = pl.Series([stable_share(name, salt=salt) for name in once.to_list()], dtype=pl.Float64)
    return names.replace_strict(once, made, return_dtype=pl.Float64)

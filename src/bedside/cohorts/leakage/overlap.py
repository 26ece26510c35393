"""The same subject or stay on two sides of the split."""

import polars as pl

from bedside.cohorts.leakage.inputs import Result, how_many
from bedside.core.records.leakage import Checked, Finding
from bedside.core.records.split import SIDES

__all__ = ["audit_splits", "on_both", "overlap"]

_SPLIT_FIX = "keep them together: name what they share in evaluation.split."


def audit_splits(asked: pl.DataFrame) -> list[Finding]:
    """Subjects on more than one side."""
    return [
        finding for finding in overlap(asked).findings if finding.name == "subject_on_both_sides"
    ]


def overlap(asked: pl.DataFrame) -> Result:
    """Subjects and stays on more than one side."""
    found = []
    sided = asked.filter(pl.col("side").is_in(SIDES))
    subjects = on_both(sided, "subject_id")
    if subjects:
        found.append(_both("subject_on_both_sides", subjects, "subjects"))
    checked = [
        Checked(
            detector="split",
            what="subjects, each on one side of the split",
            number=sided["subject_id"].n_unique(),
            kinds=("subject_on_both_sides",),
        )
    ]
    if "encounter_id" in sided.columns:
        stays = on_both(sided.drop_nulls("encounter_id"), "encounter_id")
        if stays and not subjects:
            found.append(_both("stay_on_both_sides", stays, "stays"))
        checked.append(
            Checked(
                detector="split",
                what="stays, each on one side of the split",
                number=sided["encounter_id"].drop_nulls().n_unique(),
                kinds=("stay_on_both_sides",),
            )
        )
    return Result(findings=tuple(found), checked=tuple(checked))


def on_both(sided: pl.DataFrame, what: str) -> int:
    """How many of them are on more than one side."""
    return sided.group_by(what).agg(pl.col("side").n_unique()).filter(pl.col("side") > 1).height


def _both(name: str, number: int, what: str) -> Finding:
    return Finding(
        name=name,
        kind=name,
        text=f"{how_many(number, what)} are on more than one side of the split.",
        fix=_SPLIT_FIX,
        evidence={what: float(number)},
    )

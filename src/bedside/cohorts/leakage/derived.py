"""Codes that happen only when the outcome does: at its moments, or at one distance from them."""

from functools import reduce

import polars as pl

from bedside.cohorts.leakage.inputs import ENOUGH_EVENTS, AuditInputs, Result
from bedside.cohorts.leakage.outcome import events_of, outcome_of
from bedside.core.records.leakage import Checked, Finding

__all__ = ["DerivedFromLabel"]

SHARE = 0.9
"""Of a code's events that stand at the outcome's moments: at least so many are no chance."""

BASE = 0.5
"""Where the outcome stands at more than this share of all moments, nothing can be told."""

_WITHIN = pl.duration(days=7)
_COLUMNS = ("events", "subjects", "same_moment", "same_record")


class DerivedFromLabel:
    """For each code of a feature: how many of its events stand where the outcome stands.

    Counted are events at the very moment of the outcome, in the same raw record, and at one and
    the same distance (up to a week) from the subject's first outcome.
    """

    def __init__(self, inputs: AuditInputs) -> None:
        self._inputs = inputs
        self._outcome = outcome_of(inputs.declaration.question)
        self._codes = [code for code in inputs.feature_codes if self._outcome.which(code) is None]
        self._counts: list[pl.DataFrame] = []
        self._distances: list[pl.DataFrame] = []
        self._moments = self._outcome_moments = self._subjects = self._outcome_subjects = 0

    def see(self, events: pl.DataFrame, rows: pl.DataFrame) -> None:
        """Count in one shard."""
        dated = events.filter(pl.col("time").is_not_null())
        met = events_of(self._outcome.label.values(), dated)
        moments = met.select("subject_id", "time").unique()
        first = met.group_by("subject_id").agg(pl.col("time").min().alias("outcome"))
        every = dated.select("subject_id", "time").unique()
        self._moments += every.height
        self._outcome_moments += moments.height
        self._subjects += every["subject_id"].n_unique()
        self._outcome_subjects += first.height
        read = dated.filter(pl.col("code").is_in(self._codes))
        self._counts.append(_counted(read, moments, met))
        far = pl.col("time") - pl.col("outcome")
        self._distances.append(
            read.join(first, on="subject_id")
            .select("code", far=far)
            .filter(pl.col("far").abs() <= _WITHIN)
            .group_by("code", "far")
            .len("at_distance")
            .sort("code", "at_distance", "far", descending=[False, True, False])
            .group_by("code", maintain_order=True)
            .head(3)
        )

    def result(self) -> Result:
        """The codes that the outcome places."""
        looked = Checked(
            detector="derived from the label",
            what="codes, none of which happens only where the outcome does",
            number=len(self._codes) if self._outcome_moments else 0,
            kinds=("derived_from_label",),
        )
        if not self._counts or not self._outcome_moments:
            return Result(checked=(looked,))
        at = self._outcome_moments / self._moments
        those = self._outcome_subjects / self._subjects
        counts = pl.concat(self._counts).group_by("code").sum()
        distance = (
            pl.concat(self._distances)
            .group_by("code", "far")
            .agg(pl.col("at_distance").sum())
            .group_by("code")
            .agg(pl.col("at_distance").max())
        )
        told = (
            counts.join(distance, on="code", how="left")
            .fill_null(0)
            .with_columns(
                pl.max_horizontal(
                    pl.col("same_moment") * int(at <= BASE),
                    pl.col("same_record") * int(those <= BASE),
                    pl.col("at_distance") * int(those <= BASE),
                ).alias("placed")
            )
            .filter(
                (pl.col("events") >= ENOUGH_EVENTS) & (pl.col("placed") >= SHARE * pl.col("events"))
            )
            .sort("code")
        )
        return Result(
            findings=tuple(self._finding(row, those) for row in told.iter_rows(named=True)),
            checked=(looked,),
        )

    def _finding(self, row: dict[str, int | str], those: float) -> Finding:
        code, n = str(row["code"]), float(row["events"])
        share = float(row["placed"]) / n
        return Finding(
            name=f"derived_from_label:{code}",
            kind="derived_from_label",
            text=f"{share:.0%} of the events of '{code}' stand exactly where the outcome stands "
            f"(only {those:.0%} of the subjects have it): it is derived from the label.",
            fix="leave the code out, or give its events the time at which they were really known.",
            features=self._inputs.features_of(code),
            evidence={
                "events": n,
                "share_at_outcome": share,
                "share_at_same_moment": float(row["same_moment"]) / n,
                "share_in_same_record": float(row["same_record"]) / n,
                "share_at_one_distance": float(row["at_distance"]) / n,
                "share_of_subjects_with_outcome": those,
            },
        )


def _counted(read: pl.DataFrame, moments: pl.DataFrame, met: pl.DataFrame) -> pl.DataFrame:
    """By code: its events, and how many of them the outcome accompanies."""
    parts = [
        read.group_by("code").agg(
            pl.len().alias("events"), pl.col("subject_id").n_unique().alias("subjects")
        ),
        read.join(moments, on=["subject_id", "time"], how="semi")
        .group_by("code")
        .len("same_moment"),
        read.join(met, on="source_row", how="semi").group_by("code").len("same_record"),
    ]
    whole = reduce(lambda one, other: one.join(other, on="code", how="left"), parts)
    return whole.fill_null(0).select("code", *(pl.col(name).cast(pl.Int64) for name in _COLUMNS))

"""Codes that are written after a stay has ended, but stand in the data as known at its end."""

import polars as pl

from bedside.cohorts.leakage.inputs import ENOUGH_EVENTS, AuditInputs, Result
from bedside.core.records.leakage import Checked, Finding

__all__ = ["AfterDischarge"]

SHARE = 0.95
"""Of a code's events: at least so many stand at the very end of a stay."""

BASE = 0.5
"""Where more than this share of all events stand at the end of stays, no time is told at all."""

EXPOSED = 5
"""So many prediction times must see such an event within the time that coding takes."""

CODING = pl.duration(hours=72)
"""Diagnoses and procedures are coded for billing days after a discharge, not before this."""

_AT_END = pl.duration(hours=1)
_ENDS = r"(?i)discharge|^encounter//end$"
_STAYS = r"(?i)^(encounter|visit|stay|hl7|hospital_admission|icu_admission|admission)\b"
_BILLING = r"(?i)^(icd|drg|cpt|hcpcs|ops|opcs|diagnosis|procedure|condition|billing)"


class AfterDischarge:
    """For each code of a feature: how many of its events are filled in at the end of a stay.

    A source that does not say when a code was written is often given the discharge as the time of
    all of them, and as the moment when they were known. A prediction at discharge then sees what
    was coded days later. A code whose `known_at` is honest needs no finding: no feature sees it
    before.
    """

    def __init__(self, inputs: AuditInputs) -> None:
        self._inputs = inputs
        self._counts: list[pl.DataFrame] = []
        self._stays = 0

    def see(self, events: pl.DataFrame, rows: pl.DataFrame) -> None:
        """Count in one shard."""
        ends = _ends(events)
        self._stays += ends.height
        if ends.is_empty():
            return
        read = events.filter(
            pl.col("time").is_not_null()
            & pl.col("code").is_in(self._inputs.feature_codes)
            & ~pl.col("code").str.contains(_ENDS)
        )
        named = read.join(
            ends.drop_nulls("encounter_id").select("subject_id", "encounter_id", "stay_end"),
            on=["subject_id", "encounter_id"],
        )
        unnamed = (
            read.filter(pl.col("encounter_id").is_null())
            .sort("subject_id", "time")
            .join_asof(
                ends.select("subject_id", "stay_end").sort("subject_id", "stay_end"),
                left_on="time",
                right_on="stay_end",
                by="subject_id",
                strategy="forward",
                check_sortedness=False,
            )
            .drop_nulls("stay_end")
        )
        told = pl.concat(
            part.select("subject_id", "code", "time", "known_at", "stay_end")
            for part in (named, unnamed)
        )
        filled = told.filter(
            (pl.col("known_at") == pl.col("time"))
            & pl.col("time").is_between(pl.col("stay_end"), pl.col("stay_end") + _AT_END)
        )
        seen = filled.join(rows.select("row", "subject_id", "prediction_time"), on="subject_id")
        seen = seen.filter(
            pl.col("prediction_time").is_between(pl.col("known_at"), pl.col("known_at") + CODING)
        )
        self._counts.append(
            told.group_by("code")
            .len("events")
            .join(filled.group_by("code").len("filled"), on="code", how="left")
            .join(
                seen.group_by("code").agg(pl.col("row").n_unique().alias("exposed")),
                on="code",
                how="left",
            )
            .fill_null(0)
        )

    def result(self) -> Result:
        """The codes that stand at the end of stays, and are seen there."""
        findings: tuple[Finding, ...] = ()
        codes = 0
        if self._counts:
            counts = pl.concat(self._counts).group_by("code").sum()
            codes = counts.height
            late = counts.filter(
                (pl.col("filled").sum() <= BASE * pl.col("events").sum())
                & (pl.col("events") >= ENOUGH_EVENTS)
                & (pl.col("filled") >= SHARE * pl.col("events"))
                & (pl.col("exposed") >= EXPOSED)
            ).with_columns(billing=pl.col("code").str.contains(_BILLING))
            findings = tuple(self._finding(row) for row in late.sort("code").iter_rows(named=True))
        looked = Checked(
            detector="after discharge",
            what="codes of stays that end, none of which was only filled in at the end and seen "
            "there",
            number=codes if self._stays else 0,
            kinds=("after_discharge",),
        )
        return Result(findings=findings, checked=(looked,))

    def _finding(self, row: dict[str, int]) -> Finding:
        return Finding(
            name=f"after_discharge:{row['code']}",
            kind="after_discharge",
            text=f"{row['filled'] / row['events']:.0%} of the events of '{row['code']}' stand at "
            "the very end of their stay and are taken as known there, as is done where nobody "
            "says when a code was written; predictions at the end of a stay see them days before "
            "they are coded.",
            fix="declare when they are known (known_at counted from the end, after: 72 h), leave "
            "them out, or acknowledge that they are written at discharge.",
            severity="leak" if row["billing"] else "warning",
            features=self._inputs.features_of(str(row["code"])),
            evidence={
                "events": float(row["events"]),
                "share_at_end_of_stay": row["filled"] / row["events"],
                "rows_that_saw_it": float(row["exposed"]),
            },
        )


def _ends(events: pl.DataFrame) -> pl.DataFrame:
    """When each stay ended: subject_id, encounter_id (null where stays have no number).

    A stay that is one moment ends where everything of it stands, so it tells nothing.
    """
    told = events.filter(pl.col("code").str.contains(_ENDS) & pl.col("time").is_not_null())
    spans = events.filter(pl.col("code").str.contains(_STAYS) & pl.col("end").is_not_null())
    ends = pl.concat(
        [
            told.select("subject_id", "encounter_id", stay_end="time"),
            spans.select("subject_id", "encounter_id", stay_end="end"),
        ]
    )
    whole = ends.group_by("subject_id", "encounter_id").agg(pl.col("stay_end").max())
    unnamed = ends.filter(pl.col("encounter_id").is_null()).unique()
    firsts = events.group_by("subject_id", "encounter_id").agg(first=pl.col("time").min())
    return (
        pl.concat([whole.drop_nulls("encounter_id"), unnamed])
        .join(firsts, on=["subject_id", "encounter_id"], nulls_equal=True)
        .filter(pl.col("first") < pl.col("stay_end"))
        .drop("first")
    )

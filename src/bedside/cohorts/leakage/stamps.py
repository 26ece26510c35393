"""Dates without a time of day that became midnight, and so are seen a day too early."""

import polars as pl

from bedside.cohorts.leakage.inputs import ENOUGH_EVENTS, AuditInputs, Result
from bedside.cohorts.leakage.outcome import outcome_of
from bedside.core.records.leakage import Checked, Finding

__all__ = ["DateOnly"]

SHARE = 0.2
"""Of a code's times: fewer at midnight prove nothing."""

SPIKE = 5
"""So many times more often than at any other quarter of an hour must a code stand at midnight."""

EXPOSED = 5
"""So many prediction times on the day of such a date, after it was taken as known."""

_QUARTERS = 96
_DAY = pl.duration(days=1)


class DateOnly:
    """For each code: how many of its times are midnight, and who could see it that day.

    The clock's own origin is no date: a code whose midnights are all one moment is left alone. A
    rhythm is none either: what is measured at midnight and at noon stands as often at noon.
    """

    def __init__(self, inputs: AuditInputs) -> None:
        self._inputs = inputs
        self._outcome = outcome_of(inputs.declaration.question)
        self._read = set(inputs.feature_codes)
        self._found: dict[str, list[pl.DataFrame]] = {zone: [] for zone in inputs.timezones}
        self._exposed: dict[str, list[pl.DataFrame]] = {zone: [] for zone in inputs.timezones}

    def see(self, events: pl.DataFrame, rows: pl.DataFrame) -> None:
        """Count in one shard."""
        dated = events.filter(pl.col("time").is_not_null())
        codes = [
            code
            for code in dated["code"].unique()
            if code in self._read or self._outcome.which(code) is not None
        ]
        dated = dated.filter(pl.col("code").is_in(codes))
        for zone in self._found:
            local = pl.col("time").dt.convert_time_zone(zone)
            second = (local - local.dt.truncate("1d")).dt.total_microseconds()
            told = dated.select(
                "subject_id",
                "code",
                "time",
                "known_at",
                day=local.dt.date(),
                over=(local.dt.truncate("1d") + _DAY).dt.convert_time_zone("UTC"),
                quarter=pl.when(second % 900_000_000 == 0).then(second // 900_000_000),
            )
            self._found[zone].append(_counted(told))
            self._exposed[zone].append(_exposed(told, rows, zone))

    def result(self) -> Result:
        """The codes that carry bare dates, in the first zone in which they do."""
        findings: dict[str, Finding] = {}
        looked = 0
        for zone, parts in self._found.items():
            if not parts:
                continue
            told = _together(parts, self._exposed[zone])
            looked = max(looked, told.height)
            for row in _bare(told).iter_rows(named=True):
                code = row["code"]
                if code in self._read:
                    findings.setdefault(code, self._feature(row, zone))
                elif row["exposed"] >= EXPOSED:
                    findings.setdefault(code, self._label(row, zone))
        checked = Checked(
            detector="dates without a time",
            what="codes, none of which stands at midnight so much more often than at any other "
            "time that a date must have become one",
            number=looked,
            kinds=("date_only",),
        )
        return Result(
            findings=tuple(findings[code] for code in sorted(findings)), checked=(checked,)
        )

    def _feature(self, row: dict[str, float], zone: str) -> Finding:
        leak = row["exposed_early"] >= EXPOSED
        return Finding(
            name=f"date_only:{row['code']}",
            kind="date_only",
            text=f"{row['share']:.0%} of the times of '{row['code']}' are exactly midnight "
            f"({zone}): dates without a time of day, "
            + (
                "yet taken as known from that midnight on, so that a prediction sees what "
                "happened later on the same day."
                if leak
                else "so that hours counted from them are wrong by up to a day."
            ),
            fix="let such an event be known when its day is over (known_at after: 24 h), or "
            "collect its time of day.",
            severity="leak" if leak else "warning",
            features=self._inputs.features_of(str(row["code"])),
            evidence=_evidence(row),
        )

    def _label(self, row: dict[str, float], zone: str) -> Finding:
        return Finding(
            name=f"date_only:{row['code']}",
            kind="date_only",
            text=f"{row['share']:.0%} of the times of the outcome '{row['code']}' are exactly "
            f"midnight ({zone}): dates without a time of day. A prediction on that day takes it "
            "for past, although it may still be to come.",
            fix="collect its time of day, or ask no one on the day of the outcome.",
            severity="warning",
            evidence=_evidence(row),
        )


def _counted(told: pl.DataFrame) -> pl.DataFrame:
    at = pl.col("time").filter(pl.col("quarter") == 0)
    return told.group_by("code").agg(
        pl.len().cast(pl.Int64).alias("events"),
        at.min().alias("first"),
        at.max().alias("last"),
        *(
            (pl.col("quarter") == number).sum().cast(pl.Int64).alias(f"q{number}")
            for number in range(_QUARTERS)
        ),
    )


def _exposed(told: pl.DataFrame, rows: pl.DataFrame, zone: str) -> pl.DataFrame:
    """By code: prediction times on the day of a midnight, and those that could see it."""
    day = pl.col("prediction_time").dt.convert_time_zone(zone).dt.date()
    met = told.filter(pl.col("quarter") == 0).join(
        rows.select("row", "subject_id", "prediction_time", day=day), on=["subject_id", "day"]
    )
    seen = (pl.col("known_at") <= pl.col("prediction_time")) & (pl.col("known_at") < pl.col("over"))
    return met.group_by("code").agg(
        pl.col("row").n_unique().cast(pl.Int64).alias("exposed"),
        pl.col("row").filter(seen).n_unique().cast(pl.Int64).alias("exposed_early"),
    )


def _together(found: list[pl.DataFrame], exposed: list[pl.DataFrame]) -> pl.DataFrame:
    quarters = [f"q{number}" for number in range(_QUARTERS)]
    counts = (
        pl.concat(found)
        .group_by("code")
        .agg(
            pl.col("events", *quarters).sum(), pl.col("first").min(), pl.col("last").max()
        )
    )  # fmt: skip
    seen = pl.concat(exposed).group_by("code").sum()
    return (
        counts.join(seen, on="code", how="left")
        .with_columns(pl.col("exposed", "exposed_early").fill_null(0))
        .with_columns(
            share=pl.col("q0") / pl.col("events"),
            spike=pl.max_horizontal(quarters[1:]),
            others=(pl.col("q0").sum() - pl.col("q0"))
            / (pl.col("events").sum() - pl.col("events")).clip(lower_bound=1),
        )
    )


def _bare(told: pl.DataFrame) -> pl.DataFrame:
    """The codes whose midnights are bare dates, seen by some prediction on their day."""
    return told.filter(
        (pl.col("q0") >= ENOUGH_EVENTS)
        & (pl.col("first") < pl.col("last"))
        & (pl.col("share") >= SHARE)
        & (pl.col("q0") >= SPIKE * pl.col("spike"))
        & (pl.col("share") >= 2 * pl.col("others"))
        & (pl.col("exposed") >= EXPOSED)
    ).sort("code")


def _evidence(row: dict[str, float]) -> dict[str, float]:
    return {
        "events": float(row["events"]),
        "share_at_midnight": float(row["share"]),
        "share_of_other_codes_at_midnight": float(row["others"]),
        "rows_on_that_day": float(row["exposed"]),
        "rows_that_saw_it": float(row["exposed_early"]),
    }

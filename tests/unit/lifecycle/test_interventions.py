"""Real drugs after real laboratory results: columns against a join, on the demo of MIMIC-IV."""

from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
import pytest

from bedside.core.records.declaration import Monitoring
from bedside.core.records.intervention import Intervention
from bedside.core.records.question import CodePattern, Predicate, Question
from bedside.core.records.watch import Watch
from bedside.lifecycle.interventions import shown_by
from bedside.lifecycle.package import load_declaration
from bedside.usecases import folder_of
from data_folder import data_folder

LACTATE = "LAB//50813//"
VASOPRESSOR = "MEDICATION//START//(?i:norepinephrine|vasopressin|phenylephrine)"
VANCOMYCIN = "MEDICATION//START//Vancomycin"
TIME = pl.Datetime("us", "UTC")


def an_intervention(label, pattern, **more):
    return Intervention(label=label, event=Predicate(code=CodePattern(regex=pattern)), **more)


WATCH = Watch(
    interventions={
        "vasopressor": an_intervention("a vasopressor", VASOPRESSOR, within="6 h"),
        "vancomycin": an_intervention(
            "vancomycin", VANCOMYCIN, within="24 h", not_within="48 h", shows="order"
        ),
    }
)


@pytest.fixture(scope="module")
def events():
    path = data_folder("mimic-iv-demo-meds") / "mimic_iv_demo_meds_events.parquet"
    time = pl.col("time").cast(TIME)
    return pl.read_parquet(path).select(
        "subject_id", time, time.dt.offset_by("15m").alias("known_at"), "code",
        pl.col("value").cast(pl.Float64), pl.lit(None, dtype=pl.String).alias("text"),
    ).drop_nulls("time")  # fmt: skip


def joined(events, asked, pattern, within, before):
    """What followed each lactate, by a join of everything with everything."""
    given = events.filter(pl.col("code").str.contains(f"^{pattern}"))
    pairs = asked.join(given.select("subject_id", at="time"), on="subject_id", how="left")
    apart = (pl.col("at") - pl.col("time")).dt.total_microseconds() / 3.6e9
    return pairs.with_columns(apart=apart).group_by("row").agg(
        running=pl.col("apart").is_between(-before, 0).any() if before else pl.lit(False),
        hours=pl.col("apart").filter((pl.col("apart") > 0) & (pl.col("apart") <= within)).min(),
    ).sort("row")  # fmt: skip


def test_what_followed_real_results_is_what_a_join_finds(events):
    asked = (
        events.filter(pl.col("code").str.starts_with(LACTATE) & (pl.col("value") >= 2))
        .select("subject_id", "time")
        .with_row_index("row")
    )
    declared = replace(
        load_declaration(folder_of("diagnosis"))[0],
        question=Question(ask="?", predicates={}, trigger="t"),
        monitoring=Monitoring(watch=WATCH),
    )
    none = pl.DataFrame(
        schema={"subject_id": pl.Int64, "time": TIME, "known_at": TIME, "code": pl.String,
                "signed": pl.Boolean}
    )  # fmt: skip

    marks = shown_by(
        declared, events, none, asked["subject_id"].to_numpy(),
        asked["time"].to_physical().to_numpy(), now=datetime(2300, 1, 1, tzinfo=UTC),
    )  # fmt: skip

    assert len(marks) > 200
    for name, pattern, within, before in (
        ("vasopressor", VASOPRESSOR, 6, 0),
        ("vancomycin", VANCOMYCIN, 24, 48),
    ):
        truth = joined(events, asked, pattern, within, before)
        states = [one[name]["state"] for one in marks]
        assert {"followed", "none"} <= set(states)
        for state, mark, running, hours in zip(
            states, marks, truth["running"], truth["hours"], strict=True
        ):
            if running:
                assert state == "running"
            elif hours is None:
                assert state == "none"
            else:
                assert mark[name]["hours"] == pytest.approx(hours, abs=1e-4)

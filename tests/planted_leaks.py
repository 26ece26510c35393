"""A ward without leaks, and the ways in which one is planted in it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from bedside.cohorts.leakage import AuditInputs, audit
from bedside.core.records.declaration import (
    Declaration,
    Evaluation,
    IntendedUse,
    Signal,
    Source,
    Threshold,
)
from bedside.core.records.features import FeatureRule
from bedside.core.records.leakage import LeakageReport
from bedside.core.records.question import Predicate, Question, Window
from bedside.features.batch import features_at
from bedside.features.definition import expand

__all__ = ["OUTCOME", "QUESTION", "Ward", "a_ward", "facts", "plain"]

OUTCOME = "OUTCOME//deterioration"
VITALS = ("LOINC//8867-4", "LOINC//8480-6", "LOINC//8310-5")
LABORATORY = ("LOINC//2160-0", "LOINC//2524-7", "LOINC//2823-3")
DIAGNOSES = ("ICD10CM//A41.9", "ICD10CM//I10", "ICD10CM//E11.9")

SCHEMA: dict[str, Any] = {
    "subject_id": pl.Int64,
    "time": pl.Datetime("us", "UTC"),
    "known_at": pl.Datetime("us", "UTC"),
    "end": pl.Datetime("us", "UTC"),
    "code": pl.String,
    "value": pl.Float64,
    "unit": pl.String,
    "text": pl.String,
    "encounter_id": pl.Int64,
    "source_row": pl.Binary,
    "replaces": pl.Binary,
}
SIGNALS = {
    "heart_rate": Signal(label="heart rate", code=VITALS[0], unit="/min"),
    "sbp": Signal(label="systolic blood pressure", code=VITALS[1], unit="mm[Hg]"),
    "temperature": Signal(label="temperature", code=VITALS[2], unit="Cel"),
    "creatinine": Signal(label="creatinine", code=LABORATORY[0], unit="mg/dL"),
    "lactate": Signal(label="lactate", code=LABORATORY[1], unit="mmol/L"),
    "potassium": Signal(label="potassium", code=LABORATORY[2], unit="mmol/L"),
    "sepsis": Signal(label="sepsis", code=DIAGNOSES[0]),
    "hypertension": Signal(label="hypertension", code=DIAGNOSES[1]),
    "diabetes": Signal(label="diabetes", code=DIAGNOSES[2]),
    "room": Signal(label="room", code="BEDSIDE//room", role="attribute"),
}
QUESTION = Question(
    ask="Will this patient deteriorate within two days?",
    predicates={
        "admission": Predicate(code="ENCOUNTER//start"),
        "discharge": Predicate(code="ENCOUNTER//end"),
        "deterioration": Predicate(code=OUTCOME),
    },
    trigger="admission",
    windows={
        "first_day": Window(start="trigger", end="trigger + 24h", index_timestamp="end"),
        "target": Window(
            start="first_day.end",
            end="start + 48h",
            start_inclusive=False,
            label="deterioration",
        ),
    },
)
FEATURES = (
    FeatureRule(
        signals=("heart_rate", "sbp", "temperature"),
        aggregates=("last", "mean", "max"),
        windows=("24h",),
    ),
    FeatureRule(
        signals=("creatinine", "lactate", "potassium"),
        aggregates=("last", "hours_since", "count"),
        windows=("24h",),
    ),
    FeatureRule(
        signals=("sepsis", "hypertension", "diabetes"), aggregates=("count",), windows=("all",)
    ),
    FeatureRule(since="MEDS_BIRTH", unit="a"),
    FeatureRule(since="ENCOUNTER//start"),
)


@dataclass(frozen=True, kw_only=True)
class Ward:
    """A declaration, the events of its patients, and when each of them is asked about."""

    declaration: Declaration
    events: pl.DataFrame
    asked: pl.DataFrame
    stays: pl.DataFrame

    def asks(self, **changes: Any) -> "Ward":
        """With parts of the question replaced."""
        return self.declares(question=replace(self.declaration.question, **changes))

    def declares(self, **changes: Any) -> "Ward":
        """With parts of the declaration replaced."""
        return replace(self, declaration=replace(self.declaration, **changes))

    def has(self, *more: pl.DataFrame) -> "Ward":
        """With more events."""
        return replace(self, events=pl.concat([self.events, *more]))

    def with_signal(self, name: str, code: str, **aggregates: Any) -> "Ward":
        """With one more signal, and a feature of it."""
        told = {**self.declaration.signals, name: Signal(label=name, code=code)}
        rule = FeatureRule(
            **{"signals": (name,), "aggregates": ("count",), "windows": ("24h",), **aggregates}
        )
        return self.declares(signals=told, features=(*self.declaration.features, rule))

    def matrix(self) -> np.ndarray:
        """Its features, by the features' own runner."""
        ordered = self.asked.with_row_index("place").sort("subject_id", "prediction_time")
        made = features_at(expand(self.declaration), self.events, ordered)
        matrix = np.empty_like(made)
        matrix[ordered["place"].to_numpy()] = made
        return matrix

    def audited(self, *, shards: int = 3, matrix: Any = None, **more: Any) -> LeakageReport:
        """What the whole audit says, the events lying in several shards."""
        made = expand(self.declaration)
        numbers = pl.col("subject_id") % shards
        return audit(
            AuditInputs(
                declaration=self.declaration,
                names=made.names,
                codes=tuple(feature.codes for feature in made.features),
                asked=self.asked,
                matrix=self.matrix() if matrix is None else matrix,
                shards=[self.events.filter(numbers == shard) for shard in range(shards)],
                recompute=lambda events, rows: features_at(made, events, rows),
                **more,
            )
        )


def plain(report: LeakageReport) -> list[str]:
    """The names of what was found."""
    return [finding.name for finding in report.findings]


def facts(
    rows: Iterable[tuple[int, int | None, datetime | None, datetime, float | None]],
    code: str,
    unit: str | None = None,
) -> pl.DataFrame:
    """Events of one code: subject, stay, time, when known, value."""
    told = list(rows)
    empty: list[None] = [None] * len(told)
    return pl.DataFrame(
        {
            "subject_id": [row[0] for row in told],
            "time": [row[2] for row in told],
            "known_at": [row[3] for row in told],
            "end": empty,
            "code": [code] * len(told),
            "value": [row[4] for row in told],
            "unit": [unit] * len(told),
            "text": empty,
            "encounter_id": [row[1] for row in told],
            "source_row": [f"{code}|{number}|{row[0]}".encode() for number, row in enumerate(told)],
            "replaces": empty,
        },
        schema=SCHEMA,
    )


def a_ward(seed: int = 0, subjects: int = 300) -> Ward:
    """Patients with one or two stays: hourly vitals, laboratory results that are reported later,
    diagnoses that are coded days after discharge, and a deterioration that some of them have.
    """
    generator = np.random.default_rng(seed)
    rows: dict[str, list[Any]] = {}
    stays: list[dict[str, Any]] = []
    for subject in range(1, subjects + 1):
        came = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=float(generator.integers(5e5)))
        born = datetime(1935, 1, 1, tzinfo=UTC) + timedelta(days=float(generator.integers(2e4)))
        rows.setdefault("MEDS_BIRTH", []).append((subject, None, born, came, None))
        for number in range(1 + int(generator.random() < 0.25)):
            stay = _stay(generator, rows, subject, 10 * subject + number, came)
            stays.append(stay)
            came = stay["left"] + timedelta(days=float(generator.uniform(10, 200)))
    units = dict.fromkeys(VITALS, "/min") | {
        LABORATORY[0]: "mg/dL", LABORATORY[1]: "mmol/L", LABORATORY[2]: "mmol/L"
    }  # fmt: skip
    events = pl.concat([facts(told, code, units.get(code)) for code, told in rows.items()])
    table = pl.DataFrame(stays)
    share = pl.col("subject_id") % 5
    asked = table.select(
        "subject_id",
        "encounter_id",
        pl.col("prediction_time").cast(pl.Datetime("us", "UTC")),
        "label",
        side=pl.when(share < 3)
        .then(pl.lit("train"))
        .when(share < 4)
        .then(pl.lit("tuning"))
        .otherwise(pl.lit("held_out")),
    )
    return Ward(
        declaration=_declaration(),
        events=events,
        asked=asked.sort("subject_id", "prediction_time"),
        stays=table,
    )


def _stay(
    generator: np.random.Generator,
    rows: dict[str, list[Any]],
    subject: int,
    encounter: int,
    came: datetime,
) -> dict[str, Any]:
    """One stay; it is asked about a day after admission, and lasts at least 30 hours."""
    ill = float(generator.normal())
    hours = 30 + float(generator.exponential(60)) + 20 * max(ill, 0.0)
    left = came + timedelta(hours=hours)
    asked = came + timedelta(hours=24)
    worse = came + timedelta(hours=float(generator.uniform(25, 25 + hours - 26)))
    has = generator.random() < 1 / (1 + np.exp(1.2 - 1.5 * ill))

    def add(code: str, time: datetime, known: datetime, value: float | None = None) -> None:
        rows.setdefault(code, []).append((subject, encounter, time, known, value))

    add("ENCOUNTER//start", came, came)
    add("ENCOUNTER//end", left, left)
    if has:
        add(OUTCOME, worse, worse + timedelta(hours=24))
    for hour in range(int(hours)):
        at = came + timedelta(hours=hour, minutes=float(generator.integers(60)))
        for code, base, spread in zip(VITALS, (80, 125, 37), (12, 15, 0.5), strict=True):
            add(code, at, at, round(base + spread * (0.5 * ill + float(generator.normal())), 1))
    for code, base in zip(LABORATORY, (1.1, 1.6, 4.1), strict=True):
        hour = float(generator.uniform(0, 5))
        while hour < hours:
            at = came + timedelta(minutes=round(60 * hour))
            seen = at + timedelta(minutes=round(float(generator.uniform(25, 150))))
            add(
                code, at, seen, round(base * float(np.exp(0.2 * ill + 0.2 * generator.normal())), 2)
            )
            hour += float(generator.choice([6, 8, 12])) + float(generator.uniform(-1, 1))
    for code in DIAGNOSES:
        if generator.random() < 0.4:
            add(code, left, left + timedelta(days=float(generator.uniform(1, 9))))
    return {
        "subject_id": subject,
        "encounter_id": encounter,
        "came": came,
        "left": left,
        "worse": worse if has else None,
        "prediction_time": asked,
        "label": int(has and worse <= asked + timedelta(hours=48)),
    }


def _declaration() -> Declaration:
    return Declaration(
        bedside=1,
        name="planted",
        title="Deterioration on a planted ward",
        intended_use=IntendedUse(
            decision="whom to see first", users=("nurses",), population="adults", not_for=("all",)
        ),
        data=Source(licence="none", release_mode="safe_harbor", source="planted"),
        signals=SIGNALS,
        question=QUESTION,
        features=FEATURES,
        evaluation=Evaluation(threshold=Threshold(value=0.5)),
    )

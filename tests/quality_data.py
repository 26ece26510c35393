"""Builders of small collected data sets for tests of preparation and quality."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from bedside.core.records.collection import Collection
from bedside.core.records.conversion import ConversionReport
from bedside.core.records.quality import QualityPlan, QualityReport
from bedside.data.quality import assess
from bedside.data.store.layout import stored

__all__ = ["START", "a_source", "an_event", "events_of", "quality_of", "reported"]

START = datetime(2020, 1, 1, tzinfo=UTC)
POTASSIUM = "LOINC//2823-3"


def a_source(**changes: Any) -> Collection:
    """A source with nothing special about it; `quality` takes the fields of a plan."""
    plan = changes.pop("quality", {})
    return Collection(
        bedside=1,
        name="ward",
        title="The ward",
        format="table",
        licence="none",
        release_mode="identified",
        known_at={},
        quality=plan if isinstance(plan, QualityPlan) else QualityPlan(**plan),
        **changes,
    )


def an_event(
    subject: int = 1,
    code: str = POTASSIUM,
    *,
    hours: float | None = 0.0,
    value: float | None = None,
    unit: str | None = None,
    text: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    """One event; `hours` after the start, None for a static fact."""
    time = None if hours is None else START + timedelta(hours=hours)
    return {
        "subject_id": subject,
        "time": time,
        "known_at": time or START,
        "end": None,
        "code": code,
        "value": value,
        "unit": unit,
        "text": text,
        "encounter_id": None,
        "source_row": None,
        "replaces": None,
        **more,
    }


def events_of(events: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """The events as they are stored; each has a record of its own where it names none."""
    rows = [
        {**event, "source_row": event["source_row"] or f"row {place}".encode()}
        for place, event in enumerate(events)
    ]
    utc = pl.Datetime("us", "UTC")
    frame = pl.DataFrame(
        rows,
        schema={
            "subject_id": pl.Int64, "time": utc, "known_at": utc, "end": utc, "code": pl.String,
            "value": pl.Float64, "unit": pl.String, "text": pl.String, "encounter_id": pl.Int64,
            "source_row": pl.Binary, "replaces": pl.Binary,
        },
    )  # fmt: skip
    return stored(frame)


def reported(**counts: Any) -> ConversionReport:
    """What the collector said."""
    return ConversionReport(name="ward", format="table", **counts)


def quality_of(
    events: Sequence[dict[str, Any]], source: Collection | None = None, **more: Any
) -> QualityReport:
    """The quality of these events."""
    frame = events_of(events)
    conversion = more.pop("conversion", reported())
    return assess(lambda: [frame], source or a_source(), conversion, **more)

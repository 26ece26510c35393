"""The facts of one state of a data set for its data sheet; few subjects are never counted."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from bedside.core.records.evidence import FEW, SUPPRESS_AT_OR_BELOW, count_shown
from bedside.core.records.policy import Act
from bedside.core.records.snapshot import SnapshotEntry
from bedside.lifecycle.opened_data import opened_data
from bedside.lifecycle.platform import Platform

__all__ = ["facts_of_snapshot", "snapshots_of"]

_NAMES = {"code": pl.String, "unit": pl.String}


def snapshots_of(platform: Platform, digest: str) -> list[SnapshotEntry]:
    """The state that a version was built from, and those of the same raw files before it.

    Args:
        platform: The workspace.
        digest: Of the snapshot, as the bundle names it.
    """
    entries = platform.store.entries()
    files = {one for entry in entries if entry.snapshot == digest for one in entry.raw_files}
    return [entry for entry in entries if entry.snapshot == digest or files & set(entry.raw_files)]


def facts_of_snapshot(
    platform: Platform, entry: SnapshotEntry, used_by: Sequence[dict[str, str]]
) -> dict[str, Any]:
    """What a state holds, by code, with the delay until each could be seen.

    Args:
        platform: The workspace.
        entry: Which state.
        used_by: The versions that were built from it, as `version` and `licence`.

    Raises:
        Refused: the policies do not permit that its counts are seen.
    """
    snapshot = opened_data(platform, Act.INSPECT, entry.snapshot)
    manifest = snapshot.manifest
    counted, late, years, subjects = [], [], [], 0
    with platform.progress.step("read", total=len(manifest.shards)) as advance:
        for events in snapshot.shards():
            named = events.with_columns(pl.col("code", "unit").cast(pl.String))
            subjects += named["subject_id"].n_unique()
            counted.append(_counted(named))
            late.append(_late(named))
            years.append(_years(named))
            advance(1)
    return {
        "name": manifest.name,
        "state": manifest.sequence,
        "snapshot": snapshot.digest,
        "zone": manifest.zone.value,
        "release_mode": manifest.release_mode,
        "created_at": manifest.created_at,
        "erased": count_shown(manifest.erased),
        "events": count_shown(manifest.rows),
        "subjects": count_shown(subjects),
        "years": _span(pl.concat(years)),
        "codes": _codes(pl.concat(counted), pl.concat(late), subjects),
        "raw_files": [
            {"name": one.name, "digest": one.digest, "records": count_shown(one.rows)}
            for one in manifest.sources
        ],
        "made_by": _made_by(platform, entry),
        "used_by": list(used_by),
    }


def _counted(events: pl.DataFrame) -> pl.DataFrame:
    return events.group_by("code", "unit").agg(
        pl.len().cast(pl.Int64).alias("events"),
        pl.col("subject_id").n_unique().cast(pl.Int64).alias("subjects"),
    )


def _late(events: pl.DataFrame) -> pl.DataFrame:
    """How many events of a code could be seen so many minutes after they happened."""
    minutes = (pl.col("known_at") - pl.col("time")).dt.total_minutes().alias("minutes")
    timed = events.filter(pl.col("time").is_not_null()).with_columns(minutes)
    return timed.group_by("code", "unit", "minutes").agg(pl.len().cast(pl.Int64).alias("events"))


def _years(events: pl.DataFrame) -> pl.DataFrame:
    timed = events.filter(pl.col("time").is_not_null())
    return timed.group_by(pl.col("time").dt.year().alias("year")).agg(
        pl.col("subject_id").n_unique().cast(pl.Int64).alias("subjects")
    )


def _span(years: pl.DataFrame) -> dict[str, int] | None:
    """The first and the last year with events of more than ten subjects."""
    many = years.group_by("year").agg(pl.col("subjects").sum())
    known = many.filter(pl.col("subjects") > SUPPRESS_AT_OR_BELOW)["year"]
    if known.is_empty():
        return None
    first, last = known.min(), known.max()
    return {"first": int(first), "last": int(last)}  # type: ignore[arg-type]


def _codes(counted: pl.DataFrame, late: pl.DataFrame, subjects: int) -> list[dict[str, Any]]:
    """Each code with its counts, the share of subjects without it, and its delay."""
    whole = (
        counted.group_by("code", "unit").sum().sort(["events", "code"], descending=[True, False])
    )
    delays = {(code, unit): part for (code, unit), part in late.group_by("code", "unit")}
    made = []
    for code, unit, events, who in whole.select("code", "unit", "events", "subjects").iter_rows():
        hidden = who <= SUPPRESS_AT_OR_BELOW
        absent = subjects - who
        few = hidden or 0 < absent <= SUPPRESS_AT_OR_BELOW
        made.append(
            {
                "code": code,
                "unit": unit,
                "events": FEW if hidden and events <= SUPPRESS_AT_OR_BELOW else events,
                "subjects": FEW if hidden else ("nearly all" if few else who),
                "without": None if few else round(absent / subjects, 4),
                "delay_hours": None if hidden else _delay(delays.get((code, unit))),
            }
        )
    return made


def _delay(late: pl.DataFrame | None) -> dict[str, float] | None:
    """The median and the 95th percentile of the delay, in hours."""
    if late is None or late["events"].sum() <= SUPPRESS_AT_OR_BELOW:
        return None
    ordered = late.group_by("minutes").agg(pl.col("events").sum()).sort("minutes")
    share = ordered["events"].cum_sum() / ordered["events"].sum()

    def at(level: float) -> float:
        place = int((share >= level).arg_max() or 0)
        return round(float(ordered["minutes"][place]) / 60, 2)

    return {"median": at(0.5), "p95": at(0.95)}


def _made_by(platform: Platform, entry: SnapshotEntry) -> list[dict[str, str]]:
    """The runs that made it, and of what; the newest of each."""
    names = {one.snapshot: one.name for one in platform.store.catalogue.entries()}
    steps = {
        (edge.job, edge.source.id): edge
        for edge in platform.store.catalogue.edges()
        if edge.output.id == entry.snapshot
    }
    return [
        {
            "job": edge.job,
            "source": f"{edge.source.kind} {names.get(source, source[:12])}",
            "at": edge.at,
        }
        for (_, source), edge in steps.items()
    ]

"""From what was collected to what may be learnt from: prepared, judged, told to a steward."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from bedside.core.errors import Refused
from bedside.core.ids import canonical_json
from bedside.core.records.collection import Collection
from bedside.core.records.conversion import ConversionReport
from bedside.core.records.lineage import Node
from bedside.core.records.policy import Act
from bedside.core.records.quality import QualityReport
from bedside.core.records.version import GateResult
from bedside.data.prepare import prepare_events
from bedside.data.quality import assess, figures_of, judge_quality, render_html
from bedside.data.store.merging import fold_merges
from bedside.data.store.snapshot import Snapshot
from bedside.lifecycle.data import keep_snapshot
from bedside.lifecycle.opened_data import opened_data
from bedside.lifecycle.platform import Platform

__all__ = ["Judged", "judged_source", "prepared_source"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The quality of a data set, its gates, and where the report for a steward lies."""

    report: QualityReport
    gates: tuple[GateResult, ...]
    page: Path
    figures: Path


def judged_source(platform: Platform, source: Collection) -> Judged:
    """Judge the quality of `NAME/collected`, and write the report as HTML and as JSON.

    Raises:
        NotFound: nothing was collected under this name.
    """
    collected = opened_data(platform, Act.INSPECT, f"{source.name}/collected")
    report = assess(
        lambda: _folded(collected), source, _conversion(platform, source), now=platform.clock.now()
    )
    gates = judge_quality(report, source.quality)
    folder = platform.folder / "reports" / source.name
    page, figures = folder / "quality.html", folder / "quality.json"
    platform.write(page, render_html(report, gates).encode())
    platform.write(figures, canonical_json(figures_of(report, gates)))
    platform.ledger.append(
        platform.actor,
        "quality",
        {
            "name_of_data": collected.entry.name,
            "snapshot": collected.digest,
            "gates_passed": all(gate.passed for gate in gates),
        },
    )
    return Judged(report=report, gates=gates, page=page, figures=figures)


def prepared_source(platform: Platform, source: Collection, judged: Judged) -> Snapshot:
    """Keep what is fit for learning as `NAME/prepared`: in canonical units, plausible.

    What was corrected later stays, so that any moment before can be replayed. What was converted
    and what was set aside is counted in `preparation.json` beside the quality report.

    Raises:
        Refused: the data do not keep a declared gate (code `quality_gate`).
    """
    failed = [gate.text for gate in judged.gates if not gate.passed]
    if failed:
        raise Refused(
            f"The data do not keep their gates: {'; '.join(failed)}.",
            fix=f"read {judged.page}, mend the source, or change its gates.",
            code="quality_gate",
        )
    collected = opened_data(platform, Act.COLLECT, f"{source.name}/collected")
    shards, preparation = prepare_events(lambda: _folded(collected), source, keeps_history=True)
    manifest = collected.manifest
    with platform.progress.step("prepare"):
        snapshot = keep_snapshot(
            platform,
            f"{source.name}/prepared",
            shards,
            job="prepare",
            source=Node(kind="snapshot", id=collected.digest),
            run_id=str(uuid.uuid4()),
            zone=manifest.zone,
            release_mode=manifest.release_mode,
            salt=manifest.salt,
            files=manifest.sources,
        )
    told = canonical_json(preparation.figures())
    platform.write(judged.page.with_name("preparation.json"), told)
    return snapshot


def _folded(collected: Snapshot) -> Iterator[pl.DataFrame]:
    return (fold_merges(shard) for shard in collected.shards())


def _conversion(platform: Platform, source: Collection) -> ConversionReport:
    """What the last collecting of this source that added something reported."""
    name, found = f"{source.name}/collected", ""
    for entry in platform.ledger.entries():
        if entry.action == "collect.done" and entry.details["name_of_data"] == name:
            found = entry.details["report"]
    if not found or not platform.objects.has(found):
        return ConversionReport(name=source.name, format=source.format)
    return ConversionReport(**json.loads(platform.objects.get(found)))

"""Writing a snapshot's events as plain files for others, for a purpose that is recorded."""

import uuid
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl

from bedside import __version__
from bedside.core.clock import iso
from bedside.core.errors import Invalid
from bedside.core.records.lineage import Edge, Node
from bedside.core.records.policy import Act
from bedside.data.export_meds import MedsExport
from bedside.data.store.snapshot import Snapshot
from bedside.lifecycle.opened_data import opened_data
from bedside.lifecycle.platform import Platform

__all__ = ["export"]

FORMATS = ("parquet", "csv", "meds")


def export(
    platform: Platform,
    reference: str,
    target: Path,
    *,
    moment: datetime | None = None,
    form: str = "parquet",
) -> dict[str, Any]:
    """Write a snapshot's events as plain files, one to a shard, for a purpose that is recorded.

    The files are not encrypted: whoever exports them answers for them.

    Args:
        platform: The workspace; its actor's purpose goes into the ledger.
        reference: The snapshot.
        target: A folder that is empty or does not exist yet.
        moment: Only what was known then, as it was known; or everything, with its corrections.
        form: `parquet` or `csv`, with every column of the event table; or `meds`, a data set of
            MEDS 0.4 without corrections, beside a report of what MEDS cannot say.

    Raises:
        Invalid: the folder holds something, or there is no such form.
        NotFound, Refused: as `EventStore.open`.
        Unavailable: the disk is full or refuses.
    """
    if form not in FORMATS:
        raise Invalid("There is no such form.", fix=f"use one of: {', '.join(FORMATS)}.")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise Invalid("The folder to export to is not empty.", fix="give a new folder.")
    snapshot = opened_data(platform, Act.EXPORT, reference)
    run = str(uuid.uuid4())
    told = {"snapshot": snapshot.digest, "as_of": None if moment is None else iso(moment)}
    platform.ledger.append(platform.actor, "export", {**told, "form": form})
    if form == "meds":
        written = _meds_files(platform, snapshot, target, moment)
    else:
        written = _table_files(platform, snapshot, target, moment, form)
    edge = Edge(
        at=iso(platform.clock.now()),
        job="export",
        run=run,
        source=Node(kind="snapshot", id=snapshot.digest),
        output=Node(kind="export", id=run),
    )
    platform.store.catalogue.record([edge])
    return {**told, **written, "form": form}


def _table_files(
    platform: Platform, snapshot: Snapshot, target: Path, moment: datetime | None, form: str
) -> dict[str, Any]:
    """Each shard as a file of events with every column."""
    frames = snapshot.shards() if moment is None else snapshot.as_of(moment)
    rows = 0
    with platform.progress.step("export", total=len(snapshot.manifest.shards)) as advance:
        for number, events in enumerate(frames):
            rows += events.height
            platform.write(target / f"events-{number:04d}.{form}", _written(events, form))
            advance(1)
    return {"events": rows, "files": len(snapshot.manifest.shards)}


def _meds_files(
    platform: Platform, snapshot: Snapshot, target: Path, moment: datetime | None
) -> dict[str, Any]:
    """A data set of MEDS 0.4: `data/`, `metadata/`, and what it cannot say in `loss.json`."""
    made = MedsExport(moment=moment)
    files = 0
    with platform.progress.step("export", total=len(snapshot.manifest.shards)) as advance:
        for number, events in enumerate(snapshot.shards()):
            content = made.shard(events)
            if content is not None:
                platform.write(target / "data" / f"{number:04d}.parquet", content)
                files += 1
            advance(1)
    about = made.metadata(
        name=snapshot.manifest.name,
        version=snapshot.digest,
        etl_version=__version__,
        created_at=platform.clock.now(),
    )
    for name, content in about.items():
        platform.write(target / name, content)
    loss = made.loss
    return {"events": loss.events, "files": files, "loss": loss.as_json(), "lost": loss.words()}


def _written(events: pl.DataFrame, form: str) -> bytes:
    buffer = BytesIO()
    if form == "parquet":
        events.write_parquet(buffer)
    else:
        binary = [name for name, kind in events.schema.items() if kind == pl.Binary]
        events.with_columns(pl.col(binary).bin.encode("hex")).write_csv(buffer)
    return buffer.getvalue()

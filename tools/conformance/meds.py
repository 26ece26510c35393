"""MEDS data sets, read and written again, against the schemas of the `meds` package itself."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
from meds import schema as meds

from bedside.core.records.collection import Collection
from bedside.core.records.release_mode import ReleaseMode
from bedside.data.collect.facts import Batch, Part
from bedside.data.collect.formats.bounded_parquet import as_rows
from bedside.data.collect.formats.meds import READER
from bedside.data.export_meds import MedsExport
from bedside.data.store.layout import stored
from conformance.suite import Case, Suite, members

__all__ = ["checks", "collected", "events_of", "run"]

FOLDERS = ("mimic-iv-demo-meds", "aces-meds-samples")
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
SOURCE = Collection(
    bedside=1,
    name="conformance",
    title="A data set of MEDS",
    format="meds",
    licence="that of the data set",
    release_mode=ReleaseMode.SAFE_HARBOR,
    known_at={},
    timezone="UTC",
)


def run(data: Path) -> Suite:
    """Read every Parquet file of both data sets as MEDS, write it as MEDS, and have it judged.

    Args:
        data: The folder that holds `mimic-iv-demo-meds` and `aces-meds-samples`.
    """
    cases = []
    for folder in FOLDERS:
        for name, content in members(data / folder).items():
            if name.endswith(".parquet"):
                cases += [
                    Case(
                        name=f"{name}: {check}",
                        group=folder,
                        status="fail" if reason else "pass",
                        reason=reason,
                    )
                    for check, reason in checks(name, content, collected(content))
                ]
    return Suite(name="MEDS 0.4", cases=tuple(cases))


def collected(content: bytes) -> Batch:
    """What the collector makes of one file of MEDS."""
    part = as_rows(Part(name="events.parquet", content=content))
    return READER.collect(part, SOURCE, lambda _: None)


def events_of(batch: Batch) -> pl.DataFrame:
    """The events of one file of MEDS, each known an hour after it happened.

    Subjects keep their numbers, so that what is written can be compared with what was read.
    """
    hour = pl.duration(hours=1)
    events = batch.facts.with_columns(
        pl.col("subject").cast(pl.Int64).alias("subject_id"),
        pl.coalesce(pl.col("time") + hour, pl.lit(NOW)).alias("known_at"),
        pl.col("encounter").cast(pl.Int64).alias("encounter_id"),
        pl.col("record").alias("source_row"),
        pl.lit(None, dtype=pl.Binary).alias("replaces"),
        pl.col("offset").alias("source_offset"),
        pl.lit(0, dtype=pl.Int32).alias("source_file"),
    )
    return stored(events)


def checks(name: str, content: bytes, batch: Batch) -> Iterator[tuple[str, str]]:
    """Each check of one file, and the reason why it is not passed.

    Args:
        name: Of the file.
        content: Its bytes.
        batch: What the collector made of it.
    """
    if batch.bad or batch.facts.is_empty():
        reasons = {bad.reason for bad in batch.bad} or {"it gave no fact"}
        yield "it is read", "; ".join(sorted(reasons))
        return
    yield "it is read", ""
    export = MedsExport()
    written = export.shard(events_of(batch)) or b""
    about = export.metadata(name=name, version="", etl_version="", created_at=NOW)
    data = pq.read_table(BytesIO(written))
    codes = pq.read_table(BytesIO(about[meds.code_metadata_filepath]))
    dataset = json.loads(about[meds.dataset_metadata_filepath])
    yield "the data are accepted", _refused(lambda: meds.DataSchema.validate(data))
    yield "the codes are accepted", _refused(lambda: meds.CodeMetadataSchema.validate(codes))
    yield "the data set is accepted", _refused(lambda: meds.DatasetMetadataSchema.validate(dataset))
    rows = pl.read_parquet(BytesIO(written))
    yield "each subject is whole and in the order of time", _disorder(rows)
    known = set(codes["code"].to_pylist())
    unknown = set(rows["code"].unique()) - known
    yield "every code is in codes.parquet", f"{len(unknown)} are not" if unknown else ""
    yield "nothing is lost that MEDS can say", _lost(_strict(content), rows)


def _refused(validate: Callable[[], object]) -> str:
    try:
        validate()
    except Exception as error:  # whatever the package raises is its verdict
        return f"{type(error).__name__}: {error}"
    return ""


def _disorder(rows: pl.DataFrame) -> str:
    runs = rows.select(pl.col("subject_id").rle().struct.field("value").alias("subject_id"))
    if runs["subject_id"].n_unique() != runs.height:
        return "a subject stands in two places"
    before = pl.col("time").shift(1).over("subject_id")
    first_is_dated = before.is_not_null()
    late = (pl.col("time") < before) | (pl.col("time").is_null() & first_is_dated)
    return "a time stands before an earlier one" if rows.select(late.any()).item() else ""


def _strict(content: bytes) -> pl.DataFrame:
    """The file in the columns and types of strict MEDS, by no code of Bedside."""
    raw = pl.read_parquet(BytesIO(content)).rename({"value": "numeric_value"}, strict=False)
    if "text_value" not in raw.columns:
        raw = raw.with_columns(pl.lit(None, dtype=pl.String).alias("text_value"))
    return raw.select(
        pl.col("subject_id").cast(pl.Int64),
        pl.col("time").cast(pl.Datetime("us")),
        pl.col("code").cast(pl.String),
        pl.col("numeric_value").cast(pl.Float32),
        pl.col("text_value"),
    )


def _lost(wanted: pl.DataFrame, got: pl.DataFrame) -> str:
    """Whether both hold the same rows, however often, in any order."""
    if wanted.height != got.height:
        return f"{wanted.height} events became {got.height}"
    same = wanted.hash_rows().sort().equals(got.select(wanted.columns).hash_rows().sort())
    return "" if same else "an event is another one"

"""Scoring every row that a version's question asks for, over shards; one entry in the ledger."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from bedside.core.errors import Invalid, Refused
from bedside.core.ids import canonical_json, digest_bytes, digest_of
from bedside.core.records.bundle import FEATURES, Bundle
from bedside.core.records.declaration import Declaration
from bedside.core.records.event import MERGED_INTO
from bedside.core.records.policy import Act
from bedside.core.records.version import ModelVersion, Stage
from bedside.data.prepare import prepare
from bedside.data.store.merging import fold_merges
from bedside.data.store.snapshot import Snapshot
from bedside.features.definition import feature_set_from_json
from bedside.features.inputs import as_served, plausible_ranges
from bedside.features.inputs_at import ASIDE, rejecting_codes
from bedside.lifecycle.asking import Asking, steps_of
from bedside.lifecycle.cohort import received_file, rows_by_shard
from bedside.lifecycle.frames import frame_bytes, frame_of
from bedside.lifecycle.intake import FileIntake, Intake, SourceIntake
from bedside.lifecycle.patients import new_intake
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle
from bedside.lifecycle.scoring_task import read_result
from bedside.lifecycle.suspending import may_go_further

__all__ = ["SCORE_WORK", "BatchScores", "score_version", "set_aside"]

SCORE_WORK = "bedside.wiring.score_work:score"
TREATMENT = "treatment"
ROWS = 1 << 20
"""Rows of one task; a shard of many rows is scored in several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchScores:
    """What `score_version` did.

    `output` is the digest of a sealed object that names the sealed `parts`, Parquet all, in their
    order; `counts` how many rows came to each outcome; `file` the digest of what was written
    outside, and where.
    """

    version: ModelVersion
    snapshot: str
    output: str
    parts: tuple[str, ...]
    rows: int
    subjects: int
    counts: dict[str, int]
    to: str | None = None
    file: str | None = None

    def tables(self, platform: Platform) -> Iterator[pl.DataFrame]:
        """The rows, part by part."""
        for part in self.parts:
            yield frame_of(platform.objects.get(part))


def score_version(
    platform: Platform,
    version_id: str,
    data: Path | None = None,
    *,
    reasons: bool = False,
    to: Path | None = None,
) -> BatchScores:
    """Score every row that the version's question asks for in these data.

    Who gets an abstention at the bedside gets the same here. What is done of it is kept by
    shard: stopped and run again, it goes on.

    Args:
        platform: The workspace. The data of a model of a collected source were collected into it.
        version_id: Which version.
        data: The folder with the data, or one file; None: what the source holds now, or what is
            bundled.
        reasons: Whether to say what moved each score; each row then takes as long as at the
            bedside.
        to: A Parquet file that is not there yet. It is not encrypted: it leaves the workspace,
            which the ledger records before it is written.

    Raises:
        NotFound: there is no such version, or no such data.
        Invalid: the data are not as the declaration says, nobody in them is asked about, or `to`
            does not end in .parquet.
        Refused: the bundle is not intact, the purpose is treatment and the version is not live
            (`not_released`) or suspended (`suspended`), or `to` is there already (`file_exists`).
        Unavailable: an engine, the store or the disk refuses; run it again.
    """
    version = platform.registry.get(version_id)
    _check(platform, version, to)
    with platform.lock():
        bundle = open_bundle(platform, version)
        batch = _Batch(platform, version, bundle, data)
        done = batch.run(reasons=reasons)
        _record(platform, done, reasons=reasons)
        return done if to is None else _exported(platform, done, to)


class _Batch:
    """One version and the rows that it is asked about."""

    def __init__(
        self, platform: Platform, version: ModelVersion, bundle: Bundle, data: Path | None
    ) -> None:
        self._platform, self._version, self._bundle = platform, version, bundle
        intake = _intake(platform, bundle, data)
        index = platform.folder / "steps" / digest_of(intake.declaration.name)
        self._asking = Asking(
            platform=platform,
            declaration=intake.declaration,
            intake=intake,
            steps=steps_of(platform, index),
            act=Act.SCORE,
        )
        self._index = index
        collected = self._asking.collect()
        prepared = self._asking.prepare(collected)
        self._collected = intake.collected(self._asking.steps.read(collected, "snapshot").decode())
        self._snapshot = self._asking.prepared(prepared)

    def run(self, *, reasons: bool) -> BatchScores:
        """Score what is not scored yet."""
        platform, snapshot = self._platform, self._snapshot
        with platform.progress.step("question"):
            asked = self._asking.answered(snapshot).rows.select("subject_id", "prediction_time")
        if asked.is_empty():
            raise Invalid(
                "Nobody in these data is asked about.",
                fix="see where they are lost: bedside question flow.",
                code="nobody_asked",
            )
        tasks = self._tasks(asked, reasons=reasons)
        results = self._results(tasks, asked.height)
        counts: dict[str, int] = {"score": 0, "abstention": 0, "failure": 0}
        for one in results:
            for outcome, count in one["counts"].items():
                counts[outcome] += count
        parts = tuple(str(one["part"]) for one in results)
        told = {"version": self._version.id, "snapshot": snapshot.digest, "parts": list(parts)}
        return BatchScores(
            version=self._version,
            snapshot=snapshot.digest,
            output=platform.objects.put(canonical_json(told)),
            parts=parts,
            rows=asked.height,
            subjects=asked["subject_id"].n_unique(),
            counts=counts,
        )

    def _tasks(self, asked: pl.DataFrame, *, reasons: bool) -> list[bytes]:
        platform, snapshot = self._platform, self._snapshot
        common = {
            "workspace": str(platform.folder.resolve()),
            "bundle": self._bundle.digest,
            "version": self._version.id,
            "snapshot": f"{snapshot.entry.name}@{snapshot.digest}",
            "asked": platform.objects.put(frame_bytes(asked)),
            "aside": platform.objects.put(frame_bytes(set_aside(self._collected, self._bundle))),
            "reasons": reasons,
        }
        return [
            canonical_json(common | {"shard": number, "rows": [at, min(at + ROWS, end)]})
            for number, (start, end) in enumerate(rows_by_shard(snapshot, asked))
            for at in range(start, end, ROWS)
        ]

    def _results(self, tasks: list[bytes], rows: int) -> list[dict[str, Any]]:
        """What came of each task; what an earlier run made is found again."""
        platform, kept = self._platform, self._index / "scores"
        places = [kept / f"{digest_of([task.decode(), platform.code])}.json" for task in tasks]
        done = [self._kept(place) for place in places]
        missing = [at for at, one in enumerate(done) if one is None]
        with platform.progress.step("score", total=rows) as advance:
            advance(sum(one["rows"] for one in done if one is not None))
            made = platform.engine.map(SCORE_WORK, [tasks[at] for at in missing])
            for at, result in zip(missing, made, strict=True):
                told = read_result(result)
                platform.write(places[at], result)
                done[at] = told
                advance(told["rows"])
        return [one for one in done if one is not None]

    def _kept(self, place: Path) -> dict[str, Any] | None:
        if not place.is_file():
            return None
        told = read_result(place.read_bytes())
        return told if self._platform.objects.has(told["part"]) else None


def set_aside(collected: Snapshot, bundle: Bundle) -> pl.DataFrame:
    """The implausible values for which a row is not scored, as `check_rows` takes them.

    Args:
        collected: As they were before they were prepared.
        bundle: Says what is plausible.
    """
    features = feature_set_from_json(bundle.files[FEATURES])
    served = as_served(bundle.declaration, features)
    codes = list(rejecting_codes(served))
    merging = (pl.col("code") == MERGED_INTO) | pl.col("replaces").is_not_null()
    found = []
    for shard in collected.shards(where=merging | _doubtful(served)):
        events = fold_merges(shard).filter(
            pl.col("code").cast(pl.String).is_in(codes) & pl.col("value").is_not_null()
        )
        events = events.with_row_index("_row")
        clean, _ = prepare(events, served.signals)
        kept = clean.filter(pl.col("value").is_not_null())
        gone = events.join(kept.select("_row"), on="_row", how="anti", maintain_order="left")
        found.append(gone.select(pl.col(ASIDE)).with_columns(pl.col("code").cast(pl.String)))
    return pl.concat(found)


def _doubtful(served: Declaration) -> pl.Expr:
    """Values that are outside the range of a required signal, or not in its unit."""
    ranges = plausible_ranges(served.signals)
    alike: dict[tuple[str | None, float, float], list[str]] = {}
    for code in rejecting_codes(served):
        rule = ranges[code]
        alike.setdefault((rule.unit, rule.low, rule.high), []).append(code)
    value, doubtful = pl.col("value"), pl.lit(False)
    for (unit, low, high), codes in alike.items():
        other = pl.col("unit").cast(pl.String).ne_missing(pl.lit(unit, dtype=pl.String))
        outside = ~value.is_between(low, high)
        doubtful |= pl.col("code").is_in(codes) & value.is_not_null() & (outside | other)
    return doubtful


def _intake(platform: Platform, bundle: Bundle, data: Path | None) -> Intake:
    declared: Declaration = bundle.declaration
    if data is not None:
        return new_intake(platform, bundle, data)
    named = replace(declared, name=f"{declared.name}/scored")
    if declared.data.source:
        return SourceIntake(platform=platform, declaration=named)
    return FileIntake(platform=platform, declaration=named, received=received_file(declared, None))


def _check(platform: Platform, version: ModelVersion, to: Path | None) -> None:
    if platform.actor.purpose == TREATMENT and version.stage is Stage.LIVE:
        may_go_further(platform, version, Stage.LIVE)
    elif platform.actor.purpose == TREATMENT:
        raise Refused(
            f"{version.id} is {version.stage}, so its scores may not be used for treatment.",
            fix="release it to live, or say with --purpose what the scores are for, such as "
            "validation.",
            code="not_released",
        )
    if to is None:
        return
    if to.suffix != ".parquet":
        raise Invalid("The file's name does not end in .parquet.", fix="give such a name.")
    if to.exists():
        raise Refused("The file is there already.", fix="give another name.", code="file_exists")


def _record(platform: Platform, done: BatchScores, *, reasons: bool) -> None:
    platform.ledger.append(
        platform.actor,
        "score",
        {
            "version": done.version.id,
            "bundle": done.version.bundle,
            "stage": str(done.version.stage),
            "snapshot": done.snapshot,
            "output": done.output,
            "reasons": reasons,
            "rows_count": done.rows,
            "subjects_count": done.subjects,
            **{f"{outcome}_count": count for outcome, count in done.counts.items()},
        },
    )


def _exported(platform: Platform, done: BatchScores, to: Path) -> BatchScores:
    """One plain file of all parts; that it leaves is in the ledger before it does."""
    buffer = BytesIO()
    about = {b"version": done.version.id.encode(), b"output": done.output.encode()}
    writer: pq.ParquetWriter | None = None
    for table in done.tables(platform):
        rows = table.to_arrow()
        if writer is None:
            schema = rows.schema.with_metadata(about)
            writer = pq.ParquetWriter(buffer, schema, compression="zstd")
        writer.write_table(rows.cast(writer.schema))
    if writer is not None:
        writer.close()
    digest = digest_bytes(buffer.getvalue())
    platform.ledger.append(
        platform.actor,
        "score.export",
        {
            "version": done.version.id,
            "output": done.output,
            "file": digest,
            "rows_count": done.rows,
        },
    )
    platform.write(to, buffer.getvalue())
    return replace(done, to=str(to), file=digest)

"""What came of scoring many rows: sealed parts, one entry in the ledger, and a file for others."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from bedside.core.errors import Invalid, Refused
from bedside.core.ids import canonical_json, digest_bytes, digest_of
from bedside.core.records.version import ModelVersion, Stage
from bedside.lifecycle.frames import frame_of
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.scored_table import read_result
from bedside.lifecycle.suspending import may_go_further

__all__ = [
    "BatchScores",
    "check_scoring",
    "exported_scores",
    "has_scores_of",
    "record_scores",
    "results_of",
    "sealed_scores",
]

TREATMENT = "treatment"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchScores:
    """What scoring many rows did.

    `of` is the digest of what was scored: of a snapshot of events, or of a table where `is_table`.
    `output` is the digest of a sealed object that names the sealed `parts`, Parquet all, in their
    order; `counts` how many rows came to each outcome; `left_out` how many rows of a table were
    not scored because their patients refused it, or were erased; `file` the digest of what was
    written outside, and where.
    """

    version: ModelVersion
    of: str
    output: str
    parts: tuple[str, ...]
    rows: int
    subjects: int
    counts: dict[str, int]
    is_table: bool = False
    left_out: int = 0
    to: str | None = None
    file: str | None = None

    def tables(self, platform: Platform) -> Iterator[pl.DataFrame]:
        """The rows, part by part."""
        for part in self.parts:
            yield frame_of(platform.objects.get(part))


def results_of(
    platform: Platform, work: str, tasks: list[bytes], index: Path, rows: int
) -> list[dict[str, Any]]:
    """What came of each task; what an earlier run made is found again.

    Args:
        platform: Its engine does them.
        work: As the engine names it; it answers as `read_result` reads.
        tasks: Named by digests.
        index: Where it is noted what is done.
        rows: Of all tasks.
    """
    kept = index / "scores"
    places = [kept / f"{digest_of([task.decode(), platform.code])}.json" for task in tasks]
    done = [_kept(platform, place) for place in places]
    missing = [at for at, one in enumerate(done) if one is None]
    with platform.progress.step("score", total=rows) as advance:
        advance(sum(one["rows"] for one in done if one is not None))
        made = platform.engine.map(work, [tasks[at] for at in missing])
        for at, result in zip(missing, made, strict=True):
            told = read_result(result)
            platform.write(places[at], result)
            done[at] = told
            advance(told["rows"])
    return [one for one in done if one is not None]


def _kept(platform: Platform, place: Path) -> dict[str, Any] | None:
    if not place.is_file():
        return None
    told = read_result(place.read_bytes())
    return told if platform.objects.has(told["part"]) else None


def has_scores_of(platform: Platform, subjects: Collection[int]) -> bool:
    """Whether a sealed result that can still be read holds a row of one of these pseudonyms."""
    for place in (platform.folder / "steps").glob("*/scores/*.json"):
        told = _kept(platform, place)
        if told is not None:
            held = frame_of(platform.objects.get(told["part"]))["subject_id"]
            if held.is_in(list(subjects)).any():
                return True
    return False


def sealed_scores(
    platform: Platform,
    version: ModelVersion,
    results: list[dict[str, Any]],
    *,
    of: str,
    is_table: bool,
    subjects: int,
) -> BatchScores:
    """Seal the list of the parts, and count the outcomes."""
    counts: dict[str, int] = {"score": 0, "abstention": 0, "failure": 0}
    for one in results:
        for outcome, count in one["counts"].items():
            counts[outcome] += count
    parts = tuple(str(one["part"]) for one in results)
    kind = "table" if is_table else "snapshot"
    told = {"version": version.id, kind: of, "parts": list(parts)}
    return BatchScores(
        version=version,
        of=of,
        output=platform.objects.put(canonical_json(told)),
        parts=parts,
        rows=sum(one["rows"] for one in results),
        subjects=subjects,
        counts=counts,
        is_table=is_table,
    )


def check_scoring(platform: Platform, version: ModelVersion, to: Path | None) -> None:
    """See that the scores may be used for the purpose, and that they can be written.

    Raises:
        Refused: for treatment, and the version is not live (`not_released`) or suspended
            (`suspended`); or `to` is there already (`file_exists`).
        Invalid: `to` does not end in .parquet.
    """
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


def record_scores(platform: Platform, done: BatchScores, *, reasons: bool) -> None:
    """One entry in the ledger, without a row."""
    of_table = {"is_table": True, "left_out_count": done.left_out} if done.is_table else {}
    platform.ledger.append(
        platform.actor,
        "score",
        {
            "version": done.version.id,
            "bundle": done.version.bundle,
            "stage": str(done.version.stage),
            "snapshot": done.of,
            "output": done.output,
            "reasons": reasons,
            "rows_count": done.rows,
            "subjects_count": done.subjects,
            **{f"{outcome}_count": count for outcome, count in done.counts.items()},
            **of_table,
        },
    )


def exported_scores(platform: Platform, done: BatchScores, to: Path) -> BatchScores:
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

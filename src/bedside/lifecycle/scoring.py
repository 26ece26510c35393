"""Scoring every row that a version's question asks for, over shards; one entry in the ledger."""

from dataclasses import replace
from pathlib import Path

import polars as pl

from bedside.core.errors import Invalid
from bedside.core.ids import canonical_json, digest_of
from bedside.core.records.bundle import FEATURES, Bundle
from bedside.core.records.declaration import Declaration
from bedside.core.records.event import MERGED_INTO
from bedside.core.records.policy import Act
from bedside.core.records.version import ModelVersion
from bedside.data.prepare import prepare
from bedside.data.store.merging import fold_merges
from bedside.data.store.snapshot import Snapshot
from bedside.features.definition import feature_set_from_json
from bedside.features.inputs import as_served, plausible_ranges
from bedside.features.inputs_at import ASIDE, rejecting_codes
from bedside.lifecycle.asking import Asking, steps_of
from bedside.lifecycle.cohort import received_file, rows_by_shard
from bedside.lifecycle.frames import frame_bytes
from bedside.lifecycle.intake import FileIntake, Intake, SourceIntake
from bedside.lifecycle.patients import new_intake
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle
from bedside.lifecycle.scores import (
    BatchScores,
    check_scoring,
    exported_scores,
    record_scores,
    results_of,
    sealed_scores,
)

__all__ = ["SCORE_WORK", "score_version", "set_aside"]

SCORE_WORK = "bedside.wiring.score_work:score"
ROWS = 1 << 20
"""Rows of one task; a shard of many rows is scored in several."""


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
    check_scoring(platform, version, to)
    with platform.lock():
        bundle = open_bundle(platform, version)
        batch = _Batch(platform, version, bundle, data)
        done = batch.run(reasons=reasons)
        record_scores(platform, done, reasons=reasons)
        return done if to is None else exported_scores(platform, done, to)


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
        results = results_of(platform, SCORE_WORK, tasks, self._index, asked.height)
        return sealed_scores(
            platform,
            self._version,
            results,
            of=snapshot.digest,
            is_table=False,
            subjects=asked["subject_id"].n_unique(),
        )

    def _tasks(self, asked: pl.DataFrame, *, reasons: bool) -> list[bytes]:
        platform, snapshot = self._platform, self._snapshot
        common = {
            "workspace": str(platform.folder.resolve()),
            "bundle": self._bundle.digest,
            "version": self._version.id,
            "snapshot": f"{snapshot.entry.name}@{snapshot.digest}",
            "aside": platform.objects.put(frame_bytes(set_aside(self._collected, self._bundle))),
            "reasons": reasons,
        }

        def task(shard: int, rows: pl.DataFrame) -> bytes:
            own = {"shard": shard, "asked": platform.objects.put(frame_bytes(rows))}
            return canonical_json(common | own)

        return [
            task(number, asked[at : min(at + ROWS, end)])
            for number, (start, end) in enumerate(rows_by_shard(snapshot, asked))
            for at in range(start, end, ROWS)
        ]


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

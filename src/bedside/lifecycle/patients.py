"""The patients on whom a version is judged: those of its own build once more, or others."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.core.clock import iso, parse_instant
from bedside.core.errors import Invalid, NotFound
from bedside.core.ids import digest_bytes, digest_of
from bedside.core.records.bundle import FEATURES, LEARNT, MANIFEST, MODEL, Bundle
from bedside.core.records.declaration import Declaration
from bedside.core.records.flow import FlowStep
from bedside.core.records.lineage import Node
from bedside.core.records.snapshot import SnapshotEntry
from bedside.core.records.version import ModelVersion
from bedside.data.collect.reading import Received, kept_file
from bedside.data.store.snapshot import Snapshot
from bedside.develop.evaluate.statistics import Rows
from bedside.features.definition import FeatureSet, feature_set_from_json
from bedside.lifecycle.asking import Asking, steps_of
from bedside.lifecycle.cohort import groups_of, received_file
from bedside.lifecycle.frames import array_bytes, array_of, frame_bytes, frame_of
from bedside.lifecycle.intake import FileIntake, Intake, SourceIntake
from bedside.lifecycle.judging import judged_rows
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.shards import features_of_snapshot
from bedside.lifecycle.steps import Done
from bedside.models.form_json import form_from_json

__all__ = [
    "Patients",
    "digest_of_data",
    "elsewhere",
    "entry_of",
    "facts_of",
    "new_intake",
    "new_patients",
    "own_patients",
    "same_data",
]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
TABLES = tuple(f"{end}{more}" for end in (".csv", ".parquet", ".arff") for more in ("", ".gz"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Patients:
    """Asked rows of known label, shape (n,), as one version sees them.

    Args:
        bundle: Of the version.
        declaration: The version's; of others, under a name of their own.
        snapshot: The prepared events.
        events: Those that say to which subgroup a subject belongs.
        asked: By subject, then time; of the version's own build, with `side`.
        matrix: Shape (n, k), the version's own features.
        flow: How the rows were arrived at.
        quality: What became of the raw rows, and what was set aside.
        run_id: Of this run, in the lineage.
    """

    bundle: Bundle
    declaration: Declaration
    snapshot: Snapshot
    events: pl.DataFrame
    asked: pl.DataFrame
    matrix: Floats
    flow: tuple[FlowStep, ...]
    quality: Mapping[str, Any]
    run_id: str

    @property
    def feature_set(self) -> FeatureSet:
        """The k features."""
        return feature_set_from_json(self.bundle.files[FEATURES])

    @property
    def groups(self) -> dict[str, npt.NDArray[np.str_]]:
        """For each declared subgroup, the level of each row."""
        return groups_of(self.declaration, self.events, self.asked)

    @property
    def own_thresholds(self) -> Floats | None:
        """Where the version alerts each row, shape (n,); None where that is the same for all."""
        threshold = self.bundle.threshold
        if threshold is None or not self.bundle.group_thresholds:
            return None
        each = np.full(len(self.matrix), threshold)
        for group in reversed(self.bundle.group_thresholds):  # the first that fits decides
            each[self.matrix[:, group.column] == group.value] = group.threshold
        return each

    @property
    def thresholds(self) -> float | Floats | None:
        """Where the version alerts: one for all rows, or shape (n,)."""
        own = self.own_thresholds
        return self.bundle.threshold if own is None else own

    def taken(self, some: Bools) -> "Patients":
        """Only these rows."""
        return replace(self, asked=self.asked.filter(pl.Series(some)), matrix=self.matrix[some])

    def side(self, name: str) -> "Patients":
        """Only the rows on this side of the version's own split."""
        return self.taken((self.asked["side"] == name).to_numpy())

    def judged(self, platform: Platform) -> Rows:
        """What the packaged model predicts of them, beside what came true."""
        return judged_rows(
            self.declaration,
            self.asked,
            self.matrix,
            form=form_from_json(self.bundle.files[LEARNT]),
            predictor=platform.predictor_of(self.bundle.files[MODEL]),
        )


def facts_of(platform: Platform, version: ModelVersion) -> dict[str, Any]:
    """What the bundle of a version says of itself."""
    manifest = json.loads((platform.bundles / version.bundle / MANIFEST).read_bytes())
    facts: dict[str, Any] = manifest["facts"]
    return facts


def entry_of(platform: Platform, digest: str) -> SnapshotEntry:
    """The line of the catalogue about the snapshot that a version was built from.

    Raises:
        NotFound: it is not in this workspace.
    """
    found = [one for one in platform.store.catalogue.entries() if one.snapshot == digest]
    if not found:
        raise NotFound(
            f"The snapshot {digest[:12]}… that it was built from is not in this workspace.",
            fix="restore it from a backup, or run this where it was built.",
        )
    return found[-1]


def same_data(platform: Platform, entry: SnapshotEntry) -> Callable[[Declaration], Intake]:
    """The intake of the very data from which a prepared snapshot was made.

    A table is read again from its raw bytes; of a collected source, the state that was used.
    """

    def intake(declaration: Declaration) -> Intake:
        if declaration.data.source:
            digest = _source_of(platform, entry, f"{declaration.data.source}/prepared")
            return SourceIntake(platform=platform, declaration=declaration, digest=digest)
        (file,) = platform.store.opened(entry).manifest.sources
        received = kept_file(platform.store.raw.get(file.digest), file)
        return FileIntake(platform=platform, declaration=declaration, received=received)

    return intake


def _source_of(platform: Platform, entry: SnapshotEntry, name: str) -> str:
    """The state of the data set `name` from which a model's prepared snapshot was made.

    A model may have the name of its source; where it sets nothing aside, the two are one snapshot.
    """
    names = {one.snapshot: one.name for one in platform.store.catalogue.entries()}
    made_of = platform.store.catalogue.made_of(Node(kind="snapshot", id=entry.snapshot))
    found = [
        edge.source.id
        for edge in reversed(made_of)
        if edge.job == "prepare" and names.get(edge.source.id) == name
    ]
    return found[0] if found else entry.snapshot


def own_patients(platform: Platform, bundle: Bundle, intake: Intake, index: Path) -> Patients:
    """The patients of a version's own build, with the side on which each of them was.

    Args:
        platform: The workspace, locked.
        bundle: Of the version.
        intake: Of its data; see `same_data`.
        index: Where the index of the steps lies.
    """
    asking = _asking(platform, bundle.declaration, intake, index)
    collected = asking.collect()
    prepared = asking.prepare(collected)
    done = asking.ask(prepared)
    asked = frame_of(asking.steps.read(done, "asked"))
    quality = _quality(asking, collected, prepared)
    return _seen(asking, bundle, asking.prepared(prepared), asked, asking.flow(done), quality)


def digest_of_data(data: Path) -> str:
    """What tells these data from others: of a file its bytes, of a folder names and bytes.

    Raises:
        NotFound: nothing is there.
    """
    if data.is_file():
        return digest_bytes(data.read_bytes())
    if not data.is_dir():
        raise NotFound("There are no data at that path.", fix="give their folder, or the file.")
    files = sorted(path for path in data.rglob("*") if path.is_file())
    return digest_of({str(one.relative_to(data)): digest_bytes(one.read_bytes()) for one in files})


def elsewhere(declaration: Declaration, digest: str) -> Declaration:
    """The declaration under a name of its own, so that other patients' data are kept apart."""
    mark = f"elsewhere-{digest[:12]}"
    source = declaration.data.source
    return replace(
        declaration,
        name=f"{declaration.name}/{mark}",
        data=replace(declaration.data, source=f"{source}/{mark}" if source else ""),
    )


def new_intake(platform: Platform, bundle: Bundle, data: Path | None) -> Intake:
    """The intake of other patients than those of the build.

    The data of a model of a collected source were collected before, under `elsewhere`'s name.

    Args:
        platform: The workspace.
        bundle: Of the version.
        data: The folder with the data, or one file of any name; None: what is bundled.

    Raises:
        NotFound, Invalid: they are not there, or cannot be read.
    """
    declaration = bundle.declaration
    if declaration.data.source:
        if data is None:
            raise Invalid(
                "Which other patients the version is to be judged on is not said.",
                fix="give the folder of their data with --data.",
                code="no_data",
            )
        named = elsewhere(declaration, digest_of_data(data))
        return SourceIntake(platform=platform, declaration=named)
    received = _received(declaration, data)
    named = elsewhere(declaration, received.file.digest)
    return FileIntake(platform=platform, declaration=named, received=received)


def new_patients(
    platform: Platform,
    bundle: Bundle,
    intake: Intake,
    index: Path | None = None,
    *,
    unlabelled: bool = False,
) -> Patients:
    """Every row of other patients that the version's question asks about and whose label is known.

    Nothing is split and nothing is learnt: features, fills, threshold are the bundle's.

    Args:
        platform: The workspace, locked.
        bundle: Of the version.
        intake: Of their data, by a declaration with a name of its own; see `elsewhere`.
        index: Where the index of the steps lies; None: where the workspace keeps it.
        unlabelled: Whether rows count whose label is not known.

    Raises:
        Invalid: nobody is asked about, or of nobody the outcome is known.
    """
    named = intake.declaration
    index = index or platform.folder / "steps" / digest_of(named.name)
    asking = _asking(platform, named, intake, index)
    collected = asking.collect()
    prepared = asking.prepare(collected)
    snapshot, quality = asking.prepared(prepared), _quality(asking, collected, prepared)
    question = replace(named.question, data_end=_data_end(named, snapshot))
    before, asking = asking, replace(asking, declaration=replace(named, question=question))
    asking.asked.update(before.asked)  # who asks, and whom the patients permit, stays the same
    asking.merged.extend(before.merged)
    with platform.progress.step("question"):
        cohort = asking.answered(snapshot)
    asked = cohort.rows if unlabelled else cohort.rows.filter(pl.col("label").is_not_null())
    if asked.is_empty():
        raise Invalid(
            "Of nobody in these data is it known what came true.",
            fix="check that the outcome is in them, and see bedside question flow.",
            code="nobody_asked",
        )
    return _seen(asking, bundle, snapshot, asked, cohort.flow, quality)


def _asking(platform: Platform, declaration: Declaration, intake: Intake, index: Path) -> Asking:
    steps = steps_of(platform, index)
    return Asking(platform=platform, declaration=declaration, intake=intake, steps=steps)


def _quality(asking: Asking, collected: Done, prepared: Done) -> dict[str, Any]:
    report = json.loads(asking.steps.read(collected, "report"))
    return {**report, **json.loads(asking.steps.read(prepared, "quality"))}


def _seen(
    asking: Asking,
    bundle: Bundle,
    snapshot: Snapshot,
    asked: pl.DataFrame,
    flow: tuple[FlowStep, ...],
    quality: Mapping[str, Any],
) -> Patients:
    """The rows with the bundle's own features of them."""
    platform, told = asking.platform, bundle.files[FEATURES]
    digest = platform.objects.put(frame_bytes(asked))

    def make(advance: Callable[[int], None]) -> Mapping[str, bytes]:
        made = features_of_snapshot(platform, snapshot, digest, told, advance)
        return {"matrix": array_bytes(made)}

    done = asking.steps.run(
        "features",
        {
            "events": platform.objects.put(snapshot.digest.encode()),
            "asked": digest,
            "features": platform.objects.put(told),
        },
        make,
        total=asked["subject_id"].n_unique(),
    )
    return Patients(
        bundle=bundle,
        declaration=asking.declaration,
        snapshot=snapshot,
        events=asking.group_events(snapshot),
        asked=asked,
        matrix=array_of(asking.steps.read(done, "matrix")),
        flow=flow,
        quality=quality,
        run_id=asking.intake.run_id,
    )


def _data_end(declaration: Declaration, snapshot: Snapshot) -> str | None:
    """When the new data end: as declared, or the last moment that they tell of, if that is later.

    What is declared was said of the data of the build.
    """
    declared = declaration.question.data_end
    if declared is None:
        return None
    latest = [shard["known_at"].max() for shard in snapshot.shards(["known_at"])]
    known = [moment for moment in latest if isinstance(moment, datetime)]
    return iso(max([parse_instant(declared), *known]))


def _received(declaration: Declaration, data: Path | None) -> Received:
    """The file given, the declared one in the folder, or the only table that lies there."""
    if data is not None and data.is_dir() and not (data / declaration.data.file).is_file():
        tables = [one for one in sorted(data.iterdir()) if one.name.endswith(TABLES)]
        data = tables[0] if len(tables) == 1 else data
    return received_file(declaration, data)

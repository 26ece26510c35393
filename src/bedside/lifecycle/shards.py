"""Work on one shard, as it is given to an engine: named by digests, answered by a digest."""

import json
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.ids import canonical_json
from bedside.data.store.snapshot import Snapshot
from bedside.develop.train.series import Change, changed_features
from bedside.features.batch import SAYING, features_at, rows_of
from bedside.features.definition import feature_set_from_json
from bedside.features.plan import columns_of
from bedside.lifecycle.cohort import rows_by_shard
from bedside.lifecycle.frames import frame_of
from bedside.lifecycle.platform import Platform

__all__ = ["FEATURES_WORK", "features_of_shard", "features_of_snapshot", "read_task"]

FEATURES_WORK = "bedside.wiring.work:features"
_PART = np.dtype("<f8")


def features_of_snapshot(
    platform: Platform,
    snapshot: Snapshot,
    asked: str,
    feature_set: bytes,
    advance: Callable[[int], None],
    change: Change | None = None,
) -> npt.NDArray[np.float64]:
    """The feature matrix of every asked row, each shard computed where the engine likes.

    What travels through the engine are digests; the rows and the results lie in the sealed store.

    Args:
        platform: Whose engine and store are used.
        snapshot: Of prepared events, with its merges folded.
        asked: The object with the asked rows, in the order of the shards.
        feature_set: Its JSON.
        advance: Is told of the subjects as they are done.
        change: What is done to the asked subjects' events first.
    """
    kept = platform.objects.put(feature_set)
    rows = frame_of(platform.objects.get(asked))
    tasks, done = [], []
    for number, (start, end) in enumerate(rows_by_shard(snapshot, rows)):
        if start < end:
            done.append((start, end, rows["subject_id"][start:end].n_unique()))
            task = {
                "workspace": str(platform.folder),
                "snapshot": f"{snapshot.entry.name}@{snapshot.digest}",
                "shard": number,
                "asked": asked,
                "rows": [start, end],
                "features": kept,
                "change": None if change is None else asdict(change),
            }
            tasks.append(canonical_json(task))
    matrix = np.empty((rows.height, len(feature_set_from_json(feature_set).features)))
    parts = set()
    results = platform.engine.map(FEATURES_WORK, tasks)
    for result, (start, end, subjects) in zip(results, done, strict=True):
        parts.add(part := result.decode())
        numbers = np.frombuffer(platform.objects.get(part), dtype=_PART)
        matrix[start:end] = numbers.reshape(matrix[start:end].shape)
        advance(subjects)
    for part in parts:
        platform.objects.remove(part)
    return matrix


def features_of_shard(platform: Platform, task: dict[str, Any]) -> str:
    """Compute the features of one shard; return the digest of the object with their numbers."""
    snapshot = platform.store.open(task["snapshot"])
    start, end = task["rows"]
    asked = frame_of(platform.objects.get(task["asked"]))[start:end]
    feature_set = feature_set_from_json(platform.objects.get(task["features"]))
    read = partial(snapshot.shard, task["shard"], where=rows_of(feature_set))
    if task["change"] is None:
        matrix = features_at(feature_set, read, asked)
    else:
        events = read(sorted({*columns_of(feature_set), *SAYING}))
        matrix = changed_features(feature_set, events, asked, Change(**task["change"]))
    return platform.objects.put(matrix.astype(_PART, copy=False).tobytes())


def read_task(task: bytes) -> dict[str, Any]:
    """A task as it was given to the engine."""
    told: dict[str, Any] = json.loads(task)
    return told

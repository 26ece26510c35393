"""Changed copies of the training subjects, and of nobody else."""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.core.records.declaration import Declaration
from bedside.core.records.training import Augmentation, Jitter, TimeWarp
from bedside.data.store.snapshot import Snapshot
from bedside.develop.train.series import Change, spreads
from bedside.features.definition import FeatureSet, feature_set_to_json
from bedside.features.inputs import plausible_ranges
from bedside.lifecycle.frames import frame_bytes
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.shards import features_of_snapshot

__all__ = ["copies_of", "number_of_copies", "series_of"]

Floats = npt.NDArray[np.float64]


def series_of(entries: Sequence[Augmentation]) -> list[Jitter | TimeWarp]:
    """The entries that change events, in their order."""
    return [one for entry in entries if (one := entry.jitter or entry.time_warp) is not None]


def number_of_copies(declaration: Declaration) -> int:
    """How many times every training subject is copied."""
    return sum(one.copies for one in series_of(declaration.augmentation))


def copies_of(
    platform: Platform,
    declaration: Declaration,
    feature_set: FeatureSet,
    snapshot: Snapshot,
    train: pl.DataFrame,
    advance: Callable[[int], None],
) -> Iterator[Floats]:
    """For each entry that changes events, a matrix of shape (copies * len(train), k).

    Only the events of subjects in `train` are looked at.

    Args:
        platform: Whose engine and store are used.
        declaration: The entries and the signals.
        feature_set: k features.
        snapshot: Of prepared events, with its merges folded.
        train: The asked rows of the training subjects, in the order of the shards.
        advance: Is told of the subjects as they are done.
    """
    asked = platform.objects.put(frame_bytes(train))
    told = feature_set_to_json(feature_set)
    for series in series_of(declaration.augmentation):
        parts = [
            features_of_snapshot(platform, snapshot, asked, told, advance, change)
            for change in _changes(declaration, feature_set, series, snapshot, train)
        ]
        yield np.concatenate(parts)


def _changes(
    declaration: Declaration,
    feature_set: FeatureSet,
    series: Jitter | TimeWarp,
    snapshot: Snapshot,
    train: pl.DataFrame,
) -> list[Change]:
    """One change for each copy; the spread of a value is that of the training subjects."""
    spread: dict[str, float] = {}
    if isinstance(series, Jitter):
        codes = _jittered_codes(declaration, feature_set, series)
        inside = pl.col("subject_id").is_in(train["subject_id"].unique().implode())
        picked = inside & pl.col("code").cast(pl.String).is_in(codes)
        events = pl.concat(list(snapshot.shards(["subject_id", "code", "value"], picked)))
        spread = {
            code: sd * series.sd for code, sd in spreads(events["code"], events["value"]).items()
        }
    ranges = plausible_ranges(declaration.signals)
    return [
        Change(
            kind="jitter" if isinstance(series, Jitter) else "time_warp",
            seed=series.seed,
            copy=copy,
            sd=series.sd,
            spread=spread,
            low={code: low for code in spread if math.isfinite(low := ranges[code].low)},
            high={code: high for code in spread if math.isfinite(high := ranges[code].high)},
        )
        for copy in range(series.copies)
    ]


def _jittered_codes(declaration: Declaration, feature_set: FeatureSet, jitter: Jitter) -> list[str]:
    read = {feature.signal for feature in feature_set.features}
    return [
        signal.code
        for name, signal in declaration.signals.items()
        if signal.role == "input" and not signal.is_categorical and name in (jitter.signals or read)
    ]

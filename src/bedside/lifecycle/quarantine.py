"""The records of a source that could not be read: where each lies and why, never what it says."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from bedside.core.records.policy import Act
from bedside.core.records.snapshot import RawFile
from bedside.data.collect.kept import KeptPart
from bedside.data.collect.parts import TABLES
from bedside.lifecycle.opened_data import opened_data
from bedside.lifecycle.platform import Platform

__all__ = ["Quarantine", "SetAside", "quarantine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """An unreadable record.

    Args:
        file: What the source calls the file.
        offset: Its first byte in the file as it was read (unzipped, a sheet as CSV, a FHIR bundle
            as lines); its row, counted from 0, in a columnar one.
        length: Bytes, or rows.
        unit: `byte` or `row`.
        reason: Why it could not be read.
        kept: The digest of the raw object that holds it.
        place: Where it lies in that object now.
    """

    file: str
    offset: int
    length: int
    unit: str
    reason: str
    kept: str
    place: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine:
    """What was set aside of a data set: how much for which reason, and each record."""

    name: str
    reasons: dict[str, int]
    records: tuple[SetAside, ...]


def quarantine(platform: Platform, name: str) -> Quarantine:
    """What stands in quarantine of the source of this name.

    Raises:
        NotFound: nothing was collected under this name.
        Refused: a file of the workspace was changed, or its key was destroyed.
    """
    snapshot = opened_data(platform, Act.INSPECT, f"{name}/collected")
    newest: dict[tuple[object, ...], SetAside] = {}
    for file in snapshot.manifest.sources:
        if file.index:
            for key, record in _set_aside(platform, file):
                newest[key] = record  # a part that was read again stands in for itself
    records = tuple(newest.values())
    reasons = Counter(one.reason for one in records)
    return Quarantine(name=name, reasons=dict(reasons.most_common()), records=records)


def _set_aside(platform: Platform, file: RawFile) -> Iterator[tuple[tuple[object, ...], SetAside]]:
    """The unreadable records of a raw file, each with what it is known again by."""
    index = KeptPart.of(b"", file, platform.store.raw.get(file.index)).index
    starts = [start for _, _, _, start in file.members]
    bad = index.filter(pl.col("reason").is_not_null()).sort("offset")
    for offset, length, _, reason in bad.iter_rows():
        at = max(bisect_right(starts, offset) - 1, 0)
        name, first, digest, start = file.members[at]
        before = first
        if first and name.lower().endswith(TABLES):  # it begins with the header once more
            before -= min(index.filter(pl.col("offset") >= start)["offset"]) - start
        record = SetAside(
            file=name,
            offset=offset - start + before,
            length=length,
            unit=file.unit,
            reason=reason,
            kept=file.digest,
            place=file.place(offset),
        )
        yield (name, first, digest, offset - start, length), record

"""The parts of a source in groups, each group read in one step whose result is kept."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace

import polars as pl

from bedside.core.ids import canonical_json, digest_bytes
from bedside.core.records.collection import Collection
from bedside.core.records.snapshot import RawFile
from bedside.data.collect.draft import DRAFT_SCHEMA, Draft, draft_of
from bedside.data.collect.facts import Batch, Beside, Part, Reader
from bedside.data.collect.kept import INDEX_SCHEMA, index_bytes, without_places
from bedside.interop.ucum import ucum_of
from bedside.lifecycle.frames import frame_bytes
from bedside.lifecycle.intake import tags_of
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.steps import Done

__all__ = ["Group", "Kept", "groups_of", "read_group"]

GROUP_BYTES = 64 << 20
GROUP_PARTS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Parts that are read together, each with the digest of its bytes; and known ones passed by."""

    parts: tuple[tuple[Part, str], ...]
    skipped: int

    @property
    def title(self) -> str:
        """What a person is shown while it is read."""
        if not self.parts:
            return ""
        more = len(self.parts) - 1
        return self.parts[0][0].name + (f" and {more} more" if more else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A group that was read; its first file is number `first` of the data set."""

    done: Done
    files: tuple[RawFile, ...]
    first: int


def groups_of(parts: Iterator[Part], known: set[tuple[str, int, str]]) -> Iterator[Group]:
    """The parts that are not known by name, place and digest, in groups of bounded size."""
    held: list[tuple[Part, str]] = []
    size = skipped = 0
    for part in parts:
        digest = digest_bytes(part.content)
        if (part.name, part.first, digest) in known:
            skipped += 1
            continue
        if held and (size + len(part.content) > GROUP_BYTES or len(held) == GROUP_PARTS):
            yield Group(parts=tuple(held), skipped=skipped)
            held, size, skipped = [], 0, 0
        held.append((part, digest))
        size += len(part.content)
    yield Group(parts=tuple(held), skipped=skipped)


def read_group(
    platform: Platform,
    source: Collection,
    reader: Reader,
    beside: Beside,
    group: Group,
    advance: Callable[[int], None],
) -> dict[str, bytes]:
    """Keep the parts as they came, read them, and tell what became of their records.

    Returns:
        `events`: the draft events with `source_file`, which counts the group's files from 0.
        `told`: the raw files, and what is counted.
    """
    files, events = [], []
    counts: dict[str, Counter[str]] = {
        name: Counter()
        for name in (
            "rows_in", "dropped", "kinds", "codes_unknown", "units_unknown", "quarantined", "told",
        )
    }  # fmt: skip
    stamps: dict[str, Counter[str]] = {}
    for number, (part, _) in enumerate(group.parts):
        whole, batch = _without_erased(platform, source, reader, beside, part)
        draft = draft_of(batch, source, counted=reader.repeats == "counted")
        index = platform.store.raw.put(index_bytes(_index_of(draft.records, batch)))
        file = RawFile(
            digest=platform.store.raw.put(whole.content),
            name=part.name,
            unit=part.unit,
            rows=draft.records.height,
            subject="",
            index=index,
            first=part.first,
        )
        files.append(asdict(file))
        events.append(
            draft.events.with_columns(pl.lit(number, dtype=pl.Int32).alias("source_file"))
        )
        _count(counts, stamps, draft)
        advance(1)
    schema = {**DRAFT_SCHEMA, "source_file": pl.Int32}
    whole_frame = pl.concat([pl.DataFrame(schema=schema), *events])
    told = {"files": files, "counts": counts, "known_at": stamps}
    return {"events": frame_bytes(whole_frame), "told": canonical_json(told)}


def _count(counts: dict[str, Counter[str]], stamps: dict[str, Counter[str]], draft: Draft) -> None:
    counts["rows_in"].update(draft.rows_in)
    counts["dropped"].update(draft.dropped)
    counts["kinds"].update(draft.kinds)
    counts["codes_unknown"].update(draft.codes_unknown)
    counts["quarantined"].update(draft.quarantined)
    counts["units_unknown"].update(
        {unit: count for unit, count in draft.units.items() if ucum_of(unit) is None}
    )
    counts["told"].update({"files": 1, "merges": draft.merges, "codes_mapped": draft.codes_mapped})
    for kind, told in draft.known_at.items():
        stamps.setdefault(kind, Counter()).update(told)


def _index_of(records: pl.DataFrame, batch: Batch) -> pl.DataFrame:
    """The table of a part's records, unreadable ones with their reason."""
    rows = records.rename({"subject": "subject_id"}).with_columns(
        pl.lit(None, dtype=pl.String).alias("reason")
    )
    bad = pl.DataFrame(
        [
            {"offset": one.offset, "length": one.length, "subject_id": None, "reason": one.reason}
            for one in batch.bad
        ],
        schema=INDEX_SCHEMA,
    )
    return pl.concat([rows.select(list(INDEX_SCHEMA)), bad])


def _without_erased(
    platform: Platform, source: Collection, reader: Reader, beside: Beside, part: Part
) -> tuple[Part, Batch]:
    """The part and its batch; records of subjects who were erased are cut out of it first."""
    batch = reader.collect(part, source, beside)
    erased = platform.store.catalogue.suppressed()
    if not erased:
        return part, batch
    salt = source.pseudonym_salt
    gone = [
        name
        for name in batch.records["subject"].drop_nulls().unique()
        if erased.intersection(tags_of(platform, name, salt))
    ]
    theirs = batch.records.filter(pl.col("subject").is_in(gone))
    if theirs.is_empty():
        return part, batch
    platform.progress.note(
        f"Records of erased subjects that were not taken in again: {theirs.height}."
    )
    places = list(theirs.select("offset", "length").iter_rows())
    left = replace(part, content=without_places(part.content, part.unit, places))
    return left, reader.collect(left, source, beside)

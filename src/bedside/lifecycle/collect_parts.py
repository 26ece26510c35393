"""The parts of a source in groups, each group read in one step whose result is kept."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import accumulate

import polars as pl

from bedside.core.ids import canonical_json
from bedside.core.records.collection import Collection
from bedside.core.records.snapshot import RawFile
from bedside.data.collect.draft import Draft, draft_of
from bedside.data.collect.facts import Batch, Beside, Part, Reader
from bedside.data.collect.formats.table_cells import frequent_names
from bedside.data.collect.kept import INDEX_SCHEMA, index_bytes, without_places
from bedside.interop.ucum import ucum_of
from bedside.lifecycle.collect_arrivals import Arrived
from bedside.lifecycle.frames import frame_bytes
from bedside.lifecycle.intake import tags_of
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.steps import Done

__all__ = ["Group", "Kept", "groups_of", "read_group"]

GROUP_BYTES = {"lines": 64 << 20, "rows": 16 << 20, "whole": 64 << 20}
"""Of the parts that are read together; the cells of a table take far more room than its text."""
GROUP_PARTS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Parts that are read together."""

    parts: tuple[Arrived, ...]

    @property
    def is_text(self) -> bool:
        """Whether offsets into every part count bytes."""
        return all(one.part.unit == "byte" for one in self.parts)

    @property
    def title(self) -> str:
        """What a person is shown while it is read; the name of a file may name a patient."""
        return f"{len(self.parts)} file{'s' if len(self.parts) > 1 else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A group that was read; its first file is number `first` of the data set."""

    done: Done
    files: tuple[RawFile, ...]
    first: int


def groups_of(arrived: Iterator[Arrived], split: str) -> Iterator[Group]:
    """The parts in groups of bounded size; `split` is how the reader lets files be cut."""
    held: list[Arrived] = []
    size = 0
    for one in arrived:
        more = len(one.part.content)
        if held and (size + more > GROUP_BYTES[split] or len(held) == GROUP_PARTS):
            yield Group(parts=tuple(held))
            held, size = [], 0
        held.append(one)
        size += more
    if held:
        yield Group(parts=tuple(held))


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
    parts = _without_erased(platform, source, reader, beside, [one.part for one in group.parts])
    draft = draft_of([batch for _, batch in parts], source, counted=reader.repeats == "counted")
    packed = len(parts) > 1 and source.extract != "full" and group.is_text
    packs = [list(range(len(parts)))] if packed else [[number] for number in range(len(parts))]
    files, events = [], []
    for number, pack in enumerate(packs):
        starts = _starts([parts[at][0] for at in pack])
        index = pl.concat(
            [
                _index_of(draft.records[at], parts[at][1]).with_columns(pl.col("offset") + start)
                for at, start in zip(pack, starts, strict=True)
            ]
        )
        file = RawFile(
            digest=platform.store.raw.put(b"".join(parts[at][0].content for at in pack)),
            name=group.title if packed else parts[pack[0]][0].name,
            unit=parts[pack[0]][0].unit,
            rows=index.height,
            subject="",
            index=platform.store.raw.put(index_bytes(index)),
            members=tuple(
                (*group.parts[at].key, start) for at, start in zip(pack, starts, strict=True)
            ),
        )
        files.append(asdict(file))
        events.append(_placed(draft.events, pack, starts, number))
        advance(len(pack))
    told = {
        "files": files,
        "counts": {**draft.counts, "units_unknown": _unknown_units(draft, source)},
    }
    return {"events": frame_bytes(pl.concat(events)), "told": canonical_json(told)}


def _unknown_units(draft: Draft, source: Collection) -> dict[str, int]:
    """Units that are not understood, and how often each was met."""
    units = draft.events.select(name="unit", subject="subject_id").drop_nulls("name")
    spelled = source.quality.unit_spellings
    met = units["name"].unique()
    known = [unit for unit in met if unit in spelled or ucum_of(unit) is not None]
    return frequent_names(units.filter(~pl.col("name").is_in(known)))


def _starts(parts: Sequence[Part]) -> list[int]:
    """Where each part begins when they are put one after the other."""
    return [0, *accumulate(len(part.content) for part in parts)][:-1]


def _placed(
    events: pl.DataFrame, pack: Sequence[int], starts: Sequence[int], number: int
) -> pl.DataFrame:
    """The events of some parts, with their place in the file that these were put into."""
    shift = pl.col("source_file").replace_strict(list(pack), list(starts), return_dtype=pl.Int64)
    return events.filter(pl.col("source_file").is_in(list(pack))).with_columns(
        (pl.col("source_offset") + shift).alias("source_offset"),
        pl.lit(number, dtype=pl.Int32).alias("source_file"),
    )


def _index_of(records: pl.DataFrame, batch: Batch) -> pl.DataFrame:
    """The table of a part's records; of an unreadable one the reason, and whose it is if known."""
    place = ["offset", "length"]
    bad = pl.DataFrame(
        [(one.offset, one.length, one.reason) for one in batch.bad],
        schema={name: INDEX_SCHEMA[name] for name in (*place, "reason")},
        orient="row",
    ).unique(place, keep="first", maintain_order=True)
    rows = records.rename({"subject": "subject_id"})
    told = rows.join(bad, on=place, how="left", maintain_order="left")
    nameless = bad.join(rows, on=place, how="anti", maintain_order="left")
    whose = nameless.with_columns(pl.lit(None, dtype=pl.Int64).alias("subject_id"))
    return pl.concat([one.select(list(INDEX_SCHEMA)) for one in (told, whose)])


def _without_erased(
    platform: Platform,
    source: Collection,
    reader: Reader,
    beside: Beside,
    parts: Sequence[Part],
) -> list[tuple[Part, Batch]]:
    """The parts and their batches; records of subjects who were erased are cut out first."""
    read = _read(reader, parts, source, beside)
    erased = platform.store.catalogue.suppressed()
    if not erased:
        return list(zip(parts, read, strict=True))
    every = pl.concat([batch.records["subject"] for batch in read]).drop_nulls().unique()
    salt = source.pseudonym_salt
    gone = [name for name in every if erased.intersection(tags_of(platform, name, salt))]
    left, cut = [], 0
    for part, batch in zip(parts, read, strict=True):
        theirs = batch.records.filter(pl.col("subject").is_in(gone))
        places = list(theirs.select("offset", "length").iter_rows())
        cut += len(places)
        content = without_places(part.content, part.unit, places) if places else part.content
        left.append(replace(part, content=content))
    if not cut:
        return list(zip(parts, read, strict=True))
    platform.progress.note(f"Records of erased subjects that were not taken in again: {cut}.")
    return list(zip(left, _read(reader, left, source, beside), strict=True))


def _read(reader: Reader, parts: Sequence[Part], source: Collection, beside: Beside) -> list[Batch]:
    if reader.collect_all is not None:
        return reader.collect_all(parts, source, beside)
    return [reader.collect(part, source, beside) for part in parts]

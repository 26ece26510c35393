"""Events in any order and any number become sorted shards, in bounded memory (an external sort)."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Protocol

import numpy as np
import polars as pl

from bedside.core.errors import Invalid
from bedside.core.records.snapshot import Shard
from bedside.data.store.layout import BUCKETS, STORED_SCHEMA, bucket_of, buckets, in_order, stored
from bedside.data.store.merging import merge_statements, persons_of

__all__ = ["RUN", "TARGET", "SpillFile", "sharded"]

RUN = 2_000_000  # rows held in memory before they are partitioned and spilled
AT_ONCE = 2  # shards that are sorted and written while the next is read
TARGET = 1_000_000  # rows that a shard does not exceed, unless one bucket alone does

Place = tuple[int, int]


class SpillFile(Protocol):
    """Keeps tables on a disk for a while, sealed."""

    def write(self, table: pl.DataFrame) -> Place:
        """Keep a table; return its place."""
        ...

    def read(self, place: Place) -> pl.DataFrame:
        """The table again."""
        ...


def sharded(
    batches: Iterable[pl.DataFrame],
    spill: SpillFile,
    write: Callable[[pl.DataFrame, int, int], Shard],
    *,
    advance: Callable[[int], None] = lambda _: None,
    run: int = RUN,
    target: int = TARGET,
) -> tuple[tuple[Shard, ...], tuple[tuple[int, int], ...]]:
    """Write every event into one of the shards, each subject whole, each shard sorted.

    The memory needed is that of about four runs, or of four shards where these are larger. A
    `write` may run in another thread than its caller's, and two at once.

    Args:
        batches: Events with the columns of the event table.
        spill: For what does not fit into memory.
        write: Writes the sorted rows of the buckets from the first to the last.
        advance: Is told of the rows as they are written.
        run: Rows to a run.
        target: Rows to a shard.

    Returns:
        The shards in the order of their buckets, and the subjects that are kept beside another.

    Raises:
        Invalid: there is no event, or a row is not one.
        Unavailable: the disk is full or refuses.
    """
    with ThreadPoolExecutor(1) as spiller:
        sorter = _Sorter(spill, run, spiller)
        for batch in batches:
            sorter.add(stored(batch))
        sorter.end()
    moved = sorter.move_merged()

    def one(rows: pl.DataFrame, first: int, last: int) -> Shard:
        return write(in_order(rows), first, last)

    shards: list[Shard] = []
    with ThreadPoolExecutor(AT_ONCE) as writers:
        under_way: deque[Future[Shard]] = deque()
        for first, last in _plan(sorter.counts, target):
            under_way.append(writers.submit(one, sorter.take(first, last), first, last))
            if len(under_way) > AT_ONCE:
                shards.append(under_way.popleft().result())
                advance(shards[-1].rows)
        for future in under_way:
            shards.append(future.result())
            advance(shards[-1].rows)
    return tuple(shards), moved


class _Sorter:
    """Rows by bucket: the tail in memory, the runs before it in the spill.

    While one run is partitioned and spilled, the next is read; never more than one.
    """

    def __init__(self, spill: SpillFile, run: int, spiller: Executor) -> None:
        self._spiller, self._spilling = spiller, Future[None]()
        self._spilling.set_result(None)
        self.counts = np.zeros(BUCKETS, dtype=np.int64)
        self._spill, self._run = spill, run
        self._buffer: list[pl.DataFrame] = []
        self._height = 0
        self._places: list[list[Place]] = [[] for _ in range(BUCKETS)]
        self._kept: list[list[pl.DataFrame]] = [[] for _ in range(BUCKETS)]
        self._merges: list[tuple[object, bytes, int, int]] = []

    def add(self, batch: pl.DataFrame) -> None:
        statements = merge_statements(batch)
        self._merges += zip(
            statements["known_at"],
            statements["source_row"],
            statements["subject_id"],
            statements["into"],
            strict=True,
        )
        self._buffer.append(batch)
        self._height += batch.height
        if self._height >= self._run:
            self._spilling.result()
            parts, self._buffer, self._height = self._buffer, [], 0
            self._spilling = self._spiller.submit(self._spill_run, parts)

    def end(self) -> None:
        """Partition what is left, which stays in memory."""
        self._spilling.result()
        if self._height:
            for bucket, rows in self._partitioned(self._buffer):
                self._kept[bucket].append(rows)
            self._buffer = []
        if not self.counts.any():
            raise Invalid("There is no event to keep.", fix="check that the file is the right one.")

    def _spill_run(self, parts: list[pl.DataFrame]) -> None:
        for bucket, rows in self._partitioned(parts):
            self._places[bucket].append(self._spill.write(rows))

    def _partitioned(self, parts: list[pl.DataFrame]) -> Iterator[tuple[int, pl.DataFrame]]:
        rows = pl.concat(parts)
        parts.clear()
        bucket = buckets(rows["subject_id"])
        count = np.bincount(bucket, minlength=BUCKETS)
        self.counts += count
        rows = rows[np.argsort(bucket.astype(np.uint8), kind="stable")]
        ends = np.cumsum(count)
        for at in np.flatnonzero(count):
            yield int(at), rows.slice(int(ends[at] - count[at]), int(count[at]))

    def move_merged(self) -> tuple[tuple[int, int], ...]:
        """Put subjects who are, or ever were, said to be one person into one bucket."""
        persons = persons_of((subject, into) for _, _, subject, into in self._merges)
        together = persons.together()
        movers: dict[int, list[int]] = {}
        for subject, beside in together.items():
            if bucket_of(subject) != bucket_of(beside):
                movers.setdefault(bucket_of(subject), []).append(subject)
        for bucket, subjects in sorted(movers.items()):
            rows = self.take(bucket, bucket)
            moving = pl.col("subject_id").is_in(subjects)
            self._kept[bucket].append(rows.filter(~moving))
            for (subject,), part in (
                rows.filter(moving).partition_by("subject_id", as_dict=True).items()
            ):
                target = bucket_of(together[int(subject)])
                self._kept[target].append(part)
                self.counts[bucket] -= part.height
                self.counts[target] += part.height
        return tuple(sorted((one, beside) for one, beside in together.items() if one != beside))

    def take(self, first: int, last: int) -> pl.DataFrame:
        """The rows of these buckets, which are then no longer held."""
        parts: list[pl.DataFrame] = []
        for bucket in range(first, last + 1):
            parts += (self._spill.read(place) for place in self._places[bucket])
            parts += self._kept[bucket]
            self._places[bucket], self._kept[bucket] = [], []
        return pl.concat(parts) if parts else pl.DataFrame(schema=STORED_SCHEMA)


def _plan(counts: "np.ndarray[tuple[int], np.dtype[np.int64]]", target: int) -> list[Place]:
    """Runs of buckets that together hold at most `target` rows, or one bucket alone."""
    plan, first, rows = [], 0, 0
    for bucket, count in enumerate(counts.tolist()):
        if rows and rows + count > target:
            plan.append((first, bucket - 1))
            first, rows = bucket, 0
        rows += count
    plan.append((first, BUCKETS - 1))
    return plan

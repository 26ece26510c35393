"""What every event store must do, whatever keeps its files, its catalogue and its keys."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

from bedside.core.errors import Refused
from bedside.core.records.lineage import Edge, Node
from bedside.data.adapters.sql_catalogue import SqlCatalogue
from bedside.data.store.store import EventStore
from bedside.infra.blobs.memory import MemoryBlobs
from bedside.infra.blobs.s3 import S3Blobs
from bedside.infra.database.opening import writing
from postgres_server import a_postgres_engine
from s3_server import an_s3_bucket
from stored import a_row, a_store, at, events_of, saved

Opened = Callable[[Path], EventStore]


def on_disk_and_sqlite(folder: Path) -> EventStore:
    return a_store(folder, target=40)


def in_memory_and_sqlite(folder: Path) -> EventStore:
    return a_store(folder, blobs=MemoryBlobs(), target=40)


def on_s3_and_postgres(folder: Path) -> EventStore:
    bucket = an_s3_bucket()
    engine = a_postgres_engine()
    return a_store(
        folder,
        blobs=S3Blobs(bucket["bucket"], f"ward-{os.urandom(4).hex()}", bucket["client_options"]),
        catalogue=SqlCatalogue(engine, writing=writing),
        target=40,
    )


STORES = [on_disk_and_sqlite, in_memory_and_sqlite, on_s3_and_postgres]  # add yours here
every_store = pytest.mark.parametrize("opened", STORES)


def a_ward(subjects: int = 60, *, value: float = 4.0) -> pl.DataFrame:
    return events_of(*(a_row(n * 104729, f"r{n}", value=value + n) for n in range(1, subjects + 1)))


@every_store
def test_a_snapshot_is_the_same_wherever_it_is_kept(opened: Opened, tmp_path: Path) -> None:
    snapshot = saved(opened(tmp_path), a_ward())

    here = saved(a_store(tmp_path / "here", target=40), a_ward())

    assert snapshot.digest == here.digest
    assert len(snapshot.manifest.shards) > 1
    assert pl.concat(list(snapshot.shards())).equals(pl.concat(list(here.shards())))
    (one,) = snapshot.as_of(at("23:00"), subject_id=104729)
    assert one["value"].to_list() == [5.0]


@every_store
def test_states_follow_each_other_and_old_ones_stay(opened: Opened, tmp_path: Path) -> None:
    store = opened(tmp_path)

    first, second = saved(store, a_ward()), saved(store, a_ward(value=5.0))

    assert [entry.snapshot for entry in store.entries()] == [first.digest, second.digest]
    assert store.open(first.digest[:9]).manifest == first.manifest
    assert store.open("ward").manifest == second.manifest


@every_store
def test_a_subject_taken_out_leaves_a_state_with_the_same_number_and_no_file_behind(
    opened: Opened, tmp_path: Path
) -> None:
    store = opened(tmp_path)
    old, newer = saved(store, a_ward()), saved(store, a_ward(30))
    files = set(store.blobs.names("shards/"))

    new = store.replace(old, gone={104729 * 45}, sources=old.manifest.sources)
    removed = store.sweep()

    assert new.entry.sequence == old.entry.sequence
    assert new.subject(104729 * 45).is_empty()
    assert pl.concat(list(new.shards())).height == 59
    assert removed >= 2
    assert files - set(store.blobs.names("shards/"))
    assert store.open("ward").digest == newer.digest
    with pytest.raises(Refused) as refused:
        store.open(old.digest)
    assert refused.value.code == "erased"
    assert new.digest[:12] in refused.value.fix


@every_store
def test_two_who_save_at_once_never_mix_and_one_may_have_to_try_again(
    opened: Opened, tmp_path: Path
) -> None:
    store = opened(tmp_path)

    def one(number: int) -> str | Refused:
        try:
            return saved(store, a_ward(20 + number)).digest
        except Refused as refused:
            return refused

    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(one, range(8)))

    assert all(one.code == "outdated" for one in told if isinstance(one, Refused))
    done = [one for one in told if isinstance(one, str)]
    entries = store.entries()
    assert sorted(done) == sorted(entry.snapshot for entry in entries)
    assert [entry.sequence for entry in entries] == list(range(1, len(done) + 1))
    for entry in entries:
        assert pl.concat(list(store.opened(entry).shards())).height == entry.rows


@every_store
def test_the_lineage_and_the_tags_of_the_erased_are_kept(opened: Opened, tmp_path: Path) -> None:
    catalogue = opened(tmp_path).catalogue
    raw, out = Node(kind="raw", id="a"), Node(kind="snapshot", id="b")
    edges = [Edge(at="t", job="j", run=str(n), source=raw, output=out) for n in range(3)]

    catalogue.record(edges)
    catalogue.record([])
    catalogue.suppress(["x", "y"], "t")
    catalogue.suppress(["y", "z"], "t")

    assert catalogue.edges() == catalogue.made_from(raw) == catalogue.made_of(out) == edges
    assert catalogue.suppressed() == {"x", "y", "z"}

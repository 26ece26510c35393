"""Snapshots: whole or not at all, the same for the same rows, and never what somebody changed."""

import os
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from bedside.core.errors import BedsideError, Invalid, NotFound, Refused
from bedside.core.records.lineage import Edge, Node
from bedside.core.records.snapshot import Zone
from bedside.data.store.layout import BUCKETS, bucket_of
from bedside.data.store.snapshot import blob_of
from stored import RAW, a_merge, a_row, a_store, at, events_of, saved


def a_ward(subjects: int = 40) -> pl.DataFrame:
    rows = [
        a_row(subject * 7919, f"r{subject}-{n}", time=at(f"{8 + n}:00"), value=3.0 + n, offset=n)
        for subject in range(1, subjects + 1)
        for n in range(3)
    ]
    return events_of(*rows)


def shard_files(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "blobs" / "shards").rglob("*") if path.is_file())


def test_what_was_saved_comes_back_row_for_row_in_its_order(tmp_path):
    ward = a_ward()

    snapshot = saved(a_store(tmp_path, run=50, target=30), ward.sample(fraction=1, shuffle=True))

    back = pl.concat(list(snapshot.shards()))
    assert back.sort("source_row").equals(ward.sort("source_row"))
    assert len(snapshot.manifest.shards) > 2
    for shard in snapshot.shards():
        assert shard["subject_id"].is_sorted()
    buckets = [(s.first_bucket, s.last_bucket) for s in snapshot.manifest.shards]
    assert buckets[0][0] == 0
    assert buckets[-1][1] == BUCKETS - 1
    assert all(a[1] + 1 == b[0] for a, b in pairwise(buckets))


def test_each_subject_lies_whole_in_the_shard_of_its_bucket(tmp_path):
    snapshot = saved(a_store(tmp_path, target=30), a_ward())

    for number, shard in enumerate(snapshot.manifest.shards):
        for subject in snapshot.shard(number)["subject_id"].unique():
            assert shard.first_bucket <= bucket_of(subject) <= shard.last_bucket
    assert snapshot.subject(7919).height == 3
    assert snapshot.subject(1).is_empty()


def test_a_merged_person_lies_in_one_shard_even_when_the_merge_comes_last(tmp_path):
    one, other = 7919, next(n for n in range(8000, 9000) if bucket_of(n) != bucket_of(7919))
    ward = pl.concat(
        [
            a_ward(),
            events_of(a_row(other, "x"), a_merge(other, one, "m", at("12:00"))),
        ]
    )

    snapshot = saved(a_store(tmp_path, run=20, target=10), ward)

    assert snapshot.subject(one).height == 5
    assert snapshot.subject(other).height == 5
    (before,) = snapshot.as_of(at("11:00"), subject_id=other)
    (after,) = snapshot.as_of(at("13:00"), subject_id=other)
    assert before["subject_id"].unique().to_list() == [other]
    assert after["subject_id"].unique().to_list() == [one]
    assert after.height == 4


def test_saving_the_same_again_is_once_and_something_else_is_the_next_state(tmp_path):
    store, ward = a_store(tmp_path), a_ward()
    first = saved(store, ward)

    again = saved(store, ward)
    other = saved(store, ward.head(30))

    assert again.entry == first.entry
    assert [entry.sequence for entry in store.entries()] == [1, 2]
    assert other.manifest.previous == first.entry.manifest
    assert store.open("ward").digest == other.digest
    assert store.open(f"ward@{first.digest[:8]}").entry == first.entry
    assert store.open(first.digest[:10]).entry == first.entry


def test_two_data_sets_share_the_shards_that_say_the_same(tmp_path):
    store = a_store(tmp_path)
    saved(store, a_ward(), "collected")
    before = shard_files(tmp_path)

    other = saved(store, a_ward(), "prepared")

    assert shard_files(tmp_path) == before
    assert other.digest != store.open("collected").digest


def test_a_snapshot_has_the_same_address_in_another_workspace(tmp_path):
    one = saved(a_store(tmp_path / "one"), a_ward())
    other = saved(a_store(tmp_path / "other", run=7), a_ward().reverse())

    assert one.digest == other.digest
    files = [shard_files(tmp_path / name)[0].read_bytes() for name in ("one", "other")]
    assert files[0] != files[1]


def test_rows_that_are_alike_but_for_their_value_have_one_order_and_one_address(tmp_path):
    alike = [a_row(7, "r1", value=value, text=text) for value in (2.0, 1.0) for text in ("b", "a")]

    one = saved(a_store(tmp_path / "one"), events_of(*alike))
    other = saved(a_store(tmp_path / "other"), events_of(*reversed(alike)))

    assert one.digest == other.digest
    assert one.shard(0)["value"].to_list() == [1.0, 1.0, 2.0, 2.0]


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(flipped, id="a bit"),
        pytest.param(lambda content: content[:-1], id="cut"),
        pytest.param(lambda content: content + b"\0", id="longer"),
        pytest.param(lambda _: b"", id="emptied"),
        pytest.param(None, id="gone"),
    ],
)
def test_a_shard_that_was_changed_is_refused_and_named(tmp_path, harm):
    snapshot = saved(a_store(tmp_path), a_ward())
    (file,) = shard_files(tmp_path)
    if harm is None:
        file.unlink()
    else:
        file.write_bytes(harm(file.read_bytes()))

    with pytest.raises(Refused) as refused:
        list(snapshot.shards())

    assert refused.value.code == "shard_tampered"
    assert snapshot.manifest.shards[0].content[:12] in refused.value.problem


def test_no_byte_of_a_shard_can_be_changed_unseen(tmp_path):
    snapshot = saved(a_store(tmp_path), a_ward())
    (file,) = shard_files(tmp_path)
    whole, rows = file.read_bytes(), pl.concat(list(snapshot.shards()))
    places = sorted({*range(64), *range(len(whole) - 64, len(whole)), *range(0, len(whole), 37)})

    for place in places:
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        try:
            found = pl.concat(list(snapshot.shards()))
        except Refused as refused:
            assert refused.code == "shard_tampered"  # noqa: PT017 - some bytes say nothing
        else:
            assert found.equals(rows), place
        with pytest.raises(Refused):
            snapshot.check(0)


def test_a_shard_swapped_with_another_or_rolled_back_is_refused(tmp_path):
    store = a_store(tmp_path)
    old = saved(store, a_ward())
    new = saved(store, a_ward().with_columns(pl.col("value") + 1))
    names = [
        tmp_path / "blobs" / blob_of(Zone.IDENTIFIED, one.manifest.shards[0].material)
        for one in (old, new)
    ]
    contents = [name.read_bytes() for name in names]

    names[1].write_bytes(contents[0])  # the newer is set back to the older
    with pytest.raises(Refused):
        list(new.shards())
    names[1].write_bytes(contents[1])
    assert list(new.shards())
    names[0].write_bytes(contents[1])
    with pytest.raises(Refused):
        list(old.shards())


def test_even_with_a_forged_size_and_digest_a_file_opens_only_in_its_own_place(tmp_path):
    store = a_store(tmp_path)
    old = saved(store, a_ward())
    new = saved(store, a_ward().with_columns(pl.col("value") + 1))
    ours, theirs = new.manifest.shards[0], old.manifest.shards[0]
    forged = replace(ours, material=theirs.material, sha256=theirs.sha256, size=theirs.size)
    swapped = replace(new, manifest=replace(new.manifest, shards=(forged,)))

    with pytest.raises(Refused):
        list(swapped.shards())


def test_a_manifest_that_was_set_back_in_the_catalogue_is_refused(tmp_path):
    store = a_store(tmp_path)
    old = saved(store, a_ward())
    new = saved(store, a_ward(30))

    with pytest.raises(Refused) as refused:
        store.opened(replace(new.entry, manifest=old.entry.manifest))

    assert refused.value.code == "rolled_back"


def test_a_destroyed_key_makes_every_read_path_fail_with_one_clear_error(tmp_path):
    store = a_store(tmp_path)
    snapshot = saved(store, a_ward())
    keyring = store.data_keys._keys  # type: ignore[attr-defined]

    keyring.destroy("identified")
    store.data_keys.flush()

    ways = [
        lambda: list(snapshot.shards()),
        lambda: snapshot.shard(0, ["code"]),
        lambda: snapshot.subject(7919),
        lambda: list(snapshot.as_of(at("12:00"))),
        lambda: list(snapshot.as_of(at("12:00"), subject_id=7919)),
        snapshot.events,
        lambda: store.open("ward"),
        lambda: list(a_store(tmp_path).open("ward").shards()),
        lambda: saved(store, a_ward(5), "new"),
    ]
    for read in ways:
        with pytest.raises(Refused) as refused:
            read()
        assert refused.value.code == "key_destroyed"


def test_the_wrong_key_file_gives_one_clear_error(tmp_path):
    saved(a_store(tmp_path / "one"), a_ward())
    saved(a_store(tmp_path / "other"), a_ward())
    key_file = Path("keys") / "keyring.json"
    os.replace(tmp_path / "other" / key_file, tmp_path / "one" / key_file)

    with pytest.raises(Refused) as refused:
        a_store(tmp_path / "one").open("ward")

    assert refused.value.code in ("wrong_key", "object_tampered")


@pytest.mark.parametrize("name", ["absent", "ward@00000000", "000000", "w", ""])
def test_a_name_that_nothing_has_is_not_found_and_what_exists_is_named(tmp_path, name):
    store = a_store(tmp_path)
    saved(store, a_ward())

    with pytest.raises(NotFound) as error:
        store.open(name)

    assert "ward" in error.value.fix


@pytest.mark.parametrize(
    ("spoilt", "code"),
    [
        ({"known_at": None}, "empty_column"),
        ({"code": None}, "empty_column"),
        ({"source_row": None}, "empty_column"),
    ],
)
def test_a_row_that_lacks_what_every_event_has_is_refused_without_a_value(tmp_path, spoilt, code):
    rows = events_of(a_row(424242), {**a_row(424242, "r2"), **spoilt})

    with pytest.raises(Invalid) as error:
        saved(a_store(tmp_path), rows)

    assert error.value.code == code
    assert "424242" not in str(error.value)


def test_no_event_at_all_and_a_missing_column_are_refused(tmp_path):
    for spoilt in (
        a_ward().clear(),
        a_ward().drop("unit"),
        a_ward().with_columns(time=1),
        a_ward().with_columns(value=pl.lit("a")),
        a_ward().with_columns(pl.col("time").dt.replace_time_zone(None)),
    ):
        with pytest.raises(Invalid):
            saved(a_store(tmp_path), spoilt)


def test_what_no_snapshot_needs_is_swept_and_what_one_needs_stays(tmp_path):
    store = a_store(tmp_path)
    kept = saved(store, a_ward())
    material, _ = store.data_keys.new("identified", "left by a killed process")
    store.blobs.put(f"shards/identified/{material[:2]}/{material[2:]}", b"half")
    store.raw.put(b"a file that no snapshot names")

    removed = store.sweep()

    assert removed == 2
    assert store.sweep() == 0
    assert pl.concat(list(kept.shards())).height == a_ward().height
    with pytest.raises(BedsideError):
        store.data_keys.open(material, "left by a killed process")


def test_the_lineage_is_found_from_both_ends(tmp_path):
    store = a_store(tmp_path)
    raw, version = Node(kind="raw", id="ab" * 32), Node(kind="version", id="sepsis@1")
    snapshot = Node(kind="snapshot", id=saved(store, a_ward()).digest)
    first = Edge(at="2026-03-01", job="collect", run="r", source=raw, output=snapshot)
    second = Edge(at="2026-03-02", job="build", run="r", source=snapshot, output=version)

    store.catalogue.record([first, second])

    assert store.catalogue.made_from(raw) == [first]
    assert store.catalogue.made_of(version) == [second]
    assert store.catalogue.made_from(version) == []
    assert store.catalogue.edges() == [first, second]


def test_a_place_in_a_raw_file_is_found_again_after_records_before_it_were_erased():
    cut = replace(RAW, gone=((10, 5), (30, 2)))

    places = [cut.place(offset) for offset in (0, 20, 40)]

    assert places == [0, 15, 33]
    assert [cut.as_received(place) for place in places] == [0, 20, 40]

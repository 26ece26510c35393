import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.clock import FixedClock
from bedside.core.errors import Invalid, NotFound, Refused, Unavailable
from bedside.infra.blobs.memory import MemoryBlobs
from bedside.infra.keys.keyring import FileKeyring
from bedside.infra.keys.material import BlobDataKeys

CLOCK = FixedClock(datetime(2026, 11, 3, 6, 30, tzinfo=UTC))


class CountingKeys(FileKeyring):
    """The real keyring, which counts how often it was asked to open."""

    asked = 0

    def unwrap(self, wrapped: str, key: str, context: str) -> bytes:
        self.asked += 1
        return super().unwrap(wrapped, key, context)


class FillingBlobs(MemoryBlobs):
    """The real store in memory, whose disk is full after so many more writings."""

    room = 1_000_000

    def put(self, name: str, content: bytes | bytearray | memoryview) -> None:
        if self.room <= 0:
            raise Unavailable("The disk is full.", fix="free some space.", code="disk_full")
        self.room -= 1
        super().put(name, content)


@pytest.fixture
def keys(tmp_path: Path) -> CountingKeys:
    return CountingKeys(tmp_path / "keys" / "keyring.json", passphrase=None, clock=CLOCK)


@pytest.fixture
def blobs() -> FillingBlobs:
    return FillingBlobs()


@pytest.fixture
def material(blobs: FillingBlobs, keys: CountingKeys) -> BlobDataKeys:
    return BlobDataKeys(blobs, keys)


def code_of(call: object) -> str:
    assert callable(call)
    with pytest.raises(Refused) as refused:
        call()
    return refused.value.code


def versions_in(blobs: MemoryBlobs) -> list[str]:
    told = [json.loads(blobs.get(name)) for name in blobs.names("material/")]
    return [one["wrapped"].split(":")[1] for one in told]


def test_a_data_key_is_kept_wrapped_and_opens_again(
    material: BlobDataKeys, blobs: FillingBlobs, keys: CountingKeys
) -> None:
    name, data_key = material.new("features", "snapshot/7/part-0")

    opened = [
        kept.open(name, "snapshot/7/part-0") for kept in (material, BlobDataKeys(blobs, keys))
    ]

    assert opened == [data_key, data_key]
    assert len(data_key) == 32
    [blob] = blobs.names("")
    assert blob == f"material/{name[:2]}/{name[2:]}"
    content = blobs.get(blob)
    assert set(json.loads(content)) == {"key", "context", "wrapped"}
    assert data_key not in content
    assert data_key.hex().encode() not in content


def test_every_data_key_and_every_id_is_new(material: BlobDataKeys) -> None:
    made = [material.new("raw", "same") for _ in range(50)]

    assert len({name for name, _ in made}) == len({data_key for _, data_key in made}) == 50


def test_a_data_key_opens_with_its_own_context_only(material: BlobDataKeys) -> None:
    name, _ = material.new("raw", "file/1")
    material.open(name, "file/1")

    assert code_of(lambda: material.open(name, "file/2")) == "wrong_key"


@pytest.mark.parametrize("change", ["context", "key", "wrapped"])
def test_a_kept_key_that_was_moved_or_changed_does_not_open(
    material: BlobDataKeys, blobs: FillingBlobs, change: str
) -> None:
    name, _ = material.new("raw", "file/1")
    other, _ = material.new("features", "file/2")
    ours, theirs = (f"material/{one[:2]}/{one[2:]}" for one in (name, other))
    told = json.loads(blobs.get(ours))
    told[change] = json.loads(blobs.get(theirs))[change]
    blobs.put(ours, json.dumps(told).encode())

    for context in ("file/1", "file/2"):
        assert code_of(lambda: material.open(name, context)) == "wrong_key"  # noqa: B023


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"key":1}', b"\xff", b"[" * 100_000])
def test_a_kept_key_that_is_damaged_does_not_open(
    material: BlobDataKeys, blobs: FillingBlobs, content: bytes
) -> None:
    name, _ = material.new("raw", "file/1")
    blobs.put(f"material/{name[:2]}/{name[2:]}", content)

    assert code_of(lambda: material.open(name, "file/1")) == "wrong_key"


@pytest.mark.parametrize("name", ["", "ab", "A" * 32, "../" * 8, "0" * 33, "0" * 31 + "\n"])
def test_an_id_is_32_hexadecimal_digits(material: BlobDataKeys, name: str) -> None:
    with pytest.raises(Invalid):
        material.open(name, "file/1")
    with pytest.raises(Invalid):
        material.forget(name)


def test_an_open_key_costs_the_key_service_one_call(
    material: BlobDataKeys, keys: CountingKeys
) -> None:
    name, data_key = material.new("raw", "file/1")

    opened = {material.open(name, "file/1") for _ in range(20)}

    assert opened == {data_key}
    assert keys.asked == 1


def test_the_keys_in_memory_are_bounded(material: BlobDataKeys, keys: CountingKeys) -> None:
    names = [material.new("raw", "file")[0] for _ in range(400)]

    for name in names:
        material.open(name, "file")
    material.open(names[-1], "file")
    first = keys.asked
    material.open(names[0], "file")

    assert first == 400
    assert keys.asked == 401


def test_after_a_key_is_destroyed_and_the_memory_flushed_nothing_opens(
    material: BlobDataKeys, keys: CountingKeys, blobs: FillingBlobs
) -> None:
    names = [material.new("raw", f"file/{number}")[0] for number in range(10)]
    spared, data_key = material.new("features", "file")
    for number, name in enumerate(names):
        material.open(name, f"file/{number}")

    keys.destroy("raw")
    material.flush()

    for kept in (material, BlobDataKeys(blobs, keys)):
        for number, name in enumerate(names):
            assert code_of(lambda: kept.open(name, f"file/{number}")) == "key_destroyed"  # noqa: B023
        assert kept.open(spared, "file") == data_key
    assert code_of(lambda: material.new("raw", "file")) == "key_destroyed"


def test_a_key_that_was_opened_while_the_memory_was_flushed_does_not_stay_in_it(
    blobs: FillingBlobs, tmp_path: Path
) -> None:
    class FlushedMeanwhile(CountingKeys):
        def unwrap(self, wrapped: str, key: str, context: str) -> bytes:
            data_key = super().unwrap(wrapped, key, context)
            self.destroy(key)
            material.flush()
            return data_key

    keys = FlushedMeanwhile(tmp_path / "keys" / "keyring.json", passphrase=None, clock=CLOCK)
    material = BlobDataKeys(blobs, keys)
    name, _ = material.new("raw", "file")
    material.open(name, "file")

    assert code_of(lambda: material.open(name, "file")) == "key_destroyed"


def test_a_forgotten_key_never_opens_again(material: BlobDataKeys, blobs: FillingBlobs) -> None:
    name, _ = material.new("raw", "file/1")
    other, data_key = material.new("raw", "file/2")
    material.open(name, "file/1")

    material.forget(name)
    material.forget(name)

    with pytest.raises(NotFound):
        material.open(name, "file/1")
    assert material.open(other, "file/2") == data_key
    assert len(list(blobs.names("material/"))) == 1


def test_after_rewrapping_the_old_version_can_go(
    material: BlobDataKeys, keys: CountingKeys, blobs: FillingBlobs
) -> None:
    made = [material.new("raw", f"file/{number}") for number in range(20)]
    material.new("features", "file")
    keys.rotate("raw")
    made.append(material.new("raw", "file/20"))
    told: list[int] = []

    done = material.rewrap("raw", told.append)

    keys.destroy("raw", version=1)
    assert done == 21
    assert told == [1] * 21
    assert sorted(versions_in(blobs)) == ["v1"] + ["v2"] * 21
    for number, (name, data_key) in enumerate(made):
        assert material.open(name, f"file/{number}") == data_key


def test_rewrapping_again_writes_nothing(
    material: BlobDataKeys, keys: CountingKeys, blobs: FillingBlobs
) -> None:
    material.new("raw", "file")
    keys.rotate("raw")
    material.rewrap("raw", lambda _: None)
    blobs.room = 0

    assert material.rewrap("raw", lambda _: None) == 1
    assert material.rewrap("ledger", lambda _: None) == 0


@settings(max_examples=30, deadline=None)
@given(room=st.integers(0, 12))
def test_rewrapping_may_stop_anywhere_and_loses_nothing(
    tmp_path_factory: pytest.TempPathFactory, room: int
) -> None:
    folder, blobs = tmp_path_factory.mktemp("keys"), FillingBlobs()
    keys = CountingKeys(folder / "keys" / "keyring.json", passphrase=None, clock=CLOCK)
    material = BlobDataKeys(blobs, keys)
    made = [material.new("raw", "file") for _ in range(10)]
    keys.rotate("raw")
    blobs.room = room

    if room < 10:
        with pytest.raises(Unavailable):
            material.rewrap("raw", lambda _: None)
    else:
        material.rewrap("raw", lambda _: None)

    material.flush()
    assert versions_in(blobs).count("v2") == min(room, 10)
    assert all(material.open(name, "file") == data_key for name, data_key in made)
    blobs.room = 100
    assert material.rewrap("raw", lambda _: None) == 10
    assert set(versions_in(blobs)) == {"v2"}


def test_rewrapping_passes_over_what_is_lost_already(
    material: BlobDataKeys, keys: CountingKeys
) -> None:
    lost, _ = material.new("raw", "file")
    keys.rotate("raw")
    keys.destroy("raw", version=1)
    name, data_key = material.new("raw", "file")
    keys.rotate("raw")

    done = material.rewrap("raw", lambda _: None)

    assert done == 1
    assert material.open(name, "file") == data_key
    assert code_of(lambda: material.open(lost, "file")) == "key_destroyed"

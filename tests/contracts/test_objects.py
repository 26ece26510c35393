"""What every object store must do, whatever keeps the bytes."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bedside.core.clock import SystemClock
from bedside.core.errors import Invalid, NotFound, Refused
from bedside.core.ids import digest_bytes
from bedside.core.ports import Blobs, ObjectStore
from bedside.infra.blobs.disk import DiskBlobs
from bedside.infra.blobs.memory import MemoryBlobs
from bedside.infra.blobs.s3 import S3Blobs
from bedside.infra.keys.keyring import FileKeyring
from bedside.infra.keys.material import BlobDataKeys
from bedside.infra.objects.sealed import SealedObjects
from s3_server import an_s3_bucket


def sealed_on(blobs: Blobs, folder: Path) -> ObjectStore:
    ring = FileKeyring(folder / "keyring.json", passphrase=None, clock=SystemClock())
    return SealedObjects(blobs, BlobDataKeys(blobs, ring), key="features", prefix="objects")


def a_disk(folder: Path) -> Blobs:
    return DiskBlobs(folder / "blobs")


def a_memory(_folder: Path) -> Blobs:
    return MemoryBlobs()


def a_bucket(_folder: Path) -> Blobs:
    return S3Blobs(**{**an_s3_bucket(), "prefix": "ward"})


def on_disk(folder: Path) -> ObjectStore:
    return sealed_on(a_disk(folder), folder)


def in_memory(folder: Path) -> ObjectStore:
    return sealed_on(a_memory(folder), folder)


def on_s3(folder: Path) -> ObjectStore:
    return sealed_on(a_bucket(folder), folder)


STORES = [on_disk, in_memory, on_s3]  # add yours here
every_store = pytest.mark.parametrize("store", STORES)
Opened = Callable[[Path], ObjectStore]


@every_store
@given(content=st.binary(max_size=300))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_what_is_put_comes_back_under_its_sha_256(
    store: Opened, tmp_path: Path, content: bytes
) -> None:
    objects = store(tmp_path)

    digest = objects.put(content)

    assert digest == digest_bytes(content)
    assert objects.has(digest)
    assert objects.get(digest) == content


@every_store
def test_putting_the_same_bytes_twice_is_once(store: Opened, tmp_path: Path) -> None:
    objects = store(tmp_path)

    first = objects.put(b"a snapshot")
    again = objects.put(b"a snapshot")

    assert first == again
    assert objects.get(first) == b"a snapshot"


@every_store
def test_a_digest_that_nothing_has_is_not_found(store: Opened, tmp_path: Path) -> None:
    objects = store(tmp_path)

    digest = digest_bytes(b"never put")

    assert not objects.has(digest)
    with pytest.raises(NotFound):
        objects.get(digest)


@every_store
@pytest.mark.parametrize("name", ["", "../keys/data.key", "A" * 64, "ab" * 31, "ab" * 32 + "\n"])
def test_a_name_that_is_no_digest_reaches_no_file(store: Opened, tmp_path: Path, name: str) -> None:
    objects = store(tmp_path)

    with pytest.raises(Invalid):
        objects.has(name)
    with pytest.raises(Invalid):
        objects.get(name)


@every_store
def test_what_is_removed_is_gone_and_the_others_stay(store: Opened, tmp_path: Path) -> None:
    objects = store(tmp_path)
    kept, gone = objects.put(b"kept"), objects.put(b"gone")

    objects.remove(gone)
    objects.remove(gone)

    assert list(objects.digests()) == [kept]
    assert not objects.has(gone)
    with pytest.raises(NotFound):
        objects.get(gone)


@every_store
def test_the_digests_are_told_in_order_and_nothing_else_is(store: Opened, tmp_path: Path) -> None:
    objects = store(tmp_path)

    kept = sorted(objects.put(str(number).encode()) for number in range(30))

    assert list(objects.digests()) == kept


@pytest.mark.parametrize("blobs_of", [a_disk, a_memory, a_bucket])
def test_an_object_in_the_place_of_another_is_refused_and_putting_again_puts_it_right(
    blobs_of: Callable[[Path], Blobs], tmp_path: Path
) -> None:
    blobs = blobs_of(tmp_path)
    objects = sealed_on(blobs, tmp_path)
    one, two = objects.put(b"potassium 3.1"), objects.put(b"potassium 6.2")
    place = [f"objects/{digest[:2]}/{digest[2:]}" for digest in (one, two)]
    blobs.put(place[0], blobs.get(place[1]))

    with pytest.raises(Refused) as refused:
        objects.get(one)
    objects.put(b"potassium 3.1")

    assert refused.value.code == "object_tampered"
    assert objects.get(one) == b"potassium 3.1"
    assert objects.get(two) == b"potassium 6.2"

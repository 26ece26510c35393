from pathlib import Path

import pytest

from bedside.core.clock import SystemClock
from bedside.core.errors import NotFound, Refused, Unavailable
from bedside.core.ids import digest_bytes
from bedside.core.ports import Blobs
from bedside.infra.blobs.disk import DiskBlobs
from bedside.infra.blobs.memory import MemoryBlobs
from bedside.infra.keys.keyring import FileKeyring
from bedside.infra.keys.material import BlobDataKeys
from bedside.infra.objects.sealed import CHUNK, HEADER, STEP, SealedObjects

SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 7]


def ring_of(folder: Path, name: str = "keyring.json") -> FileKeyring:
    return FileKeyring(folder / "keys" / name, passphrase=None, clock=SystemClock())


def opened(folder: Path, *, prefix: str = "objects", ring: str = "keyring.json") -> SealedObjects:
    blobs = DiskBlobs(folder / "blobs")
    data_keys = BlobDataKeys(blobs, ring_of(folder, ring))
    return SealedObjects(blobs, data_keys, key="features", prefix=prefix)


def file_of(folder: Path, digest: str) -> Path:
    return folder / "blobs" / "objects" / digest[:2] / digest[2:]


def materials(folder: Path) -> list[str]:
    return list(DiskBlobs(folder / "blobs").names("material/"))


def content_of(size: int) -> bytes:
    return (b"0123456789abcdef" * (size // 16 + 1))[:size]


@pytest.mark.parametrize("size", SIZES)
def test_objects_of_every_number_of_chunks_come_back(tmp_path: Path, size: int) -> None:
    content = content_of(size)

    digest = opened(tmp_path).put(content)

    assert opened(tmp_path).get(digest) == content


def test_what_lies_on_disk_shows_nothing_of_the_object(tmp_path: Path) -> None:
    digest = opened(tmp_path).put(b"Rosalind Franklin " * 50)

    lies = file_of(tmp_path, digest).read_bytes()

    assert b"Rosalind" not in lies
    assert file_of(tmp_path, digest).stat().st_mode & 0o077 == 0
    assert digest_bytes(lies) != digest


def test_the_same_object_is_sealed_differently_each_time(tmp_path: Path) -> None:
    one = opened(tmp_path / "one").put(b"same")

    two = opened(tmp_path / "two").put(b"same")

    lies = [file_of(tmp_path / place, one).read_bytes() for place in ("one", "two")]
    assert one == two
    assert lies[0] != lies[1]


@pytest.mark.parametrize("at", range(HEADER + 12 + 4 + 16))
def test_one_changed_bit_anywhere_is_refused(tmp_path: Path, at: int) -> None:
    digest = opened(tmp_path).put(b"four")
    lies = bytearray(file_of(tmp_path, digest).read_bytes())
    lies[at] ^= 1
    file_of(tmp_path, digest).write_bytes(lies)

    with pytest.raises(Refused) as refused:
        opened(tmp_path).get(digest)

    assert refused.value.code == "object_tampered"


def test_an_object_in_the_place_of_another_is_refused(tmp_path: Path) -> None:
    one, two = opened(tmp_path).put(b"potassium 3.1"), opened(tmp_path).put(b"potassium 6.2")
    file_of(tmp_path, one).write_bytes(file_of(tmp_path, two).read_bytes())

    with pytest.raises(Refused):
        opened(tmp_path).get(one)

    assert opened(tmp_path).get(two) == b"potassium 6.2"


@pytest.mark.parametrize(
    "cut",
    [
        lambda lies: lies[: HEADER + STEP],
        lambda lies: lies[: HEADER + 2 * STEP],
        lambda lies: lies[:HEADER] + lies[HEADER + STEP :],
        lambda lies: lies[:HEADER]
        + lies[HEADER + STEP : HEADER + 2 * STEP]
        + lies[HEADER : HEADER + STEP]
        + lies[HEADER + 2 * STEP :],
        lambda lies: lies[:-1],
        lambda lies: lies + b"\0",
        lambda lies: lies + lies[HEADER + 2 * STEP :],
        lambda lies: lies[:5],
        lambda lies: b"",
    ],
    ids=["first only", "last gone", "first gone", "swapped", "byte less", "byte more", "repeated",
         "stump", "empty"],
)  # fmt: skip
def test_a_large_object_that_was_cut_lengthened_or_reordered_is_refused(
    large: tuple[Path, str, bytes], cut: object
) -> None:
    folder, digest, lies = large

    file_of(folder, digest).write_bytes(cut(lies))  # type: ignore[operator]

    with pytest.raises(Refused):
        opened(folder).get(digest)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, bytes]:
    folder = tmp_path_factory.mktemp("large")
    digest = opened(folder).put(content_of(2 * CHUNK + 7))
    return folder, digest, file_of(folder, digest).read_bytes()


def test_another_key_file_opens_nothing(tmp_path: Path) -> None:
    digest = opened(tmp_path).put(b"x")
    opened(tmp_path, ring="other.json").put(b"y")

    with pytest.raises(Refused):
        opened(tmp_path, ring="other.json").get(digest)


def test_an_object_moved_to_another_part_of_the_store_is_refused(tmp_path: Path) -> None:
    digest = opened(tmp_path).put(b"a manifest")
    place = tmp_path / "blobs" / "raw" / digest[:2]
    place.mkdir(parents=True, mode=0o700)
    file_of(tmp_path, digest).rename(place / digest[2:])

    with pytest.raises(Refused):
        opened(tmp_path, prefix="raw").get(digest)


def test_a_rotated_key_opens_and_a_destroyed_one_says_so(tmp_path: Path) -> None:
    objects, ring = opened(tmp_path), ring_of(tmp_path)
    digest = objects.put(b"a snapshot")
    before = file_of(tmp_path, digest).read_bytes()
    ring.rotate("features")
    BlobDataKeys(DiskBlobs(tmp_path / "blobs"), ring).rewrap("features", lambda _: None)
    ring.destroy("features", version=1)

    rotated = opened(tmp_path).get(digest)
    ring.destroy("features")

    assert rotated == b"a snapshot"
    assert file_of(tmp_path, digest).read_bytes() == before
    with pytest.raises(Refused) as refused:
        opened(tmp_path).get(digest)
    assert refused.value.code == "key_destroyed"


def test_what_is_removed_leaves_neither_its_file_nor_its_key(tmp_path: Path) -> None:
    objects = opened(tmp_path)
    kept, gone = objects.put(b"kept"), objects.put(b"gone")

    objects.remove(gone)
    objects.remove(gone)

    assert list(objects.digests()) == [kept]
    assert len(materials(tmp_path)) == 1


def test_putting_again_repairs_what_was_damaged(tmp_path: Path) -> None:
    digest = opened(tmp_path).put(b"a snapshot")
    file_of(tmp_path, digest).write_bytes(b"junk")

    opened(tmp_path).put(b"a snapshot")

    assert opened(tmp_path).get(digest) == b"a snapshot"


def test_a_repaired_object_leaves_no_key_of_the_damaged_one(tmp_path: Path) -> None:
    digest = opened(tmp_path).put(b"a snapshot")
    lies = bytearray(file_of(tmp_path, digest).read_bytes())
    lies[-1] ^= 1
    file_of(tmp_path, digest).write_bytes(lies)

    opened(tmp_path).put(b"a snapshot")

    assert opened(tmp_path).get(digest) == b"a snapshot"
    assert len(materials(tmp_path)) == 1


def test_repairing_or_removing_where_another_object_was_moved_spares_the_other_ones_key(
    tmp_path: Path,
) -> None:
    objects = opened(tmp_path)
    one, two, three = (objects.put(content) for content in (b"one", b"two", b"three"))
    for moved in (one, two):
        file_of(tmp_path, moved).write_bytes(file_of(tmp_path, three).read_bytes())

    objects.put(b"one")
    objects.remove(two)

    assert opened(tmp_path).get(one) == b"one"
    assert opened(tmp_path).get(three) == b"three"
    assert not opened(tmp_path).has(two)


def test_what_was_put_under_a_destroyed_version_of_the_key_is_put_right(tmp_path: Path) -> None:
    ring = ring_of(tmp_path)
    digest = opened(tmp_path).put(b"a snapshot")
    ring.rotate("features")
    ring.destroy("features", version=1)

    opened(tmp_path).put(b"a snapshot")

    assert opened(tmp_path).get(digest) == b"a snapshot"
    assert len(materials(tmp_path)) == 1


class StubbornBlobs(MemoryBlobs):
    """Blobs in memory that report a failed put of an object, `before` or `after` it was kept."""

    def __init__(self, when: str, code: str = "objects_unavailable") -> None:
        super().__init__()
        self.when, self.code, self.refuses = when, code, False

    def put(self, name: str, content: bytes | bytearray | memoryview) -> None:
        failing = name.startswith("objects/") and self.when != "never"
        if not failing or self.when == "after":
            super().put(name, content)
        if failing:
            raise Unavailable("The store does not answer.", fix="wait.", code=self.code)

    def get(self, name: str) -> bytes:
        if self.refuses and name.startswith("objects/"):
            raise Refused("Not you.", fix="ask.", code="objects_forbidden")
        return super().get(name)


def sealed_on(blobs: Blobs, folder: Path) -> SealedObjects:
    data_keys = BlobDataKeys(blobs, ring_of(folder))
    return SealedObjects(blobs, data_keys, key="features", prefix="objects")


def test_a_put_that_failed_leaves_no_key_behind(tmp_path: Path) -> None:
    blobs = StubbornBlobs("before")

    with pytest.raises(Unavailable):
        sealed_on(blobs, tmp_path).put(b"a snapshot")

    assert list(blobs.names("")) == []


def test_a_put_whose_answer_was_lost_keeps_the_key_of_what_lies_there(tmp_path: Path) -> None:
    blobs = StubbornBlobs("after")

    with pytest.raises(Unavailable):
        sealed_on(blobs, tmp_path).put(b"a snapshot")

    assert sealed_on(blobs, tmp_path).get(digest_bytes(b"a snapshot")) == b"a snapshot"


def test_an_object_that_may_not_be_read_is_not_taken_for_a_damaged_one(tmp_path: Path) -> None:
    blobs = StubbornBlobs("never")
    digest = sealed_on(blobs, tmp_path).put(b"a snapshot")
    name = f"objects/{digest[:2]}/{digest[2:]}"
    before = blobs.get(name)
    blobs.refuses = True

    for use in (lambda: sealed_on(blobs, tmp_path).put(b"a snapshot"),
                lambda: sealed_on(blobs, tmp_path).get(digest),
                lambda: sealed_on(blobs, tmp_path).remove(digest)):  # fmt: skip
        with pytest.raises(Refused) as refused:
            use()
        assert refused.value.code == "objects_forbidden"

    blobs.refuses = False
    assert blobs.get(name) == before


def test_an_error_never_repeats_the_object(tmp_path: Path) -> None:
    digest = opened(tmp_path).put(b"Rosalind Franklin")
    file_of(tmp_path, digest).unlink()

    with pytest.raises(NotFound) as error:
        opened(tmp_path).get(digest)

    assert "Rosalind" not in str(error.value)

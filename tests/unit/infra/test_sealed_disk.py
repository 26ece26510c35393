from pathlib import Path

import pytest

from bedside.core.errors import Invalid, NotFound, Refused
from bedside.core.ids import digest_bytes
from bedside.infra.objects.disk import CHUNK, STEP, SealedDisk

KEY = b"k" * 32
SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 7]


def opened(folder: Path, *, key: bytes = KEY) -> SealedDisk:
    return SealedDisk(folder, key)


def file_of(folder: Path, digest: str) -> Path:
    return folder / digest[:2] / digest[2:]


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


@pytest.mark.parametrize("at", range(4 + 12 + 16))
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
        lambda lies: lies[:STEP],
        lambda lies: lies[: 2 * STEP],
        lambda lies: lies[STEP:],
        lambda lies: lies[STEP : 2 * STEP] + lies[:STEP] + lies[2 * STEP :],
        lambda lies: lies[:-1],
        lambda lies: lies + b"\0",
        lambda lies: lies + lies[2 * STEP :],
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


def test_another_key_opens_nothing(tmp_path: Path) -> None:
    digest = opened(tmp_path).put(b"x")

    with pytest.raises(Refused):
        opened(tmp_path, key=b"q" * 32).get(digest)


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_only_a_256_bit_key_is_taken(tmp_path: Path, length: int) -> None:
    with pytest.raises(Invalid):
        opened(tmp_path, key=b"k" * length)


def test_putting_again_repairs_what_was_damaged(tmp_path: Path) -> None:
    digest = opened(tmp_path).put(b"a snapshot")
    file_of(tmp_path, digest).write_bytes(b"junk")

    opened(tmp_path).put(b"a snapshot")

    assert opened(tmp_path).get(digest) == b"a snapshot"


def test_what_a_killed_process_left_is_no_object_and_can_be_swept(tmp_path: Path) -> None:
    digest = opened(tmp_path).put(b"a snapshot")
    (tmp_path / digest[:2] / ".part-killed").write_bytes(b"half")

    swept = opened(tmp_path).sweep()

    assert swept == 1
    assert [path.name for path in (tmp_path / digest[:2]).iterdir()] == [digest[2:]]
    assert opened(tmp_path).get(digest) == b"a snapshot"


def test_an_error_never_repeats_the_object(tmp_path: Path) -> None:
    digest = opened(tmp_path).put(b"Rosalind Franklin")
    file_of(tmp_path, digest).unlink()

    with pytest.raises(NotFound) as error:
        opened(tmp_path).get(digest)

    assert "Rosalind" not in str(error.value)

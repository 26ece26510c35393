"""What every store of blobs must do, wherever the bytes lie."""

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bedside.core.errors import BedsideError, Invalid, NotFound
from bedside.core.ports import Blobs
from bedside.infra.blobs.disk import DiskBlobs
from bedside.infra.blobs.memory import MemoryBlobs
from bedside.infra.blobs.names import LONGEST
from bedside.infra.blobs.s3 import S3Blobs
from s3_server import an_s3_bucket


def a_disk(folder: Path) -> Blobs:
    return DiskBlobs(folder / "blobs")


def a_memory(_folder: Path) -> Blobs:
    return MemoryBlobs()


def a_bucket(_folder: Path) -> Blobs:
    return S3Blobs(**an_s3_bucket())


def a_part_of_a_bucket(_folder: Path) -> Blobs:
    return S3Blobs(**{**an_s3_bucket(), "prefix": "Hospital/ward-7"})


STORES = [a_disk, a_memory, a_bucket, a_part_of_a_bucket]  # add yours here
every_store = pytest.mark.parametrize("store", STORES)
Opened = Callable[[Path], Blobs]

segments = st.from_regex(r"[a-z0-9_-]{1,8}(\.[a-z0-9_-]{1,8})?", fullmatch=True)
names = st.lists(segments, min_size=1, max_size=4).map("/".join)
contents = st.binary(max_size=300)
quick = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

NOT_OURS = [
    "", "/", "/etc/passwd", "..", "../keys", "a/../b", "a/..", "./a", ".", ".hidden", "a/.part-1",
    "a//b", "a/", "/a", "A", "a/B", "a\n", "a\nb", "a b", "a\\b", "a\0b", "a.", "a..b", "ä", "%2e",
    "x" * 201, "/".join(["abcdefg"] * (LONGEST // 8 + 1)),
]  # fmt: skip


@every_store
@given(name=names, content=contents)
@quick
def test_what_is_put_comes_back_under_its_name(
    store: Opened, tmp_path_factory: pytest.TempPathFactory, name: str, content: bytes
) -> None:
    blobs = store(tmp_path_factory.mktemp("blobs"))

    blobs.put(name, content)

    assert blobs.get(name) == content
    assert blobs.has(name)
    assert list(blobs.names("")) == [name]


@every_store
@pytest.mark.parametrize("form", [bytes, bytearray, memoryview])
@pytest.mark.parametrize("size", [0, 1, 5_000_000])
def test_every_form_and_size_of_bytes_is_taken(
    store: Opened, tmp_path: Path, form: Callable[[bytes], Any], size: int
) -> None:
    blobs, content = store(tmp_path), (b"0123456789abcdef" * (size // 16 + 1))[:size]

    blobs.put("objects/ab/cdef", form(content))

    kept = blobs.get("objects/ab/cdef")
    assert type(kept) is bytes
    assert kept == content


@every_store
def test_a_buffer_that_is_used_again_does_not_change_what_was_put(
    store: Opened, tmp_path: Path
) -> None:
    blobs, buffer = store(tmp_path), bytearray(b"first")

    blobs.put("one", buffer)
    buffer[:] = b"later"

    assert blobs.get("one") == b"first"


@every_store
def test_putting_again_replaces(store: Opened, tmp_path: Path) -> None:
    blobs = store(tmp_path)

    blobs.put("head", b"a long first content")
    blobs.put("head", b"new")

    assert blobs.get("head") == b"new"
    assert list(blobs.names("")) == ["head"]


@every_store
def test_what_was_never_put_is_not_found(store: Opened, tmp_path: Path) -> None:
    blobs = store(tmp_path)
    blobs.put("objects/ab/cdef", b"sealed")

    for name in ("nothing", "objects", "objects/ab", "objects/ab/cde", "objects/ab/cdef/more"):
        assert not blobs.has(name)
        with pytest.raises(NotFound):
            blobs.get(name)


@every_store
def test_what_is_removed_is_gone_and_removing_it_again_is_no_error(
    store: Opened, tmp_path: Path
) -> None:
    blobs = store(tmp_path)
    blobs.put("objects/ab/one", b"1")
    blobs.put("objects/ab/two", b"2")

    blobs.remove("objects/ab/one")
    blobs.remove("objects/ab/one")
    blobs.remove("objects/never/there")

    assert not blobs.has("objects/ab/one")
    with pytest.raises(NotFound):
        blobs.get("objects/ab/one")
    assert list(blobs.names("")) == ["objects/ab/two"]


@every_store
def test_names_come_in_the_order_of_their_bytes_and_by_their_beginning(
    store: Opened, tmp_path: Path
) -> None:
    blobs = store(tmp_path)
    kept = ["l/a-b", "l/a.b", "l/a/b", "l/a/c.d/e", "l/a0", "l/a_c", "l/ab/c", "l/-x", "m", "l0/a"]
    for name in kept:
        blobs.put(name, b"")

    for prefix in (
        "",
        "l",
        "l/",
        "l/a",
        "l/a.",
        "l/a/",
        "l/a/c",
        "l/ab/c",
        "m",
        "m/",
        "n",
        "l/a/z/",
    ):
        expected = sorted(name for name in kept if name.startswith(prefix))
        assert list(blobs.names(prefix)) == expected


@every_store
@given(kept=st.sets(names, max_size=8), prefix=names)
@quick
def test_names_are_those_that_were_put_whatever_they_are(
    store: Opened, tmp_path_factory: pytest.TempPathFactory, kept: set[str], prefix: str
) -> None:
    blobs = store(tmp_path_factory.mktemp("blobs"))
    kept = {name for name in kept if not any(other.startswith(f"{name}/") for other in kept)}

    for name in kept:
        blobs.put(name, name.encode())

    assert list(blobs.names("")) == sorted(kept)
    assert list(blobs.names(prefix)) == sorted(one for one in kept if one.startswith(prefix))
    assert all(blobs.get(name) == name.encode() for name in kept)


@every_store
def test_more_names_than_one_page_holds_are_all_listed(store: Opened, tmp_path: Path) -> None:
    blobs = store(tmp_path)
    kept = [f"many/{number:04}" for number in range(1005)]  # S3 gives 1000 at a time
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda name: blobs.put(name, b""), kept))

    assert list(blobs.names("many/")) == kept


@every_store
def test_a_name_that_bedside_does_not_make_reaches_nothing(store: Opened, tmp_path: Path) -> None:
    blobs = store(tmp_path / "inside")
    uses: list[Callable[[str], object]] = [
        lambda name: blobs.put(name, b"x"),
        blobs.get,
        blobs.has,
        blobs.remove,
    ]

    for name in NOT_OURS:
        for use in uses:
            with pytest.raises(Invalid) as refused:
                use(name)
            assert refused.value.code == "blob_name"
    assert list(blobs.names("")) == []
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@every_store
def test_a_beginning_that_no_name_has_is_refused_before_anything_is_listed(
    store: Opened, tmp_path: Path
) -> None:
    blobs = store(tmp_path)

    for prefix in ("/", "..", "../", "a/../", ".", "a//", "A", "a\n", "a/.p", "x" * 600):
        with pytest.raises(Invalid):
            blobs.names(prefix)


def a_version(number: int) -> bytes:
    return bytes([number]) * 200_000


def seen_whole(blobs: Blobs) -> bool:
    """One whole version; while rclone replaces one it may also give none, which S3 does not."""
    try:
        content = blobs.get("head")
    except BedsideError as error:
        told = ("objects_unavailable", "blob_damaged", "not_found")
        return isinstance(blobs, S3Blobs) and error.code in told
    return len(content) == 200_000 and len(set(content)) == 1


@every_store
def test_threads_that_put_the_same_name_leave_one_whole_version(
    store: Opened, tmp_path: Path
) -> None:
    blobs = store(tmp_path)
    blobs.put("head", a_version(0))

    def turn(number: int) -> bool:
        blobs.put("head", a_version(number))
        return seen_whole(blobs)

    with ThreadPoolExecutor(8) as threads:
        seen = list(threads.map(turn, range(64)))

    assert all(seen)
    assert blobs.get("head") in [a_version(number) for number in range(64)]
    assert list(blobs.names("")) == ["head"]


PUTTER = """
import json, sys
from pathlib import Path
from bedside.infra.blobs.disk import DiskBlobs
from bedside.infra.blobs.s3 import S3Blobs
told = json.loads(sys.argv[1])
blobs = DiskBlobs(Path(told["folder"])) if "folder" in told else S3Blobs(**told)
number = int(sys.argv[2])
for _ in range(20):
    blobs.put("head", bytes([number]) * 200_000)
"""


@pytest.mark.parametrize("kind", ["disk", "bucket"])
def test_processes_that_put_the_same_name_leave_one_whole_version(
    tmp_path: Path, kind: str
) -> None:
    told = {"folder": str(tmp_path)} if kind == "disk" else an_s3_bucket()
    blobs: Blobs = DiskBlobs(tmp_path) if kind == "disk" else S3Blobs(**told)
    blobs.put("head", a_version(0))

    putters = [
        subprocess.Popen([sys.executable, "-c", PUTTER, json.dumps(told), str(number)])
        for number in (1, 2, 3)
    ]
    seen = []
    while any(putter.poll() is None for putter in putters):
        seen.append(seen_whole(blobs))

    assert [putter.returncode for putter in putters] == [0, 0, 0]
    assert all(seen)
    assert blobs.get("head") in [a_version(number) for number in (1, 2, 3)]
    assert list(blobs.names("")) == ["head"]

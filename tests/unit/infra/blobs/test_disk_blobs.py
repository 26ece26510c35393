import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bedside.core.errors import BedsideError, NotFound, Refused, Unavailable
from bedside.infra.blobs.disk import DiskBlobs

# It replaces one blob without end, by versions of 4 MB that are each one letter repeated.
PUTTER = """
import sys
from itertools import cycle
from pathlib import Path
from bedside.infra.blobs.disk import DiskBlobs
blobs = DiskBlobs(Path(sys.argv[1]))
for letter in cycle(b"abcdefgh"):
    blobs.put("objects/ab/cdef", bytes([letter]) * 4_000_000)
    print("put", flush=True)
"""


def a_disk(folder: Path) -> DiskBlobs:
    return DiskBlobs(folder)


def test_files_and_folders_are_for_their_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        a_disk(tmp_path / "new" / "blobs").put("objects/ab/cdef", b"sealed")
    finally:
        os.umask(before)

    made = list(tmp_path.rglob("*"))
    assert len(made) == 5
    assert [path for path in made if path.stat().st_mode & 0o077] == []


def test_a_link_in_the_place_of_a_blob_is_never_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"of somebody else")
    blobs = a_disk(tmp_path / "blobs")
    blobs.put("objects/one", b"1")
    (tmp_path / "blobs" / "objects" / "two").symlink_to(secret)

    with pytest.raises(Refused) as refused:
        blobs.get("objects/two")
    listed, there = list(blobs.names("")), blobs.has("objects/two")
    blobs.put("objects/two", b"ours")

    assert refused.value.code == "blob_link"
    assert listed == ["objects/one"]
    assert not there
    assert blobs.get("objects/two") == b"ours"
    assert secret.read_bytes() == b"of somebody else"


def test_a_link_in_the_place_of_a_folder_is_never_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "one").write_bytes(b"of somebody else")
    blobs = a_disk(tmp_path / "blobs")
    blobs.put("kept", b"1")
    (tmp_path / "blobs" / "objects").symlink_to(outside)
    uses: list[Callable[[], object]] = [
        lambda: blobs.get("objects/one"),
        lambda: blobs.put("objects/one", b"x"),
        lambda: blobs.has("objects/one"),
        lambda: blobs.remove("objects/one"),
    ]

    for use in uses:
        with pytest.raises(Refused) as refused:
            use()
        assert refused.value.code == "blob_link"

    assert list(blobs.names("")) == ["kept"]
    assert blobs.sweep() == 0
    assert (outside / "one").read_bytes() == b"of somebody else"


def test_the_way_to_the_folder_itself_may_lead_over_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "real")

    a_disk(tmp_path / "linked").put("objects/one", b"1")

    assert a_disk(tmp_path / "real").get("objects/one") == b"1"


def test_a_pipe_or_a_folder_in_the_place_of_a_blob_is_no_blob(tmp_path: Path) -> None:
    blobs = a_disk(tmp_path)
    blobs.put("objects/one", b"1")
    os.mkfifo(tmp_path / "pipe")

    for name in ("pipe", "objects"):
        with pytest.raises(NotFound):
            blobs.get(name)
        assert not blobs.has(name)
    blobs.remove("objects")

    assert list(blobs.names("")) == ["objects/one"]


def test_files_that_are_not_ours_are_not_listed(tmp_path: Path) -> None:
    blobs = a_disk(tmp_path)
    blobs.put("objects/one", b"1")
    for stranger in (".lock", "Thumbs.db", "objects/.part-1", "objects/two words"):
        (tmp_path / stranger).write_bytes(b"")

    assert list(blobs.names("")) == ["objects/one"]


def test_a_file_where_a_folder_should_be_is_told_without_its_path(tmp_path: Path) -> None:
    blobs = a_disk(tmp_path / "rosalind")
    (tmp_path / "rosalind").write_bytes(b"")

    with pytest.raises(Unavailable) as told:
        blobs.put("objects/one", b"1")

    assert told.value.code == "disk"
    assert "rosalind" not in str(told.value)


def test_a_process_killed_while_it_puts_leaves_one_whole_version_and_what_it_left_is_swept(
    tmp_path: Path,
) -> None:
    blobs = a_disk(tmp_path)
    left = 0

    for turn in range(12):
        putter = subprocess.Popen(
            [sys.executable, "-c", PUTTER, str(tmp_path)], stdout=subprocess.PIPE
        )
        assert putter.stdout is not None
        putter.stdout.readline()
        try:
            putter.wait(0.001 * turn)
        except subprocess.TimeoutExpired:
            putter.kill()
        putter.communicate()

        content = blobs.get("objects/ab/cdef")
        assert len(content) == 4_000_000
        assert len(set(content)) == 1
        assert list(blobs.names("")) == ["objects/ab/cdef"]
        left += blobs.sweep()
        assert [path.name for path in (tmp_path / "objects" / "ab").iterdir()] == ["cdef"]
    assert left > 0  # some were killed in the middle, or nothing was tried


def test_an_error_never_repeats_the_name(tmp_path: Path) -> None:
    with pytest.raises(BedsideError) as told:
        a_disk(tmp_path).get("objects/rosalind")

    assert "rosalind" not in str(told.value)

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bedside.core.errors import Unavailable
from bedside.infra.files import locked_folder, write_atomically

HOLDER = """
import sys
from pathlib import Path
from bedside.infra.files import locked_folder
with locked_folder(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def a_holder(folder: Path) -> "subprocess.Popen[str]":
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_what_is_written_replaces_the_old_whole_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"

    write_atomically(path, b"old")
    write_atomically(path, b"new")

    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(path.parent) == ["file"]


def test_every_folder_made_on_the_way_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_atomically(tmp_path / "a" / "b" / "c" / "file", memoryview(b"content"))
    finally:
        os.umask(before)

    made = sorted(tmp_path.rglob("*"))
    assert [stat.S_IMODE(path.stat().st_mode) for path in made] == [0o700, 0o700, 0o700, 0o600]
    assert (tmp_path / "a" / "b" / "c" / "file").read_bytes() == b"content"


def test_a_refusing_disk_leaves_no_temporary_file_and_no_path_in_the_error(tmp_path: Path) -> None:
    (tmp_path / "rosalind").mkdir()

    with pytest.raises(Unavailable) as refused:
        write_atomically(tmp_path / "rosalind", b"a file where a folder is")

    assert refused.value.code == "disk"
    assert "rosalind" not in str(refused.value)
    assert os.listdir(tmp_path) == ["rosalind"]


def test_a_folder_in_use_is_refused_and_its_holder_named(tmp_path: Path) -> None:
    holder = a_holder(tmp_path)

    named = pytest.raises(Unavailable, match=f"process {holder.pid}")
    with named as refused, locked_folder(tmp_path):
        pass
    holder.communicate("")

    assert refused.value.code == "workspace_busy"
    assert "--workspace" in refused.value.fix


def test_the_lock_ends_with_its_process_however_that_ends(tmp_path: Path) -> None:
    holder = a_holder(tmp_path)

    holder.kill()
    holder.communicate()

    with locked_folder(tmp_path):
        held = (tmp_path / ".lock").read_text()
    assert held == str(os.getpid())


def test_a_lock_is_free_again_after_an_error_inside(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), locked_folder(tmp_path):
        raise KeyboardInterrupt

    with locked_folder(tmp_path), pytest.raises(Unavailable), locked_folder(tmp_path):
        pass

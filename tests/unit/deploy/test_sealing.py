import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bedside.core.errors import Invalid, NotFound, Refused
from bedside.core.ids import canonical_json, digest_bytes
from bedside.core.records.bundle import MANIFEST
from bedside.deploy.package.sealing import read_facts, read_sealed, seal

FILES = {"model.onnx": b"weights", "model_card.md": b"# Biopsy"}
FACTS = {"model": "biopsy", "threshold": 0.5}

KILLED = """
import os, signal, sys
from pathlib import Path
from bedside.deploy.package.sealing import seal
os_fsync = os.fsync
def fsync(handle):
    os_fsync(handle)
    os.kill(os.getpid(), signal.SIGKILL)
os.fsync = fsync
seal({"model.onnx": b"weights", "model_card.md": b"# Biopsy"}, {}, Path(sys.argv[1]))
"""


def a_manifest_at(folder: Path, content: bytes) -> str:
    digest = digest_bytes(content)
    (folder / digest).mkdir()
    (folder / digest / MANIFEST).write_bytes(content)
    return digest


def test_a_bundle_is_its_files_and_one_manifest_that_lists_them(tmp_path: Path) -> None:
    digest = seal(FILES, FACTS, tmp_path)

    manifest = json.loads((tmp_path / digest / MANIFEST).read_bytes())

    assert sorted(os.listdir(tmp_path / digest)) == [MANIFEST, "model.onnx", "model_card.md"]
    assert manifest["format"] == "bedside-bundle/1"
    assert manifest["facts"] == FACTS == read_facts(tmp_path, digest)
    assert manifest["files"]["model.onnx"] == {"sha256": digest_bytes(b"weights"), "size": 7}


def test_sealing_again_touches_nothing(tmp_path: Path) -> None:
    digest = seal(FILES, FACTS, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}

    again = seal(FILES, FACTS, tmp_path)

    assert again == digest
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_sealing_over_a_bundle_that_was_changed_is_refused(tmp_path: Path) -> None:
    digest = seal(FILES, FACTS, tmp_path)
    (tmp_path / digest / "model.onnx").write_bytes(b"poisons")

    with pytest.raises(Refused, match=r"model\.onnx"):
        seal(FILES, FACTS, tmp_path)

    assert (tmp_path / digest / "model.onnx").read_bytes() == b"poisons"


@pytest.mark.parametrize(
    "name",
    ["../model.onnx", "a/b.txt", "/etc/passwd", "Model.onnx", ".hidden", "model", "a b.txt", "",
     "nul\0.txt", MANIFEST, "model.onnx\n"],
)  # fmt: skip
def test_only_flat_lower_case_names_are_sealed(tmp_path: Path, name: str) -> None:
    with pytest.raises(Invalid):
        seal({name: b"x"}, FACTS, tmp_path)

    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("value", [float("nan"), b"bytes", {1, 2}, "\ud800"])
def test_facts_that_json_cannot_say_are_refused(tmp_path: Path, value: object) -> None:
    with pytest.raises(Invalid):
        seal(FILES, {"fact": value}, tmp_path)

    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("address", ["", "..", "f" * 64, "ab/../" + "f" * 58])
def test_an_address_that_nothing_has_is_not_found(tmp_path: Path, address: str) -> None:
    seal(FILES, FACTS, tmp_path)

    with pytest.raises(NotFound):
        read_sealed(tmp_path, address)
    with pytest.raises(NotFound):
        read_facts(tmp_path, address)


def test_a_link_in_the_place_of_a_file_is_refused_even_to_the_same_bytes(tmp_path: Path) -> None:
    digest = seal(FILES, FACTS, tmp_path)
    (tmp_path / digest / "model.onnx").rename(tmp_path / "elsewhere")
    (tmp_path / digest / "model.onnx").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(Refused, match=r"model\.onnx: it is not a plain file"):
        read_sealed(tmp_path, digest)


@pytest.mark.parametrize("name", ["model.onnx", MANIFEST])
@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_a_folder_or_a_pipe_in_the_place_of_a_file_is_refused_at_once(
    tmp_path: Path, name: str, kind: str
) -> None:
    digest = seal(FILES, FACTS, tmp_path)
    (tmp_path / digest / name).unlink()
    if kind == "folder":
        (tmp_path / digest / name).mkdir()
    else:
        os.mkfifo(tmp_path / digest / name)

    with pytest.raises(Refused, match=f"{name}: it is not a plain file"):
        read_sealed(tmp_path, digest)


def test_an_added_folder_is_refused(tmp_path: Path) -> None:
    digest = seal(FILES, FACTS, tmp_path)

    (tmp_path / digest / "more").mkdir()

    with pytest.raises(Refused, match="more: it was added"):
        read_sealed(tmp_path, digest)


def test_a_link_in_the_place_of_the_bundle_is_refused(tmp_path: Path) -> None:
    digest = seal(FILES, FACTS, tmp_path / "away")
    (tmp_path / digest).symlink_to(tmp_path / "away" / digest)

    with pytest.raises(Refused, match="not a plain folder"):
        read_sealed(tmp_path, digest)


def test_a_file_that_grew_is_refused_without_being_read(tmp_path: Path) -> None:
    digest = seal(FILES, FACTS, tmp_path)
    os.truncate(tmp_path / digest / "model.onnx", 1 << 40)

    with pytest.raises(Refused, match=r"model\.onnx: .*larger"):
        read_sealed(tmp_path, digest)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 100_000,
        canonical_json({"format": "bedside-bundle/2", "facts": {}, "files": {}}),
        canonical_json({"format": "bedside-bundle/1", "facts": {}, "files": {}}) + b"\n",
        canonical_json({"format": "bedside-bundle/1", "facts": {}, "files": {"../a.txt": {}}}),
        canonical_json({"format": "bedside-bundle/1", "facts": {}, "files": {"a.txt": {}}}),
        canonical_json(
            {
                "format": "bedside-bundle/1",
                "facts": {},
                "files": {"a.txt": {"sha256": "0", "size": True}},
            }
        ),
    ],
)
def test_a_strange_manifest_is_refused_even_under_its_own_address(
    tmp_path: Path, content: bytes
) -> None:
    digest = a_manifest_at(tmp_path, content)

    with pytest.raises(Refused, match=MANIFEST):
        read_sealed(tmp_path, digest)


def test_a_killed_seal_leaves_no_bundle_and_the_next_one_cleans_up(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    left = os.listdir(tmp_path)

    digest = seal(FILES, {}, tmp_path)

    assert killed.returncode == -9
    assert len(left) == 1
    assert left[0].startswith(".part-")
    assert os.listdir(tmp_path) == [digest]

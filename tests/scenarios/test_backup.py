"""The restore drill: what was backed up comes back whole, or is refused with the reason."""

import json
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from planted import BEDSIDE, PLANTED, a_planted_model, bedside_run, case, found_in_clear
from postgres_server import a_postgres_url
from s3_server import an_s3_bucket

pytestmark = pytest.mark.xdist_group("backup")  # its fixtures are made once

KEYS = Path("keys") / "keyring.json"


def told(workspace, *words, **more):
    done = bedside_run(workspace, *words, "--json", **more)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def state_of(workspace, **more):
    """What a person would compare: versions, data sets, and every entry of the ledger."""
    return (
        told(workspace, "versions", **more),
        told(workspace, "data", "list", "--all", **more),
        told(workspace, "ledger", "show", **more)["entries"],
    )


@pytest.fixture(scope="module")
def ward(tmp_path_factory):
    """A workspace with a silent version, and what it is compared by."""
    folder = tmp_path_factory.mktemp("ward")
    model = a_planted_model(folder / "model")
    workspace = folder / "w"
    version = told(workspace, "build", str(model), "--data", str(model))["version"]
    bedside_run(workspace, "approve", version, "--name", "A B", "--meaning", "reviewed")
    bedside_run(workspace, "release", version, "--stage", "silent")
    bedside_run(workspace, "monitor", version, "--data", str(model / "biopsies.csv"))
    return workspace, model, state_of(workspace)


def a_copy(ward, tmp_path):
    workspace = tmp_path / "w"
    shutil.copytree(ward[0], workspace)
    return workspace


def restored(source, target, keys, *words, **more):
    return bedside_run(target, "restore", str(source), "--keyring", str(keys), *words, **more)


def test_a_workspace_comes_back_whole_in_another_folder(ward, tmp_path):
    workspace, before = a_copy(ward, tmp_path), ward[2]

    backed_up = bedside_run(workspace, "backup", str(tmp_path / "b"))
    done = restored(tmp_path / "b", tmp_path / "r", workspace / KEYS)

    assert backed_up.returncode == 0, backed_up.stderr
    assert "The key file is not in it" in backed_up.stdout
    assert done.returncode == 0, done.stderr
    versions, data, entries = state_of(tmp_path / "r")
    assert (versions, data) == before[:2]
    assert entries[: len(before[2])] == before[2]
    assert entries[-1]["action"] == "restore"
    for words in (("data", "check"), ("ledger", "verify"), ("reproduce", "diagnosis")):
        again = bedside_run(tmp_path / "r", *words)
        assert again.returncode == 0, again.stdout + again.stderr
    assert found_in_clear(tmp_path / "b", words=(PLANTED,)) == []
    assert found_in_clear(tmp_path / "r", words=(PLANTED,)) == []
    assert not list((tmp_path / "b").rglob("keyring*"))


def test_a_workspace_moves_to_s3_and_comes_back_on_postgres_and_s3(ward, tmp_path):
    bucket = an_s3_bucket()
    options = bucket["client_options"]
    environment = {
        "BEDSIDE_S3_ENDPOINT": options["endpoint_url"],
        "AWS_ACCESS_KEY_ID": options["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": options["aws_secret_access_key"],
        "AWS_DEFAULT_REGION": options.get("region_name", "us-east-1"),
    }
    team = environment | {
        "BEDSIDE_DATABASE": a_postgres_url(),
        "BEDSIDE_OBJECTS": f"s3://{bucket['bucket']}/ward",
    }
    place = f"s3://{bucket['bucket']}/backup"

    backed_up = bedside_run(ward[0], "backup", place, environment=environment)
    done = restored(place, tmp_path / "r", ward[0] / KEYS, environment=team)

    assert backed_up.returncode == 0, backed_up.stderr
    assert done.returncode == 0, done.stderr
    versions, data, entries = state_of(tmp_path / "r", environment=team)
    assert (versions, data) == ward[2][:2]
    assert entries[: len(ward[2][2])] == ward[2][2]
    assert not (tmp_path / "r" / "bedside.sqlite").exists()
    assert not (tmp_path / "r" / "blobs").exists()
    model = str(ward[1])
    again = bedside_run(tmp_path / "r", "build", model, "--data", model, environment=team)
    assert again.returncode == 0, again.stderr
    assert bedside_run(tmp_path / "r", "data", "erase", case(4), environment=team).returncode == 0
    assert bedside_run(tmp_path / "r", "ledger", "verify", environment=team).returncode == 0


def test_a_second_backup_brings_only_what_is_new(ward, tmp_path):
    workspace = a_copy(ward, tmp_path)
    first = told(workspace, "backup", str(tmp_path / "b"))

    unchanged = told(workspace, "backup", str(tmp_path / "b"))
    told(workspace, "keys", "rotate", "raw")
    rotated = told(workspace, "backup", str(tmp_path / "b"))

    assert first["copied"] > 5
    assert unchanged["copied"] == 0
    assert rotated["copied"] == 1
    done = restored(tmp_path / "b", tmp_path / "r", workspace / KEYS)
    assert done.returncode == 0, done.stderr


def test_after_an_erasure_pruning_leaves_no_backup_with_the_patient(ward, tmp_path):
    workspace, place = a_copy(ward, tmp_path), tmp_path / "b"
    told(workspace, "backup", str(place))
    before = {path for path in place.rglob("*") if path.is_file()}
    told(workspace, "data", "erase", case(4))

    pruned = told(workspace, "backup", str(place), "--prune")

    assert pruned["pruned"] == 1
    left = {path for path in place.rglob("*") if path.is_file()}
    gone = {path.relative_to(place).parts[0] for path in before - left}
    assert {"backups", "shards", "raw", "manifests", "material", "own"} <= gone
    done = restored(place, tmp_path / "r", workspace / KEYS)
    assert done.returncode == 0, done.stderr
    assert bedside_run(tmp_path / "r", "data", "erase", case(4)).returncode == 0


def test_a_killed_backup_is_never_seen_and_the_next_one_is_whole(ward, tmp_path):
    workspace, place, moments = a_copy(ward, tmp_path), tmp_path / "b", random.Random(3)
    for _ in range(5):
        process = subprocess.Popen(
            [BEDSIDE, "backup", str(place), "--workspace", str(workspace)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(moments.uniform(0.6, 1.4))
        process.send_signal(signal.SIGKILL)
        process.wait()
    told(workspace, "backup", str(place))

    for name in sorted(path.stem for path in (place / "backups").iterdir()):
        target = tmp_path / name
        done = restored(place, target, workspace / KEYS, "--backup", name)
        assert done.returncode == 0, done.stderr


def test_a_killed_restore_is_finished_by_running_it_again(ward, tmp_path):
    place, moments = tmp_path / "b", random.Random(5)
    told(ward[0], "backup", str(place))
    for _ in range(4):
        process = subprocess.Popen(
            [BEDSIDE, "restore", str(place), "--workspace", str(tmp_path / "r"),
             "--keyring", str(ward[0] / KEYS)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(moments.uniform(0.3, 1.3))
        process.send_signal(signal.SIGKILL)
        process.wait()

    done = restored(place, tmp_path / "r", ward[0] / KEYS)
    again = restored(place, tmp_path / "r", ward[0] / KEYS)

    finished = "is not empty" in done.stderr  # a round may have ended before its kill
    assert done.returncode == 0 or finished, done.stderr
    assert again.returncode == 4
    assert bedside_run(tmp_path / "r", "data", "check").returncode == 0
    assert bedside_run(tmp_path / "r", "ledger", "verify").returncode == 0


@pytest.mark.parametrize(
    "area", ["shards", "raw", "manifests", "material", "own/sealed", "backups"]
)
@pytest.mark.parametrize("harm", ["changed", "removed", "swapped"])
def test_a_backup_with_a_harmed_file_is_refused_and_leaves_no_workspace(ward, tmp_path, area, harm):
    place = tmp_path / "b"
    told(ward[0], "backup", str(place))
    files = sorted(path for path in (place / area).rglob("*") if path.is_file())
    victim = files[0]
    whole = victim.read_bytes()
    if harm == "changed":
        victim.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    elif harm == "removed":
        victim.unlink()
    else:
        other = next((path for path in files if path.read_bytes() != whole), None)
        victim.write_bytes(whole[::-1] if other is None else other.read_bytes())

    done = restored(place, tmp_path / "r", ward[0] / KEYS)

    assert done.returncode in (3, 4), (done.stdout, done.stderr)
    assert "Fix:" in done.stderr
    assert str(tmp_path) not in done.stderr
    assert (tmp_path / "r" / ".restoring").exists() or not (tmp_path / "r").exists()


def test_another_key_file_none_and_a_folder_in_use_are_refused(ward, tmp_path):
    place = tmp_path / "b"
    told(ward[0], "backup", str(place))
    bedside_run(tmp_path / "other", "versions")

    wrong = restored(place, tmp_path / "r", tmp_path / "other" / KEYS)
    none = bedside_run(tmp_path / "r2", "restore", str(place))
    full = restored(place, tmp_path / "other", ward[0] / KEYS)
    empty = restored(tmp_path / "nothing", tmp_path / "r3", ward[0] / KEYS)
    inside = bedside_run(ward[0], "backup", str(ward[0] / "b"))

    assert [one.returncode for one in (wrong, none, full, empty, inside)] == [4, 2, 4, 3, 2]
    assert "other keys" in wrong.stderr
    assert "--keyring" in none.stderr
    assert "not empty" in full.stderr
    assert os.listdir(tmp_path / "other")

"""The data of a model through the real commands: kept, traced, erased, and never in clear."""

import json
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import polars as pl
import pytest

from bedside.core.ids import subject_pseudonym
from bedside.data.collect.reading import kept_file
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace
from planted import BEDSIDE, PLANTED, a_planted_model, bedside_run, case, found_in_clear

pytestmark = pytest.mark.xdist_group("data_for_life")  # its fixtures are made once


def told(workspace, *words, **more):
    done = bedside_run(workspace, *words, "--json", **more)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def opened(workspace):
    return open_workspace(workspace, actor=actor_of("test", "test"), progress=LineProgress())


@pytest.fixture(scope="module")
def ward(tmp_path_factory):
    """A workspace with one built version of the planted model."""
    folder = tmp_path_factory.mktemp("ward")
    model = a_planted_model(folder / "model")
    workspace = folder / "w"
    return workspace, model, told(workspace, "build", str(model), "--data", str(model))


def a_copy(ward, tmp_path):
    workspace = tmp_path / "w"
    shutil.copytree(ward[0], workspace)
    return workspace


def test_no_planted_string_is_readable_anywhere_after_a_whole_life(ward, tmp_path):
    workspace, model = a_copy(ward, tmp_path), ward[1]
    version, name = ward[2]["version"], ward[2]["version"].split("@")[0]
    data = str(model / "biopsies.csv")
    lives = [
        ("build", str(model), "--data", str(model)),
        ("approve", version, "--name", "A B", "--meaning", "reviewed"),
        ("release", version, "--stage", "silent"),
        ("monitor", version, "--data", data),
        ("data", "list"),
        ("data", "show", f"{name}/prepared"),
        ("data", "diff", f"{name}/collected", f"{name}/prepared"),
        ("data", "check"),
        ("data", "lineage", version, "--openlineage", str(workspace / "lineage.jsonl")),
        ("data", "lineage", f"{name}/collected", "--subject", case(3), "--as-of",
         "2030-01-01T00:00:00Z"),
        ("keys", "rotate", "released"),
        ("keys", "rotate", "signing"),
        ("reproduce", version),
        ("data", "erase", case(9)),
        ("build", str(model), "--data", str(model)),
        ("ledger", "show"),
    ]  # fmt: skip

    said = []
    for words in lives:
        done = bedside_run(workspace, *words)
        assert done.returncode == 0, (words, done.stderr)
        said.append(done.stdout + done.stderr)

    assert found_in_clear(model) == [str(model / "bedside.yaml"), str(model / "biopsies.csv")]
    places = (workspace, tmp_path / "home", tmp_path / "tmp")
    assert found_in_clear(*places, words=(PLANTED,)) == []
    # The declaration names the source's word for a finding; nothing else may.
    assert {Path(path).name for path in found_in_clear(*places)} == {
        "bedside.yaml", "declaration.json"
    }  # fmt: skip
    assert PLANTED not in "".join(said)


def test_a_killed_build_leaves_nothing_in_clear_and_nothing_half(ward, tmp_path):
    moments = random.Random(7)
    for round_ in range(8):
        workspace = tmp_path / f"w{round_}"
        process = subprocess.Popen(
            [BEDSIDE, "build", str(ward[1]), "--data", str(ward[1]), "--workspace", str(workspace)],
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        time.sleep(moments.uniform(0.8, 4.0))
        process.send_signal(signal.SIGKILL)
        process.wait()

        assert found_in_clear(workspace, words=(PLANTED,)) == []
        if (workspace / "bedside.sqlite").exists():
            checked = bedside_run(workspace, "data", "check", "--json")
            faults = [one["fault"] for one in json.loads(checked.stdout)["snapshots"]]
            assert set(faults) <= {"", "the ledger does not know this state"}

    again = told(workspace, "build", str(ward[1]), "--data", str(ward[1]))
    assert again["bundle"] == ward[2]["bundle"]
    assert bedside_run(workspace, "data", "check").returncode == 0


def test_an_erased_subject_is_in_no_zone_no_snapshot_and_no_sealed_entry(ward, tmp_path):
    workspace = a_copy(ward, tmp_path)
    before = opened(workspace)
    subject = subject_pseudonym(case(12), salt="bedside")
    before.ledger.append(before.actor, "answer", {"n": 1}, sealed=b"her features", subject=subject)
    old = {entry.name: before.store.opened(entry) for entry in before.store.entries()}
    files = {path: path.read_bytes() for path in (workspace / "blobs").rglob("*") if path.is_file()}

    done = told(workspace, "data", "erase", case(12))

    platform = opened(workspace)
    for entry in platform.store.entries():
        snapshot = platform.store.opened(entry)
        assert snapshot.subject(subject).is_empty()
        assert pl.concat(list(snapshot.shards()))["subject_id"].n_unique() == 568
        (file,) = snapshot.manifest.sources
        raw = kept_file(platform.store.raw.get(file.digest), file)
        assert case(12) not in raw.content.decode()
        assert raw.table.height == 568
    assert done["predictions"] == 1
    assert platform.ledger.sealed_for(subject) == []
    assert platform.ledger.verify() == []
    assert list(platform.objects.digests()) == []
    # Nothing that held her rows is left on the disk: not the file, and not its key.
    for snapshot in old.values():
        for shard in snapshot.manifest.shards:
            for prefix in (f"shards/{snapshot.manifest.zone.value}", "material"):
                name = f"{prefix}/{shard.material[:2]}/{shard.material[2:]}"
                assert workspace / "blobs" / name in files
                assert not platform.store.blobs.has(name)
    assert case(12) not in bedside_run(workspace, "ledger", "show", "--json").stdout
    assert str(subject) not in bedside_run(workspace, "ledger", "show", "--json").stdout


def test_the_other_patients_keep_every_event_and_their_place_in_the_raw_file(ward, tmp_path):
    workspace = a_copy(ward, tmp_path)
    gone, other = (subject_pseudonym(case(number), salt="bedside") for number in (12, 13))
    name = ward[2]["version"].split("@")[0]
    before = opened(workspace).store.open(f"{name}/collected")
    kept = pl.concat(list(before.shards())).filter(pl.col("subject_id") != gone)

    told(workspace, "data", "erase", case(12))

    after = opened(workspace).store.open(f"{name}/collected")
    assert pl.concat(list(after.shards())).equals(kept)
    words = ("--subject", str(other), "--pseudonym", "--as-of", "2030-01-01T00:00:00Z")
    (record,) = told(workspace, "data", "lineage", f"{name}/collected", *words)["records"]
    platform = opened(workspace)
    content = platform.store.raw.get(record["file"])
    assert content[record["offset"] :].startswith(case(13).encode())


def test_an_erased_subject_does_not_come_back_with_the_next_file(ward, tmp_path):
    workspace = a_copy(ward, tmp_path)
    erased = told(workspace, "data", "erase", case(12))
    states = told(workspace, "data", "list")["snapshots"]

    again = bedside_run(workspace, "build", str(ward[1]), "--data", str(ward[1]))

    assert again.returncode == 0, again.stderr
    assert "Rows of erased subjects that were not taken in again: 1" in again.stderr
    assert told(workspace, "data", "list")["snapshots"] == states
    assert {new for _, _, new in erased["snapshots"]} == {one["snapshot"] for one in states}
    platform = opened(workspace)
    for digest in platform.store.raw.digests():
        assert case(12).encode() not in platform.store.raw.get(digest)


def test_the_versions_that_learnt_from_her_are_named_and_can_no_longer_be_reproduced(
    ward, tmp_path
):
    workspace, version = a_copy(ward, tmp_path), ward[2]["version"]
    exact = told(workspace, "reproduce", version)

    done = told(workspace, "data", "erase", case(12))
    again = bedside_run(workspace, "reproduce", version)

    assert exact["exact"]
    assert [one["version"] for one in done["versions"]] == [version]
    assert done["versions"][0]["side"] in ("train", "tuning", "held_out")
    assert again.returncode == 4
    assert "can no longer be exact: 1 subject was erased" in again.stdout


def test_a_killed_erasure_is_finished_by_running_it_again(ward, tmp_path):
    moments = random.Random(11)
    for round_ in range(6):
        workspace = a_copy(ward, tmp_path / str(round_))
        process = subprocess.Popen(
            [BEDSIDE, "data", "erase", case(12), "--workspace", str(workspace)],
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        time.sleep(moments.uniform(0.7, 1.6))
        process.send_signal(signal.SIGKILL)
        process.wait()

        done = bedside_run(workspace, "data", "erase", case(12))

        assert done.returncode == 0, done.stderr
        assert bedside_run(workspace, "data", "check").returncode == 0
        platform = opened(workspace)
        subject = subject_pseudonym(case(12), salt="bedside")
        for entry in platform.store.entries():
            assert platform.store.opened(entry).subject(subject).is_empty()
        for digest in platform.store.raw.digests():
            assert case(12).encode() not in platform.store.raw.get(digest)
        assert platform.ledger.verify() == []


def test_a_destroyed_key_leaves_the_ledger_and_says_what_is_lost(ward, tmp_path):
    workspace, name = a_copy(ward, tmp_path), ward[2]["version"].split("@")[0]

    refused = bedside_run(workspace, "keys", "destroy", "released")
    needed = bedside_run(workspace, "keys", "destroy", "ledger", "--confirm", "ledger")
    done = bedside_run(workspace, "keys", "destroy", "released", "--confirm", "released")

    assert refused.returncode == needed.returncode == 4
    assert done.returncode == 0, done.stderr
    for words in (
        ("data", "show", f"{name}/prepared"),
        ("data", "export", f"{name}/prepared", "--to", f"{tmp_path}/x", "--purpose", "research"),
        ("data", "check"),
        ("reproduce", name),
    ):
        failed = bedside_run(workspace, *words)
        assert failed.returncode == 4, (words, failed.stdout, failed.stderr)
        assert "'released' was destroyed" in failed.stdout + failed.stderr
    assert bedside_run(workspace, "ledger", "verify").returncode == 0
    assert bedside_run(workspace, "keys", "list").stdout.count("DESTROYED") == 1


def test_a_rotated_key_opens_everything_and_an_old_version_can_then_go(ward, tmp_path):
    workspace = a_copy(ward, tmp_path)
    shards = sorted((workspace / "blobs" / "shards").rglob("*"))
    before = [path.read_bytes() for path in shards if path.is_file()]

    for key in ("raw", "identified", "released", "features", "ledger", "signing"):
        assert told(workspace, "keys", "rotate", key)["version"] == 2
        told(workspace, "keys", "destroy", key, "--version", "1", "--confirm", key)

    assert [path.read_bytes() for path in shards if path.is_file()] == before
    assert bedside_run(workspace, "data", "check").returncode == 0
    assert told(workspace, "reproduce", ward[2]["version"])["exact"]
    unchanged = bedside_run(workspace, "build", str(ward[1]), "--data", str(ward[1]))
    assert unchanged.stderr.count("unchanged") == 10


def test_a_sealed_key_file_opens_with_its_passphrase_alone(ward, tmp_path):
    workspace = a_copy(ward, tmp_path)

    sealed = bedside_run(workspace, "keys", "seal", input="correct horse\n")

    assert sealed.returncode == 0, sealed.stderr
    for given, code in (({}, 4), ({"BEDSIDE_KEY_PASSPHRASE": "wrong"}, 4),
                        ({"BEDSIDE_KEY_PASSPHRASE": "correct horse"}, 0)):  # fmt: skip
        done = bedside_run(workspace, "data", "check", environment=given)
        assert done.returncode == code, done.stderr
        assert code == 0 or "BEDSIDE_KEY_PASSPHRASE" in done.stderr
        assert "horse" not in done.stdout + done.stderr


def test_two_commands_that_change_one_workspace_do_not_mix(ward, tmp_path):
    workspace = a_copy(ward, tmp_path)
    first = subprocess.Popen(
        [BEDSIDE, "build", str(ward[1]), "--data", str(ward[1]), "--workspace", str(workspace)],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    first.stderr.readline()
    first.send_signal(signal.SIGSTOP)

    second = bedside_run(workspace, "data", "erase", case(12))
    first.send_signal(signal.SIGCONT)
    first.communicate(timeout=120)

    assert second.returncode == 5
    assert "in use by process" in second.stderr
    assert bedside_run(workspace, "data", "erase", case(12)).returncode == 0


def test_an_export_is_plain_and_says_so_and_is_recorded_with_its_purpose(ward, tmp_path):
    workspace, name = a_copy(ward, tmp_path), ward[2]["version"].split("@")[0]
    target = tmp_path / "out"

    without = bedside_run(workspace, "data", "export", f"{name}/prepared", "--to", str(target))
    done = bedside_run(workspace, "data", "export", f"{name}/prepared", "--to", str(target),
                       "--purpose", "external validation")  # fmt: skip
    again = bedside_run(workspace, "data", "export", f"{name}/prepared", "--to", str(target),
                        "--purpose", "external validation")  # fmt: skip

    assert without.returncode == again.returncode == 2
    assert done.returncode == 0, done.stderr
    assert "NOT encrypted" in done.stdout
    assert pl.read_parquet(target)["subject_id"].n_unique() == 569
    last = told(workspace, "ledger", "show")["entries"][-1]
    assert (last["action"], last["purpose"]) == ("export", "external validation")


def test_the_lineage_of_a_version_leads_to_the_raw_file_and_back(ward, tmp_path):
    workspace, version = a_copy(ward, tmp_path), ward[2]["version"]
    raw = str(ward[1] / "biopsies.csv")

    down = told(workspace, "data", "lineage", version)["made_of"]
    up = told(workspace, "data", "lineage", raw)["made_from"]

    names = []
    while down["branches"]:
        (down,) = down["branches"]
        names.append(down["kind"])
    assert names == ["snapshot", "snapshot", "raw"]
    names = []
    while up["branches"]:
        (up,) = up["branches"]
        names.append(up["kind"])
    assert names == ["snapshot", "snapshot", "version"]
    assert up["id"] == version
    assert "biopsies.csv" in bedside_run(workspace, "data", "lineage", version).stdout

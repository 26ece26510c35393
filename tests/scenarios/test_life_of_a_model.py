"""A model's life through the real commands, with the faults that a hospital meets."""

import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

import bedside.usecases
from bedside.data.collect.bundled import breast_cancer
from data_folder import data_folder
from warm_start import warm_bedside

pytestmark = pytest.mark.xdist_group("life_of_a_model")  # its fixtures are made once

BEDSIDE = str(Path(sys.executable).with_name("bedside"))
USECASES = Path(bedside.usecases.__file__).parent


def bedside_run(workspace, *words, program=None, **kwargs):
    """One command, started warm; the ones that are killed, stopped or starved are started cold."""
    return subprocess.run(
        [program or warm_bedside() / "bedside", *words, "--workspace", str(workspace)],
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
        **kwargs,
    )


def built(workspace, **how):
    done = bedside_run(workspace, "build", "diagnosis", "--json", **how)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def ward(tmp_path_factory):
    """A workspace with one built version."""
    workspace = tmp_path_factory.mktemp("ward")
    return workspace, built(workspace, program=BEDSIDE)


def test_a_build_is_byte_identical_in_another_workspace(ward, tmp_path):
    again = built(tmp_path)

    assert again["bundle"] == ward[1]["bundle"]
    first, second = (w / "bundles" / again["bundle"] for w in (ward[0], tmp_path))
    assert {p.name: p.read_bytes() for p in first.iterdir()} == {
        p.name: p.read_bytes() for p in second.iterdir()
    }


@pytest.mark.parametrize(
    "step",
    [
        "collect",
        "prepare",
        "question",
        "features",
        "leakage audit",
        "fit",
        "explain",
        "evaluate",
        "package",
        "register",
    ],
)
def test_a_build_killed_in_any_step_goes_on_to_the_same_bundle(ward, tmp_path, step):
    process = subprocess.Popen(
        [BEDSIDE, "build", "diagnosis", "--workspace", str(tmp_path)],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    for line in process.stderr:
        if line.strip() == f"▶ {step}":
            process.send_signal(signal.SIGKILL)
            break
    process.stderr.close()
    assert process.wait() == -signal.SIGKILL

    assert built(tmp_path)["bundle"] == ward[1]["bundle"]
    verified = json.loads(bedside_run(tmp_path, "ledger", "verify", "--json").stdout)
    assert (verified["faults"], verified["checkpoint_faults"]) == ([], [])


def test_an_unchanged_build_runs_no_step_again(ward):
    done = bedside_run(ward[0], "build", "diagnosis")

    assert done.stderr.count("unchanged") == 10
    assert "▶ fit" not in done.stderr


def test_release_needs_an_approval_and_an_intact_bundle(ward, tmp_path):
    workspace = tmp_path / "w"
    shutil.copytree(ward[0], workspace)
    version = ward[1]["version"]

    early = bedside_run(workspace, "release", version, "--stage", "live")
    bedside_run(workspace, "approve", version, "--name", "A B", "--meaning", "reviewed")
    model = workspace / "bundles" / ward[1]["bundle"] / "learnt.json"
    whole = model.read_bytes()
    model.write_bytes(whole[:-1] + b"#")
    tampered = bedside_run(workspace, "release", version, "--stage", "silent")
    model.write_bytes(whole)
    fine = bedside_run(workspace, "release", version, "--stage", "silent")

    assert early.returncode == 4
    assert "nobody has approved" in early.stderr
    assert tampered.returncode == 4
    assert "learnt.json" in tampered.stderr
    assert fine.returncode == 0, fine.stderr


def test_one_edited_row_of_the_ledger_is_named(ward, tmp_path):
    workspace = tmp_path / "w"
    shutil.copytree(ward[0], workspace)
    with sqlite3.connect(workspace / "bedside.sqlite") as database:
        database.execute("UPDATE ledger SET purpose = 'other' WHERE sequence = 1")
    database.close()

    found = bedside_run(workspace, "ledger", "verify")

    assert found.returncode == 4
    assert "1" in found.stdout
    assert "not as it was written" in found.stdout


def test_two_builds_in_one_workspace_do_not_mix(ward, tmp_path):
    first = subprocess.Popen(
        [BEDSIDE, "build", "diagnosis", "--workspace", str(tmp_path)],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    first.stderr.readline()
    first.send_signal(signal.SIGSTOP)

    second = bedside_run(tmp_path, "build", "diagnosis")
    first.send_signal(signal.SIGCONT)
    first.communicate(timeout=120)

    assert second.returncode == 5
    assert str(first.pid) in second.stderr
    assert first.returncode == 0
    assert built(tmp_path)["bundle"] == ward[1]["bundle"]


def test_ctrl_c_says_that_nothing_is_lost(ward, tmp_path):
    process = subprocess.Popen(
        [BEDSIDE, "build", "diagnosis", "--workspace", str(tmp_path)],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "Finished steps are kept" in said
    assert built(tmp_path)["bundle"] == ward[1]["bundle"]


def test_a_full_disk_is_named_and_loses_nothing(ward, tmp_path):
    bedside_run(tmp_path, "versions")

    def small():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    full = bedside_run(tmp_path, "build", "diagnosis", program=BEDSIDE, preexec_fn=small)

    assert full.returncode == 5
    assert "full" in full.stderr
    assert not list(tmp_path.rglob(".part-*"))
    assert built(tmp_path)["bundle"] == ward[1]["bundle"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda table: table.drop("mean radius"), "no column mean radius"),
        (
            lambda table: table.with_columns(pl.col("mean radius").cast(pl.String) + "x"),
            "not numeric",
        ),
        (lambda table: table.with_columns(malignant=pl.lit(0)), "no positive case"),
        (lambda table: table.with_columns(case=pl.lit(None, dtype=pl.String)), "no subject"),
    ],
)
def test_bad_data_are_refused_with_the_fix_and_without_a_value(tmp_path, change, says):
    change(breast_cancer()).write_parquet(tmp_path / "biopsies.parquet")

    done = bedside_run(tmp_path / "w", "build", "diagnosis", "--data", str(tmp_path))

    assert done.returncode == 2
    assert says in done.stderr
    assert "Fix:" in done.stderr
    assert "17.99" not in done.stderr


def test_a_malformed_file_is_refused(tmp_path):
    (tmp_path / "biopsies.parquet").write_bytes(os.urandom(500))

    done = bedside_run(tmp_path / "w", "build", "diagnosis", "--data", str(tmp_path))

    assert done.returncode == 2
    assert "malformed" in done.stderr


def test_no_plain_patient_value_lies_in_the_workspace(ward):
    value = b"0.2654"  # the worst concave points of the first case
    text = str(breast_cancer()["worst area"][0]).encode()

    for path in ward[0].rglob("*"):
        if path.is_file() and path.suffix != ".txt":
            assert value not in path.read_bytes() or "bundles" in path.parts
            assert text not in path.read_bytes()


def test_the_planted_label_fails_the_sepsis_build(tmp_path):
    source = data_folder("physionet-2019-sepsis") / "sepsis_setB.parquet"
    table = pl.read_parquet(source).filter(pl.col("patient_id").hash(1) % 32 == 0)
    moved = pl.col("SepsisLabel").shift(1).over("patient_id").cast(pl.Float64)
    table.with_columns(EtCO2=moved * 20 + 10).write_parquet(tmp_path / source.name)

    done = bedside_run(
        tmp_path / "w", "build", str(USECASES / "early_warning"), "--data", str(tmp_path)
    )

    assert done.returncode == 4
    assert "etco2" in done.stderr
    assert "leakage" in done.stderr.lower()


def test_the_demonstration_tells_the_whole_story():
    began = time.monotonic()

    done = subprocess.run(
        [BEDSIDE, "demo"], capture_output=True, text=True, timeout=300, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("refused, as it must be") == 4
    assert "125 of 125 answers are in the ledger and withheld" in done.stdout
    assert "the server shows nobody anything" in done.stdout
    assert "magnified: moved" in done.stdout
    assert time.monotonic() > began

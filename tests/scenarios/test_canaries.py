"""Canaries in every source, in every request, in every name: nothing that is left repeats one."""

import base64
import errno
import gzip
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from pathlib import Path

import polars as pl
import pytest

from house import ROOT
from planted_life import LEFT, SAID
from planted_sources import NUMBER, ORIGINS, STEM, a_canary
from planted_walk import Canaries, Leak, Walk

pytestmark = pytest.mark.xdist_group("canaries")  # its fixtures are made once

# What may be found, each with its reason; what is not listed may not.
ALLOWED = {
    r"said/mllp \d\d\.txt": {"MSH-4"},  # an answer is addressed to whoever sent the message
    # The list of what is kept back in the identified zone says which file it was.
    r"released/dicom \w+-identified/files\.csv": {"the name of a file of DICOM"},
    # Who reads the quarantine asks where each record lies; nothing of the record is told.
    r"said/quarantine \w+\.out\.txt": {
        f"the name of a file of {kind}"
        for kind in ("tables", "NDJSON", "FHIR bundles", "HL7 results", "ccda")
    },
    r"said/(no such|a table|risk|show a).*\.err\.txt": {"an option", "an argument"},  # as typed
    # A limited data set keeps towns, 45 CFR 164.514(e)(2)(ii).
    r"released/(fhir|bulk) limited_dataset/.*": {"Patient.city"},
    # The words beside a code of a named system come out as that system's own.
    r"released/hl7 \w+/00001\.hl7": {"OBR-4 text"},
}
ENTER = 'ip link set lo up && exec "$0" "$@"'


def allowed(leak: Leak) -> bool:
    return any(re.fullmatch(at, leak.place) and leak.origin in of for at, of in ALLOWED.items())


def isolated() -> list[str]:
    """How a program is started in a network of its own, with loopback alone."""
    for command in (["unshare", "-rn"], ["unshare", "-n"]):
        words = [*command, "sh", "-c", ENTER]
        if shutil.which("unshare") and not subprocess.run([*words, "true"], check=False).returncode:
            return words
    reason = "No network namespace may be made here. Fix: allow user namespaces, or run as root."
    if os.environ.get("BEDSIDE_REQUIRE_SERVICES") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """A whole life on planted sources, in a network without a way out; its folder and report."""
    folder = tmp_path_factory.mktemp("life")
    done = subprocess.run(
        [*isolated(), sys.executable, ROOT / "tests" / "planted_life.py", folder],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    (folder / SAID / "the life itself.txt").write_text(done.stdout + done.stderr)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder, json.loads((folder / "report.json").read_text())


def a_walk(report) -> Walk:
    return Walk(canaries=Canaries(stems=(STEM, NUMBER), origins=report["origins"]))


def test_nothing_that_a_whole_life_leaves_or_says_repeats_a_canary(lived):
    folder, report = lived
    walk = a_walk(report)

    leaks = walk.over(*(folder / name for name in (*LEFT, SAID)))

    assert sorted(leak for leak in leaks if not allowed(leak)) == []
    assert walk.files > 500
    assert walk.unpacked > 20
    assert len(report["origins"]) > 100


def test_the_life_was_lived_and_nobody_could_be_told_of_it(lived):
    folder, report = lived
    codes = report["codes"]

    assert report["egress"] == errno.errorcode[errno.ENETUNREACH]
    assert [one for one in codes if bool(one["code"]) != one["fails"]] == []
    assert [one["label"] for one in codes if one.get("traceback")] == []
    answers = [path.read_bytes() for path in sorted((folder / SAID).glob("http *"))]
    assert sum(one.startswith(b"200") for one in answers) >= 5
    assert sum(one.startswith(b"4") for one in answers) >= 20
    assert not any(one.startswith(b"5") for one in answers)
    said = "".join(path.read_text("utf-8", "replace") for path in (folder / SAID).glob("*.err.txt"))
    assert "Refused" in said
    assert "Invalid" in said


def test_every_source_held_its_canaries(lived):
    folder, report = lived

    planted = {leak.origin for leak in a_walk(report).over(folder / "sources")}

    asked = {origin for origin in report["origins"].values() if "request" in origin}
    assert len(planted) > 80
    assert not planted & asked
    assert {"Patient.name.family", "PID-3", "PatientName", "note_text", "section/text"} <= planted


@pytest.mark.parametrize(
    "leak",
    [
        "a log", "utf-16", "hex", "base64", "gzip", "a ZIP", "parquet", "a database", "a name",
    ],
)  # fmt: skip
def test_a_leak_that_is_planted_is_found_with_its_origin(tmp_path, leak):
    word = a_canary("the leak of this test")
    log = tmp_path / "log"
    told = f"cannot read {word}.".encode()
    if leak == "a log":
        log.write_bytes(told.upper())
    elif leak == "utf-16":
        log.write_bytes(told.decode().encode("utf-16"))
    elif leak == "hex":
        log.write_text(told.hex())
    elif leak == "base64":
        log.write_bytes(base64.b64encode(told))
    elif leak == "gzip":
        log.write_bytes(gzip.compress(gzip.compress(told)))
    elif leak == "a ZIP":
        with zipfile.ZipFile(log, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("inner", told * 9)
    elif leak == "parquet":
        pl.DataFrame({"a": ["x", told.decode()]}).write_parquet(log, compression="zstd")
    elif leak == "a database":
        with sqlite3.connect(log) as database:
            database.execute("pragma page_size = 512")
            database.execute("create table t (a)")
            # A long cell lies in several pages; somewhere in it each page ends within a word.
            database.execute("insert into t values (?)", ["x" * 470 + word])
    else:
        (tmp_path / f"{word}.txt").write_text("")

    found = Walk(canaries=Canaries(stems=(STEM, NUMBER), origins=ORIGINS)).over(tmp_path)

    assert {one.origin for one in found} == {"the leak of this test"}
    assert not any(map(allowed, found))


def test_what_is_ordinary_is_no_leak(tmp_path: Path):
    (tmp_path / "plain").write_text("Nothing of a patient: Xanadu, Kubla Khan, 918273.")

    assert Walk(canaries=Canaries(stems=(STEM, NUMBER), origins=ORIGINS)).over(tmp_path) == set()

"""A process that collects from a FHIR server is killed, and another goes on where it was."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import fhir_collecting
from bedside.core.records.fhir_export import ReceivedPart
from fhir_collecting import joined
from fhir_server import BUILT_IN, RunningFhirServer, a_fhir_server

WHOLE = {kind: b"".join(lines) for kind, lines in BUILT_IN.items()}
FILES = ["Observation.0", "Observation.1", "Observation.2", "Patient.0", "errors"]
PATIENCE = 60.0  # seconds


@pytest.fixture
def server() -> RunningFhirServer:
    server = a_fhir_server()
    server.set(auth=False, retry_after="0")
    return server


def started(server: RunningFhirServer, folder: Path) -> "subprocess.Popen[bytes]":
    paths = [str(Path(fhir_collecting.__file__).parent), *filter(None, sys.path)]
    return subprocess.Popen(
        [
            sys.executable, fhir_collecting.__file__, str(folder),
            json.dumps({"base_url": server.base, "part_bytes": 4000}),
        ],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.DEVNULL,
    )  # fmt: skip


def killed(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGKILL)
    process.wait(PATIENCE)


def until_asked(server: RunningFhirServer, what: str, times: int = 1) -> None:
    until = time.monotonic() + PATIENCE
    while server.counts.get(what, 0) < times:
        assert time.monotonic() < until, f"'{what}' was never asked for"
        time.sleep(0.02)


def kept(folder: Path) -> dict[str, bytes]:
    """The resources in the folder, by type."""
    parts = [
        ReceivedPart(name=path.name, content=path.read_bytes(), kind="resources")
        for path in sorted((folder / "parts").glob("[A-Z]*.ndjson"))
    ]
    return joined(parts)


@pytest.mark.parametrize("last", [2])
def test_killed_while_a_file_comes_in_it_reads_that_file_again_and_no_other(server, tmp_path, last):
    server.set(stalled=[FILES[last]])
    first = started(server, tmp_path)
    until_asked(server, FILES[last])
    killed(first)

    server.set(stalled=[])
    second = started(server, tmp_path)

    assert second.wait(PATIENCE) == 0
    expected = {name: 2 if place == last else 1 for place, name in enumerate(FILES)}
    assert {name: server.counts[name] for name in FILES} == expected
    assert server.counts["kick-off"] == 1
    assert server.counts["remove"] == 1
    assert kept(tmp_path) == WHOLE


def test_killed_while_it_waits_it_starts_no_second_export(server, tmp_path):
    server.set(polls=12)
    first = started(server, tmp_path)
    until_asked(server, "status", 2)
    killed(first)

    second = started(server, tmp_path)

    assert second.wait(PATIENCE) == 0
    assert server.counts["kick-off"] == 1
    assert {server.counts[name] for name in FILES} == {1}
    assert kept(tmp_path) == WHOLE


def test_killed_at_any_moment_again_and_again_it_ends_with_everything(server, tmp_path):
    server.set(polls=3, file_lines=5)
    rng, kills = random.Random(4), 0
    for _ in range(3):
        process = started(server, tmp_path)
        until = sum(server.counts.values()) + rng.randrange(1, 12)
        while sum(server.counts.values()) < until and process.poll() is None:
            time.sleep(0.002)
        time.sleep(rng.random() * 0.02)
        kills += process.poll() is None
        killed(process)

    if not server.counts.get("remove"):
        assert started(server, tmp_path).wait(PATIENCE) == 0

    assert kills == 3
    assert kept(tmp_path) == WHOLE
    assert server.counts["kick-off"] == 1
    files = {name: times for name, times in server.counts.items() if name.count(".") == 1}
    assert sum(files.values()) - len(files) <= kills  # a kill costs one file at most

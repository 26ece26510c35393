"""Drills on real server processes: no answer is lost, doubled, empty or missing."""

import gc
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

import drill_process
from bedside.core.errors import Unavailable
from bedside.core.records.ledger import LedgerDraft
from bedside.core.records.version import Stage
from bedside.lifecycle.release import approve, release
from bedside.serve.supervisor import Patience, Supervisor, reserve
from bedside.wiring import guarding
from drilled import Drill, check_books, opened, serving
from planted import a_planted_model, bedside_run
from postgres_server import StoppedAndStarted
from served import TOKEN, a_tensor

pytestmark = pytest.mark.xdist_group("serving_faults")  # its fixtures are made once

GONE = 10.0  # seconds without a database
LOCKED = 3.0  # seconds in which another process keeps the database locked
WHY = "a drill"
LISTENS = "0A"  # as /proc/net/tcp says it


def live_in(folder, **environment):
    """A workspace with one live version; its platform."""
    model = a_planted_model(folder / "model")
    done = bedside_run(
        folder / "w", "build", str(model), "--data", str(model), environment=environment
    )
    assert done.returncode == 0, done.stderr
    platform = opened(folder / "w")
    (version,) = [one.id for one in platform.registry.versions()]
    approve(platform, version, name="A B", meaning="reviewed")
    release(platform, version, Stage.SILENT)
    approve(platform, version, name="A B", meaning="seen", step=Stage.LIVE, without_evidence=WHY)
    release(platform, version, Stage.LIVE, without_evidence=WHY)
    return platform


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """The folder of a workspace with one live version."""
    folder = tmp_path_factory.mktemp("faults")
    live_in(folder)
    return folder / "w"


@pytest.fixture
def ward(live, tmp_path):
    """A copy of it for one drill."""
    shutil.copytree(live, tmp_path / "w")
    return tmp_path / "w"


def the_books(drill, folder):
    platform = opened(folder)
    assert platform.ledger.verify() == []
    return check_books(drill, list(platform.ledger.entries()))


def processes_of(server, module):
    """The processes that a server has started to run a module."""
    found = []
    for one in Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split():
        words = Path(f"/proc/{one}/cmdline").read_bytes().split(b"\0")
        found += [int(one)] if f"bedside.wiring.{module}".encode() in words else []
    return found


def workers_of(server):
    """The processes that answer for a server."""
    return processes_of(server, "server_worker")


def wait_until_listening(port, count):
    """Wait until so many processes listen on the port: the others of a server start later."""
    until, asked = time.monotonic() + 60, f":{port:04X}"
    while True:
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
        if sum(one[1].endswith(asked) and one[3] == LISTENS for one in lines) >= count:
            return
        assert time.monotonic() < until
        time.sleep(0.05)


def test_the_process_that_writes_the_ledger_is_killed_under_load(ward):
    with serving(ward, workers=2) as (drill, server):
        with drill.load():
            drill.wait_for(200)
            for _ in range(2):
                (writer,) = processes_of(server, "ledger_process")
                os.kill(writer, signal.SIGKILL)
                time.sleep(0.1)
                drill.wait_for(200)
                time.sleep(0.5)
        again = [drill.ask(one.id) for one in drill.seen[:5]]

    books = the_books(drill, ward)
    assert drill.statuses().keys() <= {200, 503}
    assert {one.body["code"] for one in drill.seen if one.status == 503} <= {"ledger_unavailable"}
    assert max(one.took for one in drill.seen) < 5, "everybody is told something in time"
    told = {one.id: one.body for one in drill.seen if one.status == 200}
    assert len(books) >= len(told) > 0
    assert all(one.body == told[one.id] for one in again)
    ended = [one for one in opened(ward).ledger.entries() if one.action == "serve.writer_ended"]
    assert [one.details["status"] for one in ended] == [-signal.SIGKILL] * 2


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_database_that_is_gone_for_ten_seconds_while_a_worker_is_killed(tmp_path, monkeypatch):
    database = StoppedAndStarted()
    try:
        monkeypatch.setenv("BEDSIDE_DATABASE", database.url)
        platform = live_in(tmp_path, BEDSIDE_DATABASE=database.url)
        with serving(tmp_path / "w", workers=2) as (drill, server):
            wait_until_listening(drill.port, 2)
            with drill.load():
                drill.wait_for(200)
                database.crash()
                gone = time.monotonic()
                drill.wait_for(503)
                os.kill(workers_of(server)[0], signal.SIGKILL)
                time.sleep(GONE - (time.monotonic() - gone))
                before = drill.statuses(gone + 1.0)
                database.start()
                drill.wait_for(200)
            assert server.poll() is None
        books = the_books(drill, tmp_path / "w")
    finally:
        del platform
        gc.collect()  # closes what this process has open, before the server goes
        database.end()

    assert before[200] == 0, "an answer left that no database had taken"
    assert before[503] > 0
    told = {one.body["code"] for one in drill.seen if one.status == 503}
    assert "ledger_unavailable" in told
    assert told <= {"ledger_unavailable", "policies_unavailable"}, "the latter of who asks anew"
    assert drill.statuses().keys() <= {0, 200, 503}
    assert len(books) >= drill.statuses()[200] > 0


def test_a_database_that_another_process_keeps_locked_for_three_seconds(ward):
    with serving(ward) as (drill, _), drill.load():
        drill.wait_for(200)
        other = sqlite3.connect(ward / "bedside.sqlite", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        locked = time.monotonic()
        time.sleep(LOCKED)
        other.execute("ROLLBACK")
        other.close()
        free = time.monotonic()
        drill.wait_for(200)

    books = the_books(drill, ward)
    late = [one for one in drill.seen if locked + 0.5 < one.at < free]
    assert {one.status for one in drill.seen} <= {200, 503, 504}
    assert not [one for one in late if one.status == 200]
    assert max(one.took for one in drill.seen) < 5, "everybody is told something in time"
    assert len(books) >= drill.statuses()[200]


def test_a_replay_over_which_a_worker_is_killed_gets_every_answer_once(live, ward):
    with serving(ward, workers=2) as (drill, server):
        (ward.parent / "token").write_text(drill.token)
        killing = threading.Thread(target=kill_when_busy, args=(ward, workers_of(server)[0]))
        killing.start()
        done = bedside_run(
            ward, "replay", "diagnosis", "--data", str(live.parent / "model"), "--json",
            "--server", f"http://127.0.0.1:{drill.port}",
            "--token-file", str(ward.parent / "token"),
        )  # fmt: skip
        killing.join()

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    books = the_books(drill, ward)
    assert told["answered"] == told["questions"] == len(books) == 569
    assert told["outcomes"] == {"score": 569}
    ended = [one for one in opened(ward).ledger.entries() if one.action == "serve.worker_ended"]
    assert [one.details["status"] for one in ended] == [-signal.SIGKILL]


def kill_when_busy(folder, process):
    """Kill a worker once answers are in the ledger."""
    predictions, until = opened(folder).predictions, time.monotonic() + 60
    while len(list(predictions.find(limit=20))) < 20 and time.monotonic() < until:
        time.sleep(0.01)
    os.kill(process, signal.SIGKILL)


def failures_of(platform, count):
    """So many failures of the live version, as its server records them."""
    (version,) = platform.registry.versions()
    told = {
        "model": version.name, "version": version.id, "bundle": version.bundle, "stage": "live",
        "as_of": "2000-01-01T00:00:00Z", "input_digest": "0" * 64, "latency_ms": 5.0,
        "outcome": "failure", "code": "model_failed", "channel": "test", "caller": "test",
        "shown": True,
    }  # fmt: skip
    platform.ledger.append_all(
        [
            LedgerDraft(
                actor=platform.actor, action="answer", details=told | {"prediction_id": f"f-{n}"}
            )
            for n in range(count)
        ]
    )


def test_a_broken_guard_takes_the_version_back_on_the_running_server_by_itself(ward):
    platform = opened(ward)
    with serving(ward) as (drill, _):
        before = drill.ask("before")
        failures_of(platform, 60)
        with drill.load(clients=1):
            until = time.monotonic() + 30
            while platform.registry.versions()[0].stage is Stage.LIVE:
                assert time.monotonic() < until, "nobody watches the guards"
                time.sleep(0.2)
            time.sleep(1.5)
        after = drill.ask("after")

    the_books(drill, ward)
    said = [one.body["outputs"][0]["data"] for one in (before, after)]
    assert said[0] != ["withheld"]
    assert said[1] == ["withheld"]
    (taken,) = [one for one in platform.ledger.entries() if one.action == "rollback"]
    assert (taken.actor, taken.details["automatic"]) == ("service:guards", True)


def test_the_guards_are_judged_where_something_is_new_and_a_failure_is_told_once(ward, monkeypatch):
    platform, looks = opened(ward), []

    def judges(watched, *, tell, **_):
        looks.append(watched.actor.name)
        tell("diagnosis@1", Unavailable("It is away.", fix="wait.", code="away"))
        return []

    monkeypatch.setattr(guarding, "watch_guards", judges)
    watch = guarding.GuardWatch(platform)
    watch.look()
    watch.look()
    failures_of(platform, 1)
    watch.look()

    assert looks == ["service:guards"] * 2
    told = [one.details for one in platform.ledger.entries() if one.action == "guards.failed"]
    assert told == [{"version": "diagnosis@1", "code": "away"}]


@pytest.fixture
def small_disk(tmp_path):
    """A disk of its own, of 24 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)]
    done = subprocess.run(words, capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("A disk of its own cannot be mounted here. Fix: run the test as root.")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_answers_nothing_and_goes_on_when_there_is_room(live, small_disk):
    folder = small_disk / "w"
    shutil.copytree(live, folder)
    with serving(folder) as (drill, _), drill.load():
        drill.wait_for(200)
        filled = time.monotonic()
        with (small_disk / "ballast").open("wb", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(bytes(65536))
            except OSError:
                pass
        drill.wait_for(503)
        time.sleep(0.5)
        (small_disk / "ballast").unlink()
        drill.wait_for(200)

    books = the_books(drill, folder)
    told = {one.body["code"] for one in drill.seen if one.at > filled and one.status == 503}
    assert told == {"ledger_unavailable"}
    assert drill.statuses().keys() <= {200, 503, 504}
    assert len(books) >= drill.statuses()[200]


def test_slow_clients_hold_up_nobody(ward):
    slow = []
    with serving(ward) as (drill, _):
        for n in range(60):
            one = socket.create_connection(("127.0.0.1", drill.port))
            head = b"POST /v2/models/diagnosis/infer HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
            body = (
                b"y\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n"
                b"Authorization: Bearer " + drill.token.encode() + b"\r\n\r\n{"
            )
            one.sendall(head + (body if n % 2 else b""))
            one.settimeout(0.01)
            slow.append(one)
        with drill.load():
            for _ in range(8):
                time.sleep(0.2)
                for n, one in enumerate(slow):
                    one.sendall(b" " if n % 2 else b"x")
        for one in slow:
            one.close()

    the_books(drill, ward)
    assert drill.statuses().keys() == {200}
    assert sorted(one.took for one in drill.seen)[len(drill.seen) // 2] < 0.5


class Sick:
    """A supervised process of `drill_process`, under load."""

    def __init__(self, folder, port, workers=1):
        self.folder, self.ended = folder, []
        self.ready = threading.Event()
        self.supervisor = Supervisor(
            lambda line: [
                sys.executable, drill_process.__file__, str(folder), str(port), str(line)
            ],
            workers,
            patience=Patience(silence=5, drain=8),
            on_ready=self.ready.set,
            on_end=self.ended.append,
        )  # fmt: skip
        self.drill = Drill(
            port=port, token=TOKEN, path="/v2/models/sepsis/infer", question=a_question
        )
        self.thread = threading.Thread(target=self.supervisor.run)

    def __enter__(self):
        self.thread.start()
        assert self.ready.wait(60)
        return self

    def __exit__(self, *_):
        self.supervisor.stop()
        self.thread.join(20)

    def books(self):
        ledger, _ = drill_process.books_of(self.folder)
        assert ledger.verify() == []
        return check_books(self.drill, list(ledger.entries()))


LACTATE = {1: drill_process.RAISES, 2: drill_process.NAN, 3: drill_process.HANGS}


def a_question(name):
    """Of each client, every 40th question is one over which the model fails, in one way."""
    client, number = map(int, name.split("-"))
    lactate = LACTATE.get(client, 4.2) if number % 40 == 20 else 4.2
    return {
        "inputs": [
            a_tensor("lactate", lactate), a_tensor("heart_rate", 118.0), a_tensor("age", 71.0),
        ]
    }  # fmt: skip


def is_sick(name):
    client, number = map(int, name.split("-"))
    return client in LACTATE and number % 40 == 20


def test_patients_over_whom_a_model_raises_hangs_or_returns_nan_hurt_no_others(tmp_path):
    with reserve("127.0.0.1", 0) as held, Sick(tmp_path, held.getsockname()[1], 2) as sick:
        with sick.drill.load(clients=8):
            time.sleep(4.0)
        books = sick.books()

    seen = sick.drill.seen
    well = [one for one in seen if not is_sick(one.id)]
    codes = Counter(one.body["code"] for one in seen if is_sick(one.id) and one.status)
    assert {one.status for one in well} == {200}, "only who was sick was not answered"
    assert codes.keys() >= {"model_failed", "model_returned_nonsense", "timeout"}
    failures = Counter(
        one.details["code"] for one in books.values() if one.details["outcome"] == "failure"
    )
    assert failures == codes, "each failure is in the ledger, once"


@pytest.mark.parametrize("hours", [-1.0, 1.0])
def test_a_clock_that_jumps_by_an_hour_stops_nothing(tmp_path, hours):
    with reserve("127.0.0.1", 0) as held, Sick(tmp_path, held.getsockname()[1]) as sick:
        sick.drill.question = lambda _: a_question("0-1")
        with sick.drill.load():
            sick.drill.wait_for(200)
            (tmp_path / "clock.new").write_text(str(hours))
            (tmp_path / "clock.new").rename(tmp_path / "clock")
            jumped = time.monotonic()
            time.sleep(0.7)
        again = sick.drill.ask(sick.drill.seen[0].id)
        books = sick.books()

    assert sick.drill.statuses().keys() == {200}
    assert sick.drill.statuses(jumped)[200] > 10
    assert again.body == next(one.body for one in sick.drill.seen if one.id == again.id)
    latencies = [one.details["latency_ms"] for one in books.values()]
    assert min(latencies) >= 0
    assert max(latencies) < 60_000, "a latency is not what a wrong clock says"

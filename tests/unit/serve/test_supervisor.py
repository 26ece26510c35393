"""Real server processes on loopback: killed, hung and told to end while they are asked."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import serving_process
from bedside.core.errors import Unavailable
from bedside.serve.supervisor import Patience, Supervisor, reserve
from bedside.serve.worker import EXIT_STUCK
from served import TOKEN, an_inference

HEADERS = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
INFER = "/v2/models/sepsis/infer"


class Running:
    """A supervisor in a thread, with what it tells."""

    def __init__(self, folder: Path, port: int, workers: int) -> None:
        self.folder, self.port = folder, port
        self.ready, self.ended = threading.Event(), list[int]()
        self.supervisor = Supervisor(
            lambda line: [
                sys.executable, serving_process.__file__, str(folder), str(port), str(line)
            ],
            workers,
            patience=Patience(silence=5, drain=8),
            on_ready=self.ready.set,
            on_end=self.ended.append,
        )  # fmt: skip

    def ask(self, method: str = "POST", path: str = INFER, **more: Any) -> tuple[int, Any]:
        """The status and the body; (0, None) where the connection broke."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        body = json.dumps(an_inference() | more) if method == "POST" else None
        try:
            connection.request(method, path, body, HEADERS)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        except (OSError, http.client.HTTPException):
            return 0, None
        finally:
            connection.close()

    def kept(self) -> list[dict[str, Any]]:
        books, _ = serving_process.books_of(self.folder)
        assert books.verify() == []
        return [entry.details for entry in books.entries() if entry.action == "answer"]

    def load(self, seconds: float, clients: int = 4) -> list[tuple[str, int, Any]]:
        """Ask again and again from several clients; each request, its status and its body."""
        until, seen = time.monotonic() + seconds, list[tuple[str, int, Any]]()

        def client(name: int) -> None:
            count = 0
            while time.monotonic() < until:
                count += 1
                status, body = self.ask(id=f"{name}-{count}")
                seen.append((f"{name}-{count}", status, body))
                time.sleep(0 if status else 0.05)

        threads = [threading.Thread(target=client, args=(n,)) for n in range(clients)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        return seen


@contextmanager
def running(folder: Path, *, workers: int = 1) -> Iterator[Running]:
    """Server processes that can answer; signals stay with the test runner."""
    with reserve("127.0.0.1", 0) as held:
        here = Running(folder, held.getsockname()[1], workers)
        thread = threading.Thread(target=here.supervisor.run)
        thread.start()
        try:
            assert here.ready.wait(60)
            yield here
        finally:
            here.supervisor.stop()
            thread.join(20)
            assert not thread.is_alive()


def test_a_worker_that_is_killed_under_load_is_replaced_and_no_told_answer_is_missing(tmp_path):
    with running(tmp_path, workers=2) as here:
        first = here.supervisor.pids()
        killing = threading.Timer(0.7, os.kill, (first[0], signal.SIGKILL))
        killing.start()
        seen = here.load(2.0)
        until = time.monotonic() + 20
        while len(set(here.supervisor.pids()) - set(first)) < 1 and time.monotonic() < until:
            time.sleep(0.05)
        again = [here.ask(id=name) for name, status, _ in seen[:5] if status == 200]
        kept = here.kept()

    assert here.ended == [-signal.SIGKILL]
    told = {body["parameters"]["prediction_id"] for _, status, body in seen if status == 200}
    assert len(told) > 20
    assert told <= {one["prediction_id"] for one in kept}, "an answer left that was not durable"
    assert max(Counter(one["request_tag"] for one in kept).values()) == 1
    assert {status for _, status, _ in seen} <= {0, 200}, "an answer or a broken connection"
    assert [body for _, body in again] == [body for _, status, body in seen[:5] if status == 200]


def test_a_worker_told_to_end_answers_what_is_under_way_first(tmp_path):
    with running(tmp_path) as here:
        (tmp_path / "hang").touch()
        under_way: list[tuple[int, Any]] = []
        thread = threading.Thread(target=lambda: under_way.append(here.ask(id="r-1")))
        thread.start()
        time.sleep(0.1)
        here.supervisor.stop()
        time.sleep(0.1)
        (tmp_path / "hang").unlink()
        thread.join(10)
        kept = here.kept()

    ((status, body),) = under_way
    assert status == 200
    assert [one["prediction_id"] for one in kept] == [body["parameters"]["prediction_id"]]
    assert here.ask() == (0, None)


def test_a_process_whose_model_hangs_says_so_and_is_replaced(tmp_path):
    with running(tmp_path) as here:
        (tmp_path / "hang").touch()
        late = here.ask()
        ready = here.ask("GET", "/v2/health/ready")
        until = time.monotonic() + 20
        while not here.ended and time.monotonic() < until:
            time.sleep(0.02)
        (tmp_path / "hang").unlink()
        answered = (0, None)
        while answered[0] != 200 and time.monotonic() < until:
            answered = here.ask()
            time.sleep(0.05)
        kept = here.kept()

    assert (late[0], late[1]["code"]) == (504, "timeout")
    assert ready[0] in (0, 503)
    assert here.ended == [EXIT_STUCK]
    assert answered[0] == 200
    assert [one["outcome"] for one in kept] == ["failure", "score"]


def test_a_worker_without_a_pulse_is_killed_and_replaced(tmp_path):
    with running(tmp_path) as here:
        here.supervisor._patience = Patience(silence=1.0)
        (stopped,) = here.supervisor.pids()
        os.kill(stopped, signal.SIGSTOP)
        until = time.monotonic() + 20
        while not here.ended and time.monotonic() < until:
            time.sleep(0.05)

    assert here.ended == [-signal.SIGKILL]


def test_a_model_that_hangs_though_it_said_it_cannot_is_recorded_and_its_process_replaced(tmp_path):
    (tmp_path / "quick").touch()
    with running(tmp_path) as here:
        here.supervisor._patience = Patience(silence=2.5)
        well = here.ask()
        (tmp_path / "hang").touch()
        hung = here.ask()
        (tmp_path / "hang").unlink()
        until, again = time.monotonic() + 20, (0, None)
        while again[0] != 200 and time.monotonic() < until:
            again = here.ask()
            time.sleep(0.05)
        kept = here.kept()

    assert (well[0], hung[0], again[0]) == (200, 0, 200)
    assert here.ended == [-signal.SIGKILL]
    assert [one["outcome"] for one in kept] == ["score", "failure", "score"]


def test_workers_end_when_their_supervisor_is_gone(tmp_path):
    with reserve("127.0.0.1", 0) as held:
        ours, theirs = socket.socketpair()
        port = held.getsockname()[1]
        command = [sys.executable, serving_process.__file__, str(tmp_path), str(port)]
        with theirs:
            worker = subprocess.Popen([*command, str(theirs.fileno())], pass_fds=[theirs.fileno()])
        try:
            ours.settimeout(60)
            assert ours.recv(1) == b"R"
            ours.close()

            assert worker.wait(20) == 0
        finally:
            worker.kill()
            worker.wait()


def test_workers_that_cannot_start_end_the_supervisor_with_a_reason():
    supervisor = Supervisor(lambda _: [sys.executable, "-c", "raise SystemExit(3)"], 2)

    with pytest.raises(Unavailable) as refusal:
        supervisor.run()

    assert refusal.value.code == "worker_failed"
    assert "status 3" in str(refusal.value)


def test_a_port_that_somebody_has_is_refused_with_what_to_do():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()

        with pytest.raises(Unavailable) as refusal:
            reserve("127.0.0.1", taken.getsockname()[1])

    assert refusal.value.code == "port_taken"

"""A ledger that one process writes for others: whoever is killed, what was told is there, once."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop

from bedside.core.clock import SystemClock
from bedside.core.errors import BedsideError, Invalid, Unavailable
from bedside.core.records.ledger import Actor, LedgerDraft
from bedside.governance.adapters import distant_ledger
from bedside.governance.adapters.distant_ledger import DistantLedger
from bedside.governance.adapters.ledger_writer import LedgerWriter
from bedside.governance.adapters.sql_ledger import SqlLedger
from bedside.governance.adapters.sql_predictions import SqlPredictions
from bedside.governance.ledger_frames import Frames, Request, framed, request_of
from bedside.infra.database.opening import open_database, writing
from bedside.infra.database.traces import clear_traces
from bedside.infra.keys.ed25519 import Ed25519Signer

WRITER = """
import sys
from pathlib import Path
from bedside.core.clock import SystemClock
from bedside.governance.adapters.ledger_writer import LedgerWriter
from bedside.governance.adapters.sql_ledger import SqlLedger
from bedside.governance.adapters.sql_predictions import SqlPredictions
from bedside.infra.database.opening import open_database, writing
from bedside.infra.database.traces import clear_traces
from bedside.infra.keys.ed25519 import Ed25519Signer

folder = Path(sys.argv[1])
engine = open_database(folder / "l.sqlite")
ledger = SqlLedger(
    engine, writing=writing, clear=clear_traces, clock=SystemClock(), sealing_key=b"s" * 32,
    signing_key=Ed25519Signer(b"k" * 32).private_key,
)
LedgerWriter(ledger, SqlPredictions(engine), folder / "socket").run(lambda: False)
"""
ACTOR = Actor(name="service:test", purpose="care")


def a_ledger(folder: Path) -> SqlLedger:
    return SqlLedger(
        open_database(folder / "l.sqlite"),
        writing=writing,
        clear=clear_traces,
        clock=SystemClock(),
        sealing_key=b"s" * 32,
        signing_key=Ed25519Signer(b"k" * 32).private_key,
    )


def an_answer(name: str, *, tag: str | None = None) -> LedgerDraft:
    details: dict[str, Any] = {
        "prediction_id": name, "model": "m", "version": "m@1", "outcome": "score",
        "latency_ms": 1.5, "shown": True,
    }  # fmt: skip
    if tag is not None:
        details["request_tag"] = tag
    return LedgerDraft(actor=ACTOR, action="answer", details=details, sealed=b"x" * 500, subject=7)


class Writers:
    """The process that writes: killed, and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-c", WRITER, str(self.folder)]
        self.process = subprocess.Popen(command)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def writers(tmp_path: Path) -> Iterator[Writers]:
    made = Writers(tmp_path)
    yield made
    made.kill()


def wait_until_it_writes(ledger: DistantLedger) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            ledger.append(ACTOR, "test.begin", {})
        except Unavailable:
            assert time.monotonic() < until
            time.sleep(0.05)
        else:
            return


@pytest.mark.parametrize("on_loop", [False, True])
def test_a_writer_that_is_killed_again_and_again_loses_nothing_told_and_doubles_nothing(
    writers: Writers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_loop: bool
) -> None:
    monkeypatch.setattr(distant_ledger, "GIVE_UP", 30.0)
    ledger, ended = DistantLedger(tmp_path / "socket", a_ledger(tmp_path)), threading.Event()
    wait_until_it_writes(ledger)
    loop = uvloop.new_event_loop()
    turning = threading.Thread(target=loop.run_forever)
    if on_loop:
        turning.start()
        ledger.attach(loop)
    told: list[tuple[str, int]] = []

    def client(number: int) -> None:
        count = 0
        while not ended.is_set():
            names = [f"{number}-{count}-{place}" for place in range(5)]
            futures = ledger.submit_all([an_answer(one, tag=f"t-{one}") for one in names])
            told.extend(
                (name, one.result().sequence) for name, one in zip(names, futures, strict=True)
            )
            count += 1

    clients = [threading.Thread(target=client, args=(number,)) for number in range(4)]
    for one in clients:
        one.start()
    for _ in range(3):
        time.sleep(0.4)
        writers.kill()
        writers.start()
    time.sleep(2.0)
    ended.set()
    for one in clients:
        one.join()
    if on_loop:
        loop.call_soon_threadsafe(loop.stop)
        turning.join()
    loop.close()
    ledger.attach(None)
    ledger.append(ACTOR, "test.end", {})
    ledger.close()

    books = {
        entry.sequence: entry.details["prediction_id"]
        for entry in a_ledger(tmp_path).entries()
        if entry.action == "answer"
    }
    assert len(told) > 100
    assert {sequence: name for name, sequence in told} == books, "each once, and as told"
    assert a_ledger(tmp_path).verify() == []


def test_what_cannot_be_asked_again_is_said_to_be_unknown_when_the_writer_dies(
    writers: Writers, tmp_path: Path
) -> None:
    ledger = DistantLedger(tmp_path / "socket", a_ledger(tmp_path))
    wait_until_it_writes(ledger)
    locked = open_database(tmp_path / "l.sqlite")
    with writing(locked):  # so that the writer waits in its commit
        note = LedgerDraft(actor=ACTOR, action="note", details={})
        ((future,), (answer,)) = ledger.submit_all([note]), ledger.submit_all([an_answer("a")])
        time.sleep(0.2)
        writers.kill()
        with pytest.raises(Unavailable, match="not known"):
            future.result(5)
    writers.start()

    assert answer.result(30).details["prediction_id"] == "a"
    ledger.close()


def test_without_a_writer_everything_fails_in_words_and_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distant_ledger, "GIVE_UP", 0.3)
    ledger = DistantLedger(tmp_path / "socket", a_ledger(tmp_path))

    with pytest.raises(Unavailable) as first:
        ledger.append(ACTOR, "note", {})
    began = time.monotonic()
    with pytest.raises(Unavailable) as second:
        ledger.append(ACTOR, "note", {})

    assert {first.value.code, second.value.code} == {"ledger_unavailable"}
    assert time.monotonic() - began < 0.2, "nobody waits twice"
    ledger.close()
    with pytest.raises(Unavailable, match="closed"):
        ledger.append(ACTOR, "note", {})


def test_an_answer_that_is_handed_in_again_is_acknowledged_and_another_one_refused(
    tmp_path: Path,
) -> None:
    books = a_ledger(tmp_path)
    predictions = SqlPredictions(open_database(tmp_path / "l.sqlite"))
    first = an_answer("a", tag="t")
    books.append_each([first])
    writer = LedgerWriter(books, predictions, tmp_path / "socket")
    changed = LedgerDraft(actor=ACTOR, action="answer", details=first.details | {"model": "n"})

    (again,) = map(writer._found, [first], books.append_each([first]))
    (other,) = map(writer._found, [changed], books.append_each([changed]))

    assert getattr(again, "sequence", None) == 1
    assert isinstance(other, BedsideError)
    writer.run(lambda: True)


@pytest.mark.parametrize("sent", [b"\xff" * 64, b"\0\0\0\x02\xc1\xc1", b"\0\0\0\x03GET"])
def test_whoever_speaks_no_frames_is_hung_up_on_and_the_others_go_on(
    tmp_path: Path, sent: bytes
) -> None:
    books, ended = a_ledger(tmp_path), threading.Event()
    writer = LedgerWriter(books, SqlPredictions(books._engine), tmp_path / "socket")
    thread = threading.Thread(target=writer.run, args=(ended.is_set,))
    thread.start()
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.connect(str(tmp_path / "socket"))
        stranger.sendall(sent)
        stranger.settimeout(5)
        hung_up = stranger.recv(64)
    ledger = DistantLedger(tmp_path / "socket", books)

    entry = ledger.append(ACTOR, "note", {"n": 1})

    assert (hung_up, entry.sequence) == (b"", 1)
    ledger.close()
    ended.set()
    thread.join()


def test_a_frame_that_comes_byte_by_byte_is_one_message() -> None:
    draft = an_answer("a")
    content = framed(request_of(3, [draft], ['{"prediction_id":"a"}']))
    frames = Frames(Request)

    came = [one for byte in content + content for one in frames.take(bytes([byte]))]

    assert [one.number for one in came] == [3, 3]
    assert came[0].ledger_drafts()[0].sealed == draft.sealed


def test_a_subject_that_no_frame_can_say_is_refused_in_words(tmp_path: Path) -> None:
    ledger = DistantLedger(tmp_path / "socket", a_ledger(tmp_path))

    with pytest.raises(Invalid, match="subject below"):
        ledger.append(ACTOR, "note", {}, sealed=b"x", subject=1 << 70)

"""The database goes away under load and comes back: nobody is told what is not so."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import make_url

from bedside.core.clock import SystemClock
from bedside.core.errors import Unavailable
from bedside.core.records.ledger import Actor
from bedside.governance.adapters.sql_ledger import SqlLedger
from bedside.governance.adapters.sql_predictions import SqlPredictions
from bedside.governance.group_commit import GroupCommit
from bedside.infra.database.opening import writing
from bedside.infra.database.traces import clear_traces
from bedside.infra.keys.ed25519 import Ed25519Signer
from postgres_server import a_postgres_engine, a_postgres_url, drop_databases, the_server

ACTOR = Actor(name="service:bedside", purpose="care")
GONE = 2.0  # seconds


class Cable:
    """The way to the server: everything passes, until it is cut; then nobody answers."""

    def __init__(self, port: int) -> None:
        self._port, self._open = port, list[socket.socket]()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        """End every connection, and take no new one."""
        for one in (self._listener, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._open.clear()

    def mend(self) -> None:
        """Let everything pass again."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", self._port))
                self._open += [near, far]
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=_carry, args=pair, daemon=True).start()


def _carry(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while content := source.recv(65536):
            target.sendall(content)
    for one in (source, target):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def cable() -> Iterator[Cable]:
    made = Cable(the_server().port)
    yield made
    made.cut()
    drop_databases()


def test_a_database_that_goes_away_is_told_as_unavailable_and_then_everything_goes_on(
    cable: Cable, tmp_path: Path
) -> None:
    direct = make_url(a_postgres_url())
    engine = a_postgres_engine(direct.set(port=cable.port).render_as_string(hide_password=False))
    ledger = SqlLedger(
        engine,
        writing=writing,
        clear=clear_traces,
        clock=SystemClock(),
        sealing_key=b"s" * 32,
        signing_key=Ed25519Signer(b"k" * 32).private_key,
    )
    told: list[str] = []
    errors: list[Exception] = []
    stop = threading.Event()

    def ask(group: GroupCommit, name: int) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            details = {"prediction_id": f"{name}-{number}", "request_tag": f"{name}-{number}"}
            try:
                group.append(ACTOR, "answer", details, sealed=b"x" * 500, subject=number)
            except Exception as error:
                errors.append(error)
                time.sleep(0.02)
            else:
                told.append(f"{name}-{number}")

    with GroupCommit(ledger) as group:
        threads = [threading.Thread(target=ask, args=(group, name)) for name in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        cable.cut()
        time.sleep(GONE)
        before = len(told)
        cable.mend()
        time.sleep(1.5)
        stop.set()
        for thread in threads:
            thread.join(timeout=30)

    kept = {one.prediction_id for one in SqlPredictions(engine).find()}
    assert before > 0
    assert len(told) > before
    assert errors
    assert {type(error) for error in errors} == {Unavailable}
    assert set(told) <= kept
    assert len(told) == len(set(told))
    assert len(kept) == len(list(ledger.entries()))
    assert ledger.verify() == []

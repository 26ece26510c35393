"""Real servers under load while something goes wrong, and the books that are checked afterwards."""

import http.client
import json
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bedside.core.records.ledger import LedgerEntry
from bedside.wiring.progress import LineProgress
from bedside.wiring.server import token_digest_of
from bedside.wiring.workspace import actor_of, open_workspace
from loopback import free_port
from planted import BEDSIDE

__all__ = ["Asked", "Drill", "check_books", "opened", "serving"]

ANSWERS = ("score", "abstention", "withheld")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question that was sent, and what came: status 0 where the connection broke."""

    id: str
    status: int
    body: Any
    took: float
    at: float


@dataclass(kw_only=True)
class Drill:
    """A server that listens, and what it is asked."""

    port: int
    token: str
    path: str
    question: Callable[[str], dict[str, Any]]
    seen: list[Asked] = field(default_factory=list)

    def ask(self, name: str, connection: http.client.HTTPConnection | None = None) -> Asked:
        """Ask once; kept with all the others."""
        own = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        began, status, body = time.monotonic(), 0, None
        try:
            own.request("POST", self.path, json.dumps(self.question(name) | {"id": name}), headers)
            response = own.getresponse()
            status, body = response.status, json.loads(response.read())
        except (OSError, http.client.HTTPException):
            own.close()
        finally:
            if connection is None:
                own.close()
        now = time.monotonic()
        told = Asked(id=name, status=status, body=body, took=now - began, at=now)
        self.seen.append(told)
        return told

    @contextmanager
    def load(self, clients: int = 4) -> Iterator[None]:
        """Ask without a pause from several clients, each with its own ids, while the body runs."""
        ended = threading.Event()

        def client(name: int) -> None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            count = 0
            while not ended.is_set():
                count += 1
                told = self.ask(f"{name}-{count}", connection)
                time.sleep(0 if told.status == 200 else 0.02)
            connection.close()

        threads = [threading.Thread(target=client, args=(n,)) for n in range(clients)]
        for one in threads:
            one.start()
        try:
            yield
        finally:
            ended.set()
            for one in threads:
                one.join()

    def statuses(self, since: float = 0.0) -> Counter[int]:
        """How often each status came."""
        return Counter(one.status for one in self.seen if one.at >= since)

    def wait_for(self, status: int, seconds: float = 30.0) -> None:
        """Wait until the load under way is told this status."""
        since = time.monotonic()
        while not self.statuses(since)[status]:
            assert time.monotonic() < since + seconds, f"no status {status}: {self.statuses(since)}"
            time.sleep(0.02)


def opened(folder: Path) -> Any:
    """The platform of a workspace."""
    return open_workspace(folder, actor=actor_of("t", "drill"), progress=LineProgress())


@contextmanager
def serving(
    folder: Path, *, model: str = "diagnosis", workers: int = 1, environment: Mapping[str, str] = {}
) -> Iterator[tuple[Drill, "subprocess.Popen[bytes]"]]:
    """`bedside serve` on a workspace; it must end in order when it is told to."""
    _, token = token_digest_of(folder, renew=True)
    assert token is not None
    port = free_port()
    command = [BEDSIDE, "serve", "--workspace", str(folder), "--port", str(port)]
    log = (folder.parent / "served.txt").open("wb")
    server = subprocess.Popen(
        [*command, "--workers", str(workers)], stderr=log, env={**os.environ, **environment}
    )
    try:
        until = time.monotonic() + 60
        while b"Serving on" not in (folder.parent / "served.txt").read_bytes():
            assert server.poll() is None, (folder.parent / "served.txt").read_text()[-2000:]
            assert time.monotonic() < until
            time.sleep(0.05)
        yield (
            Drill(
                port=port,
                token=token,
                path=f"/v2/models/{model}/infer",
                question=lambda _: {"inputs": []},
            ),
            server,
        )
    finally:
        server.send_signal(signal.SIGTERM)
        status = server.wait(40)
        log.close()
    assert status == 0, "it did not end in order"


def check_books(drill: Drill, entries: list[LedgerEntry]) -> dict[str, LedgerEntry]:
    """Hold what was told against the ledger, whose chain is verified elsewhere.

    Every acknowledged answer is there exactly once, no success is empty, every request got an
    answer, an error with its code, or a broken connection.

    Returns:
        By prediction id, the answers in the ledger that somebody asked for by an id.
    """
    kept = [one for one in entries if one.action == "answer"]
    by_id = {one.details["prediction_id"]: one for one in kept}
    assert len(by_id) == len(kept), "one prediction stands twice"
    tags = Counter(tag for one in kept if (tag := one.details.get("request_tag")))
    assert not tags or max(tags.values()) == 1, "one request was answered twice"
    told: dict[str, str] = {}
    for one in drill.seen:
        if one.status == 200:
            outcome = next(o["data"][0] for o in one.body["outputs"] if o["name"] == "outcome")
            assert outcome in ANSWERS, "an empty success"
            prediction = one.body["parameters"]["prediction_id"]
            assert prediction in by_id, "an answer left that is not in the ledger"
            assert told.setdefault(one.id, prediction) == prediction, "two answers to one question"
        elif one.status:
            assert one.body["code"], "an error without its code"
            assert one.body["error"]
    assert len(set(told.values())) == len(told), "two questions with one prediction"
    return by_id

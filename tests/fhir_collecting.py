"""Collects from a FHIR server, for the tests: in this process, or in one that they kill.

As a program it keeps each part durably in a folder before it asks for the next, and the note of how
far it has come beside them.
"""

import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from joserfc.jwk import ECKey

from bedside.core.clock import Clock, SystemClock
from bedside.core.records.fhir_export import FhirServerOptions, ReceivedPart
from bedside.data.adapters.fhir_server import ClientKey, FhirServer

if TYPE_CHECKING:  # the process that is killed starts without the server
    from fhir_server import RunningFhirServer

__all__ = [
    "CLIENT",
    "FileNote",
    "Note",
    "TurningClock",
    "a_client",
    "a_key",
    "at_once",
    "joined",
    "keep",
    "let_in",
]

CLIENT = "bedside-of-the-tests"


class Note:
    """The note of an export, in memory, as JSON."""

    def __init__(self) -> None:
        self.text: str | None = None
        self.saves = 0

    def load(self) -> dict[str, Any] | None:
        """What was saved last."""
        return None if self.text is None else json.loads(self.text)

    def save(self, state: dict[str, Any]) -> None:
        """Keep it."""
        self.text = json.dumps(state)
        self.saves += 1


class FileNote:
    """The note of an export, in a file that is replaced whole."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> dict[str, Any] | None:
        """What was saved last."""
        return json.loads(self.path.read_bytes()) if self.path.exists() else None

    def save(self, state: dict[str, Any]) -> None:
        """Keep it."""
        _write(self.path, json.dumps(state).encode())


class TurningClock:
    """The machine's clock, and what was turned on it."""

    def __init__(self) -> None:
        self.turned = timedelta(0)

    def now(self) -> datetime:
        """The moment it shows."""
        return datetime.now(UTC) + self.turned


def at_once(seconds: float) -> None:
    """Sleep no moment of them."""


@cache
def a_key() -> bytes:
    """A private key on P-384, as PEM."""
    return ECKey.generate_key("P-384").as_pem(private=True)


def let_in(server: "RunningFhirServer") -> None:
    """Register our public key at the server."""
    server.set(clients={CLIENT: ClientKey(a_key()).public_set()})


def a_client(
    server: "RunningFhirServer",
    *,
    clock: Clock | None = None,
    key: bytes | None = None,
    sleep: Callable[[float], None] = at_once,
    tell: Callable[[str], None] = lambda line: None,
    **options: Any,
) -> FhirServer:
    """A client of this server that waits for nothing; `client_id=None` goes without a key."""
    given = {"base_url": server.base, "client_id": CLIENT} | options
    if given["client_id"] is not None:
        let_in(server)
        key = key or a_key()
    return FhirServer(
        FhirServerOptions(**given),
        private_key=key,
        clock=clock or SystemClock(),
        sleep=sleep,
        tell=tell,
    )


def joined(parts: list[ReceivedPart], kind: str = "resources") -> dict[str, bytes]:
    """The lines of each type, in the order they came."""
    every: dict[str, bytes] = {}
    for part in parts:
        if part.kind == kind:
            name = part.name.partition(".")[0]
            every[name] = every.get(name, b"") + part.content
    return every


def keep(folder: Path, options: dict[str, Any]) -> None:
    """Collect into the folder, as a process that may be killed at any moment."""
    private_key = a_key() if "client_id" in options else None
    (folder / "parts").mkdir(exist_ok=True)
    with FhirServer(
        FhirServerOptions(**options), private_key=private_key, clock=SystemClock()
    ) as server:
        for part in server.export(FileNote(folder / "note.json")):
            _write(folder / "parts" / part.name, part.content)
            print(part.name, flush=True)


def _write(path: Path, content: bytes) -> None:
    half = path.with_suffix(".half")
    with half.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)


if __name__ == "__main__":
    keep(Path(sys.argv[1]), json.loads(sys.argv[2]))

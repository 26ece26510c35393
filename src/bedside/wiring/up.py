"""Everything that one hospital runs, from one file and under one roof: `bedside up`."""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from bedside.core.clock import parse_duration
from bedside.core.errors import Invalid
from bedside.lifecycle.collect import load_source
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle
from bedside.serve.supervisor import reserve
from bedside.usecases import source_of
from bedside.wiring.fhir_settings import fhir_settings
from bedside.wiring.hl7_serving import check_answering
from bedside.wiring.server import released_of

__all__ = ["CONFIGURATION", "House", "Part", "Roof", "check_house", "parts_of", "read_house"]
__all__ += ["run_house", "with_server"]

CONFIGURATION = "up.toml"
"""In the workspace."""
_LOG = logging.getLogger("bedside.up")
_STOP = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_COMMAND = (
    "import ctypes, sys; sys.platform == 'linux' and ctypes.CDLL(None).prctl(1, 15); "
    "from bedside.cli.main import run; run()"
)
"""Of a part: on Linux it is told to end when the one above it is gone (PR_SET_PDEATHSIG)."""


class Served(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The server: on loopback, from so many processes; seconds in which a question is answered."""

    port: int = 8080
    workers: int = 1
    deadline: float = 2.0


class Hl7(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The listener: the folder of a source of HL7 v2 messages, or its name.

    `answer`: the models that declare it are asked, and their results are sent.
    """

    source: str
    answer: bool = False


class FhirWatch(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A watch on a FHIR server: the model that is asked, the server, the wait between two looks."""

    model: str
    server: str | None = None
    every: str = "30 s"


class Monitor(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A monitor: of what a version answers, or of which data, how often."""

    model: str
    data: str | None = None
    every: str = "24 h"


class House(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What `up.toml` says."""

    serve: Served = Served()
    hl7: Hl7 | None = None
    fhir: tuple[FhirWatch, ...] = ()
    monitor: tuple[Monitor, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One command that is kept running, or run again every so many seconds."""

    name: str
    arguments: tuple[str, ...]
    every: float | None = None


def read_house(path: Path) -> House:
    """What the file says; the defaults where there is none.

    Raises:
        Invalid: it is not TOML, or says something that nothing here understands (`up_file`).
    """
    if not path.is_file():
        return House()
    try:
        house = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), House)
        waits = [*(one.every for one in house.fhir), *(one.every for one in house.monitor)]
        shortest = min([parse_duration(one).total_seconds() for one in waits], default=1.0)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise Invalid(
            f"{path.name} cannot be used: {error}.",
            fix="see docs/howto/operate.md.",
            code="up_file",
        ) from None
    if shortest < 1 or house.serve.workers < 1 or not 0 <= house.serve.port < 65536:
        raise Invalid(
            f"{path.name} asks for something that cannot be done.",
            fix="give a port below 65536, at least 1 worker, and waits of at least 1 s.",
            code="up_file",
        )
    return house


def with_server(house: House, *, port: int | None, workers: int | None) -> House:
    """The same house with another port or another number of server processes."""
    told = house.serve
    port = told.port if port is None else port
    workers = told.workers if workers is None else workers
    served = Served(port=port, workers=workers, deadline=told.deadline)
    return msgspec.structs.replace(house, serve=served)


def run_house(
    platform: Platform, parts: Sequence[Part], changed: Callable[[list[dict[str, object]]], None]
) -> None:
    """Run the parts until told to stop; the ledger hears of the beginning, each fault, the end."""
    told: dict[str, object] = {"parts": [part.name for part in parts]}

    def ended(name: str, status: int) -> None:
        platform.ledger.append(platform.actor, "up.ended", {"part": name, "status": status})

    platform.ledger.append(platform.actor, "up.start", told)
    Roof(parts, changed=changed, ended=ended).run()
    platform.ledger.append(platform.actor, "up.stop", told)


def parts_of(house: House, platform: Platform) -> list[Part]:
    """The commands of a house, the server first."""
    place = ("--workspace", str(platform.folder.absolute()))
    told = house.serve
    server = ("serve", "--port", str(told.port), "--workers", str(told.workers))
    parts = [Part(name="server", arguments=(*server, "--deadline", str(told.deadline), *place))]
    if house.hl7 is not None:
        verb = ("hl7", "serve") if house.hl7.answer else ("data", "listen")
        parts.append(Part(name="hl7", arguments=(*verb, house.hl7.source, *place)))
    for watch in house.fhir:
        where = () if watch.server is None else ("--server", watch.server)
        line = ("fhir", "watch", watch.model, *where, "--every", watch.every, *place)
        parts.append(Part(name=f"fhir {watch.model}", arguments=line))
    for one in house.monitor:
        what = () if one.data is None else ("--data", one.data)
        line = ("monitor", one.model, *what, *place)
        every = parse_duration(one.every).total_seconds()
        parts.append(Part(name=f"monitor {one.model}", arguments=line, every=every))
    return parts


def check_house(house: House, platform: Platform) -> None:
    """Refuse what could not run, before anything is started.

    Raises:
        Refused: no version is released, or a bundle is not intact.
        Unavailable: the port is taken.
        Invalid, NotFound: a source, a server, a version or data are not as they must be.
    """
    for release in released_of(platform):
        open_bundle(platform, platform.registry.get(release.version))
    reserve("127.0.0.1", house.serve.port).close()
    if house.hl7 is not None:
        source = load_source(source_of(house.hl7.source))
        if house.hl7.answer:
            check_answering(platform, source)
    for watch in house.fhir:
        platform.registry.get(watch.model)
        fhir_settings(watch.server)
    for one in house.monitor:
        platform.registry.get(one.model)
        if one.data is not None and not Path(one.data).exists():
            raise Invalid(
                f"The data of the monitor of {one.model} are not there.",
                fix="name a file or a folder that exists.",
                code="up_file",
            )


@dataclass(slots=True)
class _Place:
    """Of one part: the process that fills it now, and when it is to be started next."""

    part: Part
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    next_start: float = 0.0
    starts: int = 0
    short_lives: int = 0
    last_status: int | None = field(default=None)


class Roof:
    """Keeps the parts of a house running, in one group of processes, until told to stop.

    A part that ends is started again, at once after a long life, else after a pause that doubles
    up to `longest`. What is to run again every so often waits that long, however it ended.

    Args:
        parts: What runs.
        changed: Called with the rows of the table whenever something has changed.
        ended: Called with the name and the status of a part that ended unasked.
        long_life: Seconds.
        longest: Seconds.
        drain: Seconds that a part may take to end.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        *,
        changed: Callable[[list[dict[str, object]]], None] = lambda _rows: None,
        ended: Callable[[str, int], None] = lambda _name, _status: None,
        long_life: float = 30.0,
        longest: float = 30.0,
        drain: float = 30.0,
    ) -> None:
        self._places = [_Place(part) for part in parts]
        self._changed, self._ended = changed, ended
        self._long_life, self._longest, self._drain_seconds = long_life, longest, drain
        self._stopping = False

    def run(self) -> None:
        """Keep every part running until a signal says stop; then let all of them end in order."""
        with self._signals():
            try:
                while not self._stopping:
                    moved = [self._look_after(place) for place in self._places]
                    if any(moved):
                        self._changed(self.rows())
                    time.sleep(0.2)
            finally:
                self._drain()

    def stop(self) -> None:
        """End soon."""
        self._stopping = True

    def rows(self) -> list[dict[str, object]]:
        """What runs where: part, state, process, starts, the last exit status."""
        return [
            {
                "part": place.part.name,
                "state": "running" if place.process is not None else "waiting",
                "process": None if place.process is None else place.process.pid,
                "starts": place.starts,
                "last_status": place.last_status,
                "command": " ".join(("bedside", *place.part.arguments)),
            }
            for place in self._places
        ]

    def _look_after(self, place: _Place) -> bool:
        """Start what is due, and note what has ended; whether anything has changed."""
        now, process = time.monotonic(), place.process
        if process is None:
            if now < place.next_start:
                return False
            line = [sys.executable, "-c", _COMMAND, *place.part.arguments]
            place.process = subprocess.Popen(line, stdin=subprocess.DEVNULL)  # noqa: S603
            place.started, place.starts = now, place.starts + 1
            return True
        status = process.poll()
        if status is None:
            return False
        place.process, place.last_status = None, status
        if place.part.every is not None:
            place.next_start = place.started + place.part.every
        else:
            lived = now - place.started >= self._long_life
            place.short_lives = 0 if lived else place.short_lives + 1
            pause = 0.0 if lived else min(self._longest, 0.5 * 2**place.short_lives)
            place.next_start = now + pause
        if place.part.every is None or status != 0:
            _LOG.error("%s ended (status %d)", place.part.name, status)
            self._ended(place.part.name, status)
        return True

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        before = {each: signal.signal(each, lambda *_: self.stop()) for each in _STOP}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    def _drain(self) -> None:
        """Tell every part to finish what is under way, and kill whoever takes too long."""
        running = [one.process for one in self._places if one.process is not None]
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGTERM)
        until = time.monotonic() + self._drain_seconds
        for process in running:
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

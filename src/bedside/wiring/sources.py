"""Where a declared source gets its data: a folder, a FHIR server, a database, a listener."""

import asyncio
import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bedside.core.errors import Invalid
from bedside.core.ports import FhirSource
from bedside.core.records.collection import Collection
from bedside.core.records.conversion import BadRecord
from bedside.core.records.mllp import MllpOptions
from bedside.data.collect.facts import Part
from bedside.data.collect.formats.registry import reader_of
from bedside.data.collect.incoming import Incoming
from bedside.data.collect.parts import SourceFiles
from bedside.lifecycle.collect import Collected, collect, load_source
from bedside.lifecycle.package import load_declaration
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.quality import Judged, judged_source, prepared_source
from bedside.usecases import source_of
from bedside.wiring.settings import Settings, settings_of

__all__ = ["collect_for", "collect_source", "incoming_of", "journal_folder", "listen"]
__all__ += ["tells_size_of"]


def collect_source(
    platform: Platform,
    source: Collection,
    data: Path | None,
    tell: Callable[[Collected, Judged], None],
) -> None:
    """Read what is new in a source, judge it, and keep what is fit for learning.

    Args:
        platform: The workspace.
        source: Its declaration.
        data: The folder with the data, for a source that declares no other place.
        tell: Is told what came of it before its gates are asked, so that a refusal has its reasons.

    Raises:
        Refused: the data do not keep a gate (code `quality_gate`).
    """
    with incoming_of(platform, source, data) as incoming:
        done = collect(platform, source, incoming)
    judged = judged_source(platform, source)
    tell(done, judged)
    prepared_source(platform, source, judged)


def collect_for(platform: Platform, folder: Path, data: Path | None) -> Path | None:
    """Collect the source of a model, where it has one and its data are given.

    Returns:
        The data that are left for the build itself: those of a model of one wide table.
    """
    declared = load_declaration(folder)[0].data.source
    if not declared or data is None:
        return data

    source = load_source(source_of(declared, beside=folder))
    collect_source(platform, source, data, tells_size_of(platform, declared))
    return None


def tells_size_of(platform: Platform, declared: str) -> Callable[[Collected, Judged], None]:
    """Tells how much of a source, by its declared name, is collected."""

    def tell(done: Collected, _: Judged) -> None:
        entry = done.snapshot.entry
        platform.progress.note(
            f"{declared}: {entry.rows:,} events of {entry.subjects:,} subjects are collected."
        )

    return tell


@contextmanager
def incoming_of(platform: Platform, source: Collection, data: Path | None) -> Iterator[Incoming]:
    """What is to be collected: the folder where one is given, or else what the source declares.

    Raises:
        Invalid: no folder is given and the source declares nothing else, or a setting is missing.
        Refused, Unavailable: the server or the database does not let us in, or is out of reach.
    """
    settings = settings_of(platform.folder)
    if data is not None:
        reader = reader_of(source.format)
        with SourceFiles(data, source.files, reader.passive) as files:
            yield files
    elif source.server is not None:
        from bedside.data.adapters.fhir_server import FhirServer  # noqa: PLC0415

        key = _private_key(source, settings)
        note = platform.progress.note
        with FhirServer(source.server, private_key=key, clock=platform.clock, tell=note) as server:
            yield Landing(platform, source, server)
    elif source.database:
        from bedside.data.adapters.omop_database import OmopDatabase  # noqa: PLC0415

        if settings.source_database is None:
            raise Invalid(
                "The URL of the source's database is not set.",
                fix="put it into the environment variable BEDSIDE_SOURCE_DATABASE.",
            )
        with OmopDatabase(settings.source_database) as database:
            yield FromDatabase(database)
    elif source.format == "hl7v2" and journal_folder(platform, source).is_dir():
        yield FromListener(platform, journal_folder(platform, source))
    else:
        raise Invalid(
            f"Where the data of '{source.name}' lie is not said.",
            fix="give their folder with --data.",
            code="no_data",
        )


def _private_key(source: Collection, settings: Settings) -> bytes | None:
    assert source.server is not None  # noqa: S101 - asked only for a server
    if source.server.client_id is None:
        return None
    if settings.fhir_key is None:
        raise Invalid(
            "The private key for the FHIR server is not set.",
            fix="put the path of its PEM or JWK file into BEDSIDE_FHIR_KEY.",
        )
    try:
        return Path(settings.fhir_key).read_bytes()
    except OSError as error:
        raise Invalid(
            f"The private key for the FHIR server cannot be read ({type(error).__name__}).",
            fix="correct the path in BEDSIDE_FHIR_KEY, and its permissions.",
        ) from None


@dataclass
class Landing:
    """What a FHIR server gives, each part kept durably before the next one is asked for.

    A killed process finds what had landed, and the export goes on after it.
    """

    platform: Platform
    source: Collection
    server: FhirSource
    bad: list[BadRecord] = field(default_factory=list)

    @property
    def _place(self) -> Path:
        return self.platform.folder / "landing" / f"{self.source.name}.json"

    def load(self) -> dict[str, Any] | None:
        """The server's own note (`ExportState`), or None."""
        state = self._state()["server"]
        return None if state is None else dict(state)

    def save(self, state: dict[str, Any]) -> None:
        """Keep the server's own note (`ExportState`)."""
        self._write({**self._state(), "server": state})

    def parts(self, split: str) -> Iterator[Part]:
        """What had landed before, then what the server gives."""
        raw = self.platform.store.raw
        landed: dict[str, str] = self._state()["landed"]
        for name, digest in landed.items():
            yield Part(name=name, content=raw.get(digest))
        assert self.source.server is not None  # noqa: S101 - made only for a server
        searches = self.source.server.mode == "search"
        given = self.server.search() if searches else self.server.export(self)
        for part in given:
            name = part.name if part.kind == "resources" else f"{part.kind}.{part.name}"
            state = self._state()
            state["landed"][name] = raw.put(part.content)
            self._write(state)
            yield Part(name=name, content=part.content)

    def beside(self, name: str) -> bytes | None:
        """A server has no files beside."""
        return None

    def fingerprint(self) -> str:
        """Nothing lies beside."""
        return ""

    def kept(self) -> None:
        """What had landed is part of the data set now."""
        self._write({**self._state(), "landed": {}})

    def _state(self) -> dict[str, Any]:
        if self._place.is_file():
            digest = self._place.read_text()
            if self.platform.objects.has(digest):
                found: dict[str, Any] = json.loads(self.platform.objects.get(digest))
                return found
        return {"server": None, "landed": {}}

    def _write(self, state: dict[str, Any]) -> None:
        digest = self.platform.objects.put(json.dumps(state, sort_keys=True).encode())
        self.platform.write(self._place, digest.encode())


@dataclass
class FromDatabase:
    """The tables of a database in the OMOP CDM."""

    database: Any
    bad: list[BadRecord] = field(default_factory=list)

    def parts(self, split: str) -> Iterator[Part]:
        """Every clinical table, in pieces."""
        parts: Iterator[Part] = self.database.parts()
        return parts

    def beside(self, name: str) -> bytes | None:
        """The concepts."""
        found: bytes | None = self.database.beside(name)
        return found

    def fingerprint(self) -> str:
        """The concepts are read anew each time."""
        return ""

    def kept(self) -> None:
        """The database stays as it is."""


@dataclass
class FromListener:
    """The messages that a listener received, which leave its journal once kept, and answered."""

    platform: Platform
    folder: Path
    bad: list[BadRecord] = field(default_factory=list)
    _complete: list[tuple[str, int]] = field(default_factory=list)

    def parts(self, split: str) -> Iterator[Part]:
        """The journal's files, oldest first."""
        from bedside.data.adapters.mllp.journal import journal_parts  # noqa: PLC0415

        for given in journal_parts(self.folder, self.platform.store.data_keys, unfinished=True):
            if given.complete:
                self._complete.append((given.file, given.first + given.messages))
            yield given.part

    def beside(self, name: str) -> bytes | None:
        """A journal has nothing beside."""
        return None

    def fingerprint(self) -> str:
        """Nothing lies beside."""
        return ""

    def kept(self) -> None:
        """Remove the files whose messages are in the data set, and wait for no answer any more."""
        from bedside.data.adapters.mllp.journal import forget  # noqa: PLC0415
        from bedside.wiring.hl7v2 import answered_up_to  # noqa: PLC0415

        reached = answered_up_to(self.platform, self.folder.name)
        done = [name for name, after in self._complete if reached is None or after <= reached]
        forget(self.folder, self.platform.store.data_keys, done)


def journal_folder(platform: Platform, source: Collection) -> Path:
    """Where the messages that are received for a source lie until they are collected."""
    return platform.folder / "journal" / source.name


def listen(platform: Platform, source: Collection, started: Callable[[str, int], None]) -> Any:
    """Receive HL7 v2 messages until the process is told to stop; return what was done.

    Args:
        platform: The workspace, in whose folder the journal lies.
        source: Declares the format `hl7v2`, and `listener` where it is not this machine alone.
        started: Told the address and the port once it listens.

    Raises:
        Invalid: the source is of another format, or a TLS file cannot be read.
        Unavailable: the address is in use, or another process listens for this source.
    """
    from bedside.data.adapters.mllp.journal import Journal  # noqa: PLC0415
    from bedside.data.adapters.mllp.listener import serve  # noqa: PLC0415

    if source.format != "hl7v2":
        raise Invalid(
            "Only a source of the format 'hl7v2' can be listened to.",
            fix="declare format: hl7v2, or collect this one from files.",
        )
    options = source.listener or MllpOptions()

    async def until_stopped() -> Any:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        for one in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(one, stop.set)
        folder = journal_folder(platform, source)
        with Journal(folder, platform.store.data_keys) as journal:
            return await serve(
                options,
                journal,
                clock=platform.clock,
                stop=stop,
                started=lambda port: started(options.host, port),
            )

    platform.ledger.append(
        platform.actor, "listen.start", {"name_of_data": source.name, "pid": os.getpid()}
    )
    counts = asyncio.run(until_stopped())
    platform.ledger.append(platform.actor, "listen.stop", {"name_of_data": source.name})
    return counts

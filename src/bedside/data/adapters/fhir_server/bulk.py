"""Bulk Data export: let the server write its files, wait, read them, and tidy up after."""

import re
from collections.abc import Callable, Generator, Iterator
from datetime import UTC
from http import HTTPStatus
from urllib.parse import urlencode

import msgspec

from bedside.core.clock import parse_instant
from bedside.core.errors import BedsideError, Invalid, Refused, Unavailable
from bedside.core.records.fhir_export import FhirServerOptions, ReceivedPart
from bedside.core.web_address import WebAddress
from bedside.data.adapters.fhir_server.answers import File, Manifest, read_manifest
from bedside.data.adapters.fhir_server.files import FileGone, FileReader
from bedside.data.adapters.fhir_server.job import Job, JobNote, question_of
from bedside.data.adapters.fhir_server.wire import Answer, Bearer, Wire, failure

__all__ = ["BulkExport"]

_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_SHORTEST, _LONGEST = 0.1, 60.0  # seconds between two looks at the status, unless the server says
_SLOWER = 1.5
_PERCENT = re.compile(r"\b([0-9]{1,3})(?:\.[0-9]+)? ?%")
_STATUS = "The address of the export's status"
_MANIFESTS = 10_000


class BulkExport:
    """One export, from the kick-off to the removal of the job.

    Args:
        wire: The connections to the server.
        bearer: What lets us in, if anything must.
        note: The note of how far it has come.
        tell: Takes one line of plain words.

    Source: FHIR Bulk Data Access 2.0 and 3.0.
    """

    def __init__(
        self, wire: Wire, bearer: Bearer | None, note: JobNote, tell: Callable[[str], None]
    ) -> None:
        self._wire, self._bearer, self._note, self._tell = wire, bearer, note, tell
        self._options = wire.options

    def parts(self) -> Iterator[ReceivedPart]:
        """Every part; see the port."""
        job = self._begun()
        try:
            job = yield from self._read(job)
        except _Expired:
            self._tell(
                "The export has expired on the server before all of it was read. A new one starts, "
                "and all of its files are read again."
            )
            job = self._kicked_off(shown=job.shown)
            try:
                job = yield from self._read(job)
            except _Expired:
                self._note.write(_forgotten(job))
                raise _expired_again() from None
        self._remove(job)
        shown = job.manifest.transaction_time if job.manifest else job.shown
        self._note.write(Job(question=job.question, shown=shown))

    def _begun(self) -> Job:
        """The job that was noted, if it is ours and runs; else a new one."""
        job, question = self._note.read(), question_of(self._options)
        if job is None:
            return self._kicked_off(shown=None)
        if job.question != question:
            if job.status_url is not None:
                self._tell("What is asked of the server has changed; its earlier export is left.")
                self._remove(job)
            return self._kicked_off(shown=None)
        if job.status_url is None:
            return self._kicked_off(shown=job.shown)
        self._tell("The export that was begun earlier goes on.")
        return job

    def _read(self, job: Job) -> Generator[ReceivedPart, None, Job]:
        """Every part of the files that are not kept yet; returns the job with all of them done."""
        if job.manifest is None:
            manifest = self._awaited(self._status_address(job))
            job = self._note.write(msgspec.structs.replace(job, manifest=manifest))
        else:
            manifest = job.manifest
        reader = FileReader(self._wire, self._bearer if manifest.needs_token else None)
        for place, file in enumerate(manifest.files):
            if place in job.done:
                continue
            try:
                for number, content in enumerate(reader.parts(file)):
                    yield _part(file, place, number, content)
            except FileGone:
                raise _Expired from None
            # The caller has asked for more, so what came before is kept.
            done = [*job.done, place]
            job = self._note.write(msgspec.structs.replace(job, done=done))
        return job

    def _kicked_off(self, *, shown: str | None) -> Job:
        address = self._kick_off_address(shown)
        answer = self._wire.ask(
            "GET", address, bearer=self._bearer, headers={"Prefer": "respond-async"}
        )
        if answer.status in {HTTPStatus.NOT_FOUND, HTTPStatus.NOT_IMPLEMENTED}:
            raise Invalid(
                f"The FHIR server has no export at the level '{self._options.level}' "
                f"(HTTP {answer.status}).",
                fix="declare another level, or search instead of an export.",
                code="no_export",
            )
        where = answer.headers.get("Content-Location", "")
        if answer.status != HTTPStatus.ACCEPTED:
            raise failure(answer, "an export")
        if not where:
            raise Invalid(
                "The FHIR server started an export and does not tell where its status is.",
                fix="ask whoever runs the server: Content-Location is missing.",
                code="answer_unreadable",
            )
        status = self._wire.allowed(address.join(where, what=_STATUS), _STATUS)
        self._tell("The server has started an export.")
        question = question_of(self._options)
        return self._note.write(Job(question=question, status_url=status.url, shown=shown))

    def _kick_off_address(self, shown: str | None) -> WebAddress:
        path = {
            "system": "$export",
            "patient": "Patient/$export",
            "group": f"Group/{self._options.group}/$export",
        }[self._options.level]
        return self._wire.below_base(path, urlencode(_asked(self._options, shown)))

    def _awaited(self, status: WebAddress) -> Manifest:
        """The manifest, once the export is ready."""
        patience = self._wire.patience()
        pause, told = 1.0, None
        while True:
            answer = self._wire.ask("GET", status, bearer=self._bearer, accept="application/json")
            if answer.status == HTTPStatus.OK:
                return self._with_following(read_manifest(answer.content), status)
            if answer.status in _GONE:
                raise _Expired
            if answer.status != HTTPStatus.ACCEPTED:
                raise self._failed(answer)
            if (percent := _percent(answer)) not in {None, told}:
                told = percent
                self._tell(f"The server says that {percent}% of the export is done.")
            asked = self._wire.asked_wait(answer)
            if not patience.wait(max(_SHORTEST, pause if asked is None else asked)):
                raise _slow()
            pause = min(pause * _SLOWER, _LONGEST)

    def _with_following(self, first: Manifest, status: WebAddress) -> Manifest:
        """The manifest with the files of those that it links to, where a server splits it."""
        files, following, seen = list(first.files), first.following, {status.url}
        here, what = status, "A link to more exported files"
        while following is not None:
            here = self._wire.allowed(here.join(following, what=what), what)
            if here.url in seen or len(seen) >= _MANIFESTS:
                raise Refused(
                    "The server's lists of exported files lead in a circle.",
                    fix="ask whoever runs the server.",
                    code="link_loop",
                )
            seen.add(here.url)
            answer = self._wire.ask("GET", here, bearer=self._bearer, accept="application/json")
            if answer.status != HTTPStatus.OK:
                raise failure(answer, "the list of exported files")
            more = read_manifest(answer.content)
            files, following = files + more.files, more.following
        return msgspec.structs.replace(first, files=files, following=None)

    def _failed(self, answer: Answer) -> BedsideError:
        """Why there will be no manifest; a job that failed for good is forgotten."""
        if answer.status != HTTPStatus.INTERNAL_SERVER_ERROR:
            return failure(answer, "the export's status")
        job = self._note.read()
        if job is not None:
            self._remove(job)
            self._note.write(_forgotten(job))
        return Unavailable(
            "The export failed on the server (HTTP 500).",
            fix="collect again: that starts a new export; or ask for fewer types.",
            code="export_failed",
        )

    def _remove(self, job: Job) -> None:
        """Let the server drop its files. If it does not, they run out by themselves."""
        try:
            answer = self._wire.ask("DELETE", self._status_address(job), bearer=self._bearer)
        except BedsideError:
            self._tell("The server could not be asked to remove its exported files.")
            return
        if answer.status >= HTTPStatus.BAD_REQUEST and answer.status not in _GONE:
            self._tell("The server did not remove its exported files.")

    def _status_address(self, job: Job) -> WebAddress:
        return self._wire.allowed(WebAddress.read(job.status_url or "", what=_STATUS), _STATUS)


class _Expired(Exception):
    """The server has dropped the job or one of its files."""


def _asked(options: FhirServerOptions, shown: str | None) -> list[tuple[str, str]]:
    """The parameters of the kick-off."""
    since = shown if options.incremental and shown is not None else options.since
    asked = [("_outputFormat", options.output_format)]
    if options.types:
        asked.append(("_type", ",".join(options.types)))
    if since is not None:
        moment = parse_instant(since).astimezone(UTC).isoformat(timespec="milliseconds")
        asked.append(("_since", moment.replace("+00:00", "Z")))
    return asked + [("_typeFilter", text) for text in options.filters]


def _part(file: File, place: int, number: int, content: bytes) -> ReceivedPart:
    names = {"deleted": "deleted", "errors": "errors"}
    name = f"{names.get(file.kind, file.type)}.{place:03d}.{number:03d}.ndjson"
    if file.kind == "deleted":
        return ReceivedPart(name=name, content=content, kind="deleted")
    if file.kind == "errors":
        return ReceivedPart(name=name, content=content, kind="errors")
    return ReceivedPart(name=name, content=content, kind="resources")


def _percent(answer: Answer) -> str | None:
    """How far the server says it is. Its other words are a stranger's, and are not passed on."""
    found = _PERCENT.search(answer.headers.get("X-Progress", "")[:200])
    return found[1] if found else None


def _forgotten(job: Job) -> Job:
    return Job(question=job.question, shown=job.shown)


def _slow() -> Unavailable:
    return Unavailable(
        "The export is not ready within the time declared.",
        fix="collect again later: it goes on where it is; or raise wait_seconds.",
        code="export_slow",
    )


def _expired_again() -> Unavailable:
    return Unavailable(
        "The export expired on the server twice before all of it was read.",
        fix="ask whoever runs the server to keep exports longer, or ask for fewer types.",
        code="export_expired",
    )

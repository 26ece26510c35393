"""Reads one exported file as parts, whole or not at all, however often the connection breaks."""

from collections.abc import Iterator
from http import HTTPStatus

from bedside.core.errors import BedsideError, Refused, Unavailable
from bedside.core.ids import digest_bytes
from bedside.core.web_address import WebAddress
from bedside.data.adapters.fhir_server.answers import File
from bedside.data.adapters.fhir_server.lines import Lines
from bedside.data.adapters.fhir_server.wire import (
    AGAIN,
    Answer,
    Bearer,
    Broken,
    Wire,
    failure,
    unreachable,
)

__all__ = ["FileGone", "FileReader"]

_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_WHAT = "An exported file"


class FileGone(Exception):
    """The server no longer has the file: its export has expired."""


class FileReader:
    """Reads the files of one export.

    Args:
        wire: The connections to the server.
        bearer: What lets us in, for the files that need it.
    """

    def __init__(self, wire: Wire, bearer: Bearer | None) -> None:
        self._wire, self._bearer = wire, bearer
        self.total = 0  # bytes of the files read so far

    def parts(self, file: File) -> Iterator[bytes]:
        """The file in parts that end at a line's end, the last one only when all has come.

        A file that broke off is read again from its beginning; parts that were given out are
        compared, not given again.

        Raises:
            FileGone: the server no longer has it.
            Refused: it lies elsewhere than declared, is too large, changes while it is read (code
                `file_changed`), or we may not have it.
            Invalid: it is not NDJSON.
            Unavailable: it cannot be had whole now (codes `file_incomplete`, `server_unreachable`,
                `server_busy`).
        """
        address = self._wire.allowed(WebAddress.read(file.url, what=_WHAT), _WHAT)
        given: list[str] = []
        patience = self._wire.patience()
        renewed = False
        while True:
            answer: Answer | None = None
            error: BedsideError
            asked: float | None = None
            try:
                with self._wire.open(
                    "GET", address, bearer=self._bearer, accept="application/fhir+ndjson"
                ) as response:
                    if response.status_code == HTTPStatus.OK:
                        yield from self._new(file, self._wire.body(response), given)
                        return
                    answer = self._wire.answer(response)
            except Broken:
                error = unreachable(address.host)
            except _Incomplete:
                error = _incomplete(file)
            if answer is not None:
                if answer.status == HTTPStatus.UNAUTHORIZED and self._bearer and not renewed:
                    self._bearer.forget()
                    renewed = True
                    continue
                if answer.status in _GONE or (
                    answer.status == HTTPStatus.FORBIDDEN and self._bearer is None
                ):
                    raise FileGone  # a signed address that has run out is answered with 403
                if answer.status not in AGAIN:
                    raise failure(answer, "an exported file")
                asked, error = self._wire.asked_wait(answer), failure(answer, "an exported file")
            if not patience.may_go_on(asked):
                raise error

    def _new(self, file: File, chunks: Iterator[bytes], given: list[str]) -> Iterator[bytes]:
        """The parts of one attempt that were not given out before; `given` grows with them."""
        options = self._wire.options
        lines = Lines(options.part_bytes, f"{_WHAT} of {file.type}")
        for place, part in enumerate(self._whole(file, lines, chunks)):
            digest = digest_bytes(part)
            if place >= len(given):
                given.append(digest)
                yield part
            elif given[place] != digest:
                raise _changed(file)
        self.total += lines.total

    def _whole(self, file: File, lines: Lines, chunks: Iterator[bytes]) -> Iterator[bytes]:
        options = self._wire.options
        most = min(options.file_bytes, max(0, options.total_bytes - self.total))
        yield from lines.parts(chunks, most=most)
        try:
            last = lines.last()
        except ValueError:
            raise _Incomplete from None
        if file.count is not None and lines.count < file.count:
            raise _Incomplete
        if last is not None:
            yield last


class _Incomplete(Exception):
    """All came that was announced, and yet lines are missing."""


def _incomplete(file: File) -> Unavailable:
    return Unavailable(
        f"{_WHAT} of {file.type} has fewer lines than the server counts, or a cut one.",
        fix="collect again; if it stays so, ask whoever runs the server.",
        code="file_incomplete",
    )


def _changed(file: File) -> Refused:
    return Refused(
        f"{_WHAT} of {file.type} changed while it was read.",
        fix="ask whoever runs the server: a finished export must stay as it is.",
        code="file_changed",
    )

"""The client of a replay: which server it may call, the token, and connections that are kept."""

import http.client
import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from bedside.core.errors import Invalid, NotFound, Refused
from bedside.core.web_address import WebAddress
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.replay import Ask, Replaying, questions_of, replay
from bedside.lifecycle.replay_tally import Heard, Replayed, heard

__all__ = ["REPLAY_VARIABLES", "ReplayServer", "replay_on", "replay_server"]

REPLAY_VARIABLES = {
    "BEDSIDE_REPLAY_SERVER": "the one server beyond this machine that a replay may call, by https",
    "BEDSIDE_REPLAY_TOKEN": "the token for the server, where no --token-file is given",
}
"""Every variable of a replay."""

SECONDS = 30.0  # that a request may take
LARGEST = 4 << 20  # bytes of an answer


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayServer:
    """Where questions are sent, and the token that opens it."""

    address: WebAddress
    token: str = field(repr=False)


def replay_server(
    server: str, token_file: Path | None, environment: Mapping[str, str] = os.environ
) -> ReplayServer:
    """The server of a replay.

    Args:
        server: Its address.
        token_file: Holds the token; None: the environment does.
        environment: Where the variables stand.

    Raises:
        Invalid: the address is no https URL (http on this machine), or there is no token.
        Refused: it is beyond this machine and not the configured one (`server_not_allowed`).
    """
    address = WebAddress.read(server, what="The address of the server")
    allowed = environment.get("BEDSIDE_REPLAY_SERVER")
    if not address.is_loopback and server.rstrip("/") != (allowed or "").rstrip("/"):
        raise Refused(
            "A replay sends patients' data, and this server is beyond this machine.",
            fix="set BEDSIDE_REPLAY_SERVER to its address, if they may go there.",
            code="server_not_allowed",
        )
    return ReplayServer(address=address, token=_token(token_file, environment))


def replay_on(
    platform: Platform, server: ReplayServer, model: str, data: Path | None, replaying: Replaying
) -> Replayed:
    """Replay a data set on a server.

    Raises:
        NotFound: there is no such model here or there.
        Refused: the token does not open the server.
        Unavailable: nobody answers there.
        Invalid: the data cannot be read.
    """
    platform.progress.note("Reading the data, and when the question is asked in them.")
    questions = questions_of(platform, model, data, replaying)
    count = questions.moments.height
    platform.progress.note(f"{count:,} questions about {questions.subjects:,} patients.")
    path = f"/v2/models/{quote(questions.version.name, safe='')}/infer"

    @contextmanager
    def connect() -> Iterator[Ask]:
        client = _Client(server, path)
        try:
            yield client.ask
        finally:
            client.close()

    return replay(platform, questions, replaying, connect)


class _Client:
    """One connection, kept open; no redirect is followed and no proxy asked."""

    def __init__(self, server: ReplayServer, path: str) -> None:
        address = server.address
        self._connection: http.client.HTTPConnection
        if address.scheme == "https":
            self._connection = http.client.HTTPSConnection(
                address.host, address.port, timeout=SECONDS, context=ssl.create_default_context()
            )
        else:
            self._connection = http.client.HTTPConnection(
                address.host, address.port, timeout=SECONDS
            )
        self._path = path
        self._headers = {
            "Authorization": f"Bearer {server.token}",
            "Content-Type": "application/json",
        }

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def ask(self, body: bytes) -> Heard | None:
        """Send one question; None where the connection broke.

        Raises:
            Refused, NotFound, Invalid: no question at all is taken here.
        """
        try:
            self._connection.request("POST", self._path, body, self._headers)
            with self._connection.getresponse() as response:
                content, status = response.read(LARGEST), response.status
                wait = response.getheader("retry-after", "")
                if response.length and len(content) < LARGEST:
                    raise http.client.IncompleteRead(content, response.length)
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return None
        _taken(status)
        return heard(status, content, float(wait) if wait.isdecimal() else None)


def _taken(status: int) -> None:
    """Refuse to go on where the server takes nothing of what we send."""
    if status in (401, 403):
        raise Refused(
            "The server does not let us in.",
            fix="give the token that it told at its first run, with --token-file.",
            code="unauthorized",
        )
    if status == 404:
        raise NotFound(
            "The server does not serve this model.",
            fix="release a version there, or name another server with --server.",
        )


def _token(token_file: Path | None, environment: Mapping[str, str]) -> str:
    if token_file is not None:
        try:
            token = token_file.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Invalid(
                f"The token file cannot be read ({type(error).__name__}).",
                fix="give a file that holds the token alone.",
                code="token",
            ) from None
    else:
        token = environment.get("BEDSIDE_REPLAY_TOKEN", "").strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise Invalid(
            "There is no token for the server.",
            fix="put it into a file and give --token-file, or set BEDSIDE_REPLAY_TOKEN.",
            code="token",
        )
    return token

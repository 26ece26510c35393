"""A real HTTP server on loopback that takes alarms, or is slow, fails, sends elsewhere."""

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

__all__ = ["Receiver", "Request", "a_receiver"]


class Request(NamedTuple):
    """What was posted."""

    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """The server; `status` is what it answers, after `seconds`."""

    def __init__(self, port: int = 0, certificate: tuple[Path, Path] | None = None) -> None:
        self.got: list[Request] = []
        self.status, self.seconds, self.location = 204, 0.0, ""
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.scheme = "http"
        if certificate is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(*certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self.scheme = "https"

    @property
    def url(self) -> str:
        """Where it takes messages."""
        return f"{self.scheme}://127.0.0.1:{self.port}/alarms"

    def start(self) -> None:
        """Answer in another thread."""
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Answer no more; nothing listens."""
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                names = {name.lower(): value for name, value in self.headers.items()}
                receiver.got.append(Request(self.path, names, body))
                time.sleep(receiver.seconds)
                self.send_response(receiver.status)
                if receiver.location:
                    self.send_header("Location", receiver.location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self) -> None:
                receiver.got.append(Request(f"GET {self.path}", {}, b""))
                self.send_error(405)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


@contextmanager
def a_receiver(port: int = 0, certificate: tuple[Path, Path] | None = None) -> Iterator[Receiver]:
    """A server that answers while the block runs."""
    made = Receiver(port, certificate)
    made.start()
    try:
        yield made
    finally:
        made.stop()

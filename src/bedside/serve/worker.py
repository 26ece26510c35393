"""One server process under a supervisor: it listens when it can answer, and ends in good order."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable

import uvicorn

from bedside.serve.supervisor import PULSE, READY

__all__ = ["EXIT_STUCK", "end_stuck", "end_when_stuck", "listening", "run_worker"]

EXIT_STUCK = 70
"""The exit status of a worker whose threads hang."""
PULSE_SECONDS = 0.5
LAST_SECONDS = 5.0
"""How long a process whose threads hang may take to finish what still can be."""


def listening(host: str, port: int) -> socket.socket:
    """A socket of this process alone on a port that several processes share."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    own = socket.socket(family, socket.SOCK_STREAM)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    own.bind((host, port))
    return own


def run_worker(
    server: uvicorn.Server,
    own: socket.socket,
    line: socket.socket,
    *,
    finish: Callable[[], None],
    begin: Callable[[asyncio.AbstractEventLoop], None] = lambda _: None,
) -> None:
    """Serve until told to stop, or until the supervisor is gone.

    Args:
        server: Not yet running.
        own: Where it listens.
        line: To the supervisor.
        finish: Called when every request has been answered, and the loop is closed.
        begin: Called with the loop, before it runs.
    """
    for each in (signal.SIGTERM, signal.SIGINT):  # uvicorn raises them again at its end
        signal.signal(each, lambda *_: None)
    line.setblocking(False)
    with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
        begin(runner.get_loop())
        runner.run(_served(server, own, line))
    finish()


def end_when_stuck(stuck: threading.Event, server: uvicorn.Server) -> None:
    """Stop taking requests, and end whatever happens: hung threads let no process end in order."""
    stuck.wait()
    server.should_exit = True
    time.sleep(LAST_SECONDS)
    end_stuck()


def end_stuck() -> None:
    """End this process at once, with `EXIT_STUCK`."""
    sys.stderr.flush()
    os._exit(EXIT_STUCK)


async def _served(server: uvicorn.Server, own: socket.socket, line: socket.socket) -> None:
    pulse = asyncio.create_task(_pulse(server, line))
    try:
        await server.serve(sockets=[own])
    finally:
        pulse.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await pulse


async def _pulse(server: uvicorn.Server, line: socket.socket) -> None:
    """Tell the supervisor that this loop turns; end when there is no supervisor any more."""
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()
    loop.add_reader(line, gone.set)
    try:
        while not server.started:
            await asyncio.sleep(0.01)
        _say(line, READY)
        while True:
            _say(line, PULSE)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PULSE_SECONDS):
                    await gone.wait()
                server.should_exit = True
                return
    finally:
        loop.remove_reader(line)


def _say(line: socket.socket, what: bytes) -> None:
    with contextlib.suppress(OSError):
        os.write(line.fileno(), what)

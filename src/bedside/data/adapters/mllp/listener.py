"""Receives HL7 v2 messages by MLLP; many senders' messages share one synchronised write.

While one write is under way, the next messages gather; nobody waits for a timer. An answer goes
out after its message is durable, never before: AA for a message, AE or AR for what is none, which
is kept all the same. Where a message could not be kept, its sender is told AE and may send it
again. Answers keep the order of their connection.
"""

import asyncio
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from os import urandom
from typing import NamedTuple, cast

from bedside.core.clock import Clock
from bedside.core.errors import BedsideError, Invalid, Unavailable
from bedside.core.records.mllp import MllpCounts, MllpOptions
from bedside.data.adapters.mllp.journal import Journal
from bedside.interop.hl7v2.answering import ERRORS, acknowledgement, verdict_on
from bedside.interop.hl7v2.framing import Frames, framed
from bedside.interop.hl7v2.message import Header

__all__ = ["serve"]

TOGETHER = 512  # messages in one write
TOGETHER_BYTES = 4 << 20
IN_FLIGHT = 64  # messages of one connection that wait for their answers
MOST_NOISE = 4096  # bytes outside frames, then it is no MLLP
SWEEP_SECONDS = 0.5


class _Received(NamedTuple):
    connection: "_Connection"
    message: bytes | None  # None: it is too large to keep
    header: Header | None
    fault: str | None


class _Connection(asyncio.Protocol):
    """One sender."""

    def __init__(self, listener: "_Listener") -> None:
        self._listener = listener
        self._frames = Frames(listener.options.largest_message)
        self._transport: asyncio.Transport | None = None
        self._held = self._choked = self._over = self._refused = False
        self.in_flight = 0
        self.began: float | None = None
        self.heard = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let it in, if there is room."""
        self._transport = cast("asyncio.Transport", transport)
        self.heard = self._listener.loop.time()
        if not self._listener.let_in(self):
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it; what it sent and was not answered is kept all the same."""
        self._over = True
        self._listener.left(self)

    def data_received(self, data: bytes) -> None:
        """Hand every message that is complete to the listener."""
        now = self._listener.loop.time()
        self.heard = now
        messages = self._frames.feed(data)
        if self._frames.noise > MOST_NOISE:
            self.cut_off()
            return
        for message in messages:
            header, error = verdict_on(message)
            fault = None if error is None else error.code
            self.in_flight += 1
            self._listener.submit(_Received(self, message, header, fault))
        if self._frames.is_over and not self._refused:
            self._refused = True
            self.in_flight += 1
            self._listener.submit(_Received(self, None, None, "hl7_too_large"))
        if not self._frames.unfinished:
            self.began = None
        elif messages or self.began is None:
            self.began = now
        self._pause_or_resume()

    def pause_writing(self) -> None:
        """It does not take its answers: read no more of it."""
        self._choked = True
        self._pause_or_resume()

    def resume_writing(self) -> None:
        """It takes them again."""
        self._choked = False
        self._pause_or_resume()

    def answer(self, content: bytes, *, last: bool = False) -> None:
        """Send an answer to the oldest message that waits for one."""
        self.in_flight -= 1
        self.heard = self._listener.loop.time()
        if self._over or self._transport is None or self._transport.is_closing():
            return
        self._transport.write(framed(content))
        self._pause_or_resume()
        if last:
            self.close()

    def close(self) -> None:
        """Send what is written, and end."""
        if self._transport is not None and not self._over:
            self._transport.close()

    def cut_off(self) -> None:
        """End at once."""
        self._listener.counts.cut_off += 1
        if self._transport is not None:
            self._transport.abort()

    def is_late(self, now: float) -> bool:
        """Whether it takes too long with a message, or has said nothing for too long."""
        options = self._listener.options
        if self.began is not None and now - self.began > options.message_seconds:
            return True
        return self.in_flight == 0 and now - self.heard > options.idle_seconds

    def _pause_or_resume(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        hold = self._choked or self.in_flight >= IN_FLIGHT
        if hold and not self._held:
            transport.pause_reading()
        elif self._held and not hold:
            transport.resume_reading()
        self._held = hold


class _Listener:
    """What the connections share: the queue of messages, and the one task that writes them."""

    def __init__(
        self,
        options: MllpOptions,
        journal: Journal,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
        kept: Callable[[], None],
    ) -> None:
        self.options, self.loop = options, loop
        self.counts = MllpCounts()
        self._journal, self._clock, self._kept = journal, clock, kept
        self._connections: set[_Connection] = set()
        self._waiting: list[_Received] = []
        self._wake = asyncio.Event()
        self._name, self._answers = urandom(4).hex(), 0
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="mllp-journal")
        self._rotated = loop.time()
        self._stopping = False

    def let_in(self, connection: _Connection) -> bool:
        if len(self._connections) >= self.options.connections:
            self.counts.turned_away += 1
            return False
        self.counts.connections += 1
        self._connections.add(connection)
        return True

    def left(self, connection: _Connection) -> None:
        self._connections.discard(connection)

    def submit(self, received: _Received) -> None:
        self._waiting.append(received)
        self._wake.set()

    def answer_to(self, header: Header | None, fault: str | None) -> bytes:
        self._answers += 1
        control = f"{self._name}{self._answers:010d}"
        known = fault if fault is None or fault in ERRORS else "not_kept"
        return acknowledgement(header, at=self._clock.now(), control=control, fault=known)

    async def write_forever(self) -> None:
        """Write what waits, group by group, until it is stopped and nothing waits."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self._write(self._next_group())
            if self._stopping:
                return

    def _next_group(self) -> list[_Received]:
        size, count = 0, 0
        for one in self._waiting[:TOGETHER]:
            size += len(one.message or b"")
            count += 1
            if size >= TOGETHER_BYTES:
                break
        group, self._waiting = self._waiting[:count], self._waiting[count:]
        return group

    async def _write(self, group: list[_Received]) -> None:
        messages, at = [one.message for one in group if one.message is not None], self._clock.now()
        try:
            await self.loop.run_in_executor(self._writer, self._journal.append, messages, at)
        except BedsideError:
            self.counts.not_kept += len(group)
            for one in group:
                one.connection.answer(self.answer_to(one.header, "not_kept"), last=True)
            return
        self.counts.kept += len(messages)
        for one in group:
            self.counts.refused += one.fault is not None
            answer = self.answer_to(one.header, one.fault)
            one.connection.answer(answer, last=one.message is None)
        self._kept()

    async def sweep_forever(self) -> None:
        """Cut off who is late, and begin a new file of the journal when the old one is old."""
        while True:
            await asyncio.sleep(min(SWEEP_SECONDS, self.options.rotate_seconds))
            now = self.loop.time()
            for connection in [one for one in self._connections if one.is_late(now)]:
                connection.cut_off()
            if self._journal.is_empty:
                self._rotated = now
            elif now - self._rotated >= self.options.rotate_seconds:
                self._rotated = now
                try:
                    await self.loop.run_in_executor(self._writer, self._journal.rotate)
                except BedsideError:  # what is in the file is durable; the next write tells
                    continue

    async def stop(self, writing: "asyncio.Task[None]") -> None:
        """Write and answer what was received, then close every connection."""
        self._stopping = True
        self._wake.set()
        await writing
        for connection in list(self._connections):
            connection.close()
        self._writer.shutdown()


async def serve(
    options: MllpOptions,
    journal: Journal,
    *,
    clock: Clock,
    stop: asyncio.Event,
    started: Callable[[int], None] = lambda port: None,
    kept: Callable[[], None] = lambda: None,
) -> MllpCounts:
    """Receive messages until `stop` is set; return what was done.

    Args:
        options: Where, and within which limits.
        journal: Where messages are kept. It is not closed here.
        clock: For the answers.
        stop: Set it, and what was received until then is still written and answered.
        started: Told the port once it listens.
        kept: Told, on the loop, when messages were kept and answered; it must not wait.

    Raises:
        Invalid: a TLS file cannot be read.
        Unavailable: the address is in use (code `mllp_address`).
    """
    loop = asyncio.get_running_loop()
    listener = _Listener(options, journal, clock, loop, kept)
    context = _tls(options) if options.is_encrypted else None
    try:
        server = await loop.create_server(
            lambda: _Connection(listener),
            options.host,
            options.port,
            ssl=context,
            ssl_handshake_timeout=10 if context else None,
            backlog=128,
        )
    except OSError as error:
        raise Unavailable(
            f"The listener cannot have its address ({type(error).__name__}).",
            fix="stop what listens there, or give another host or port.",
            code="mllp_address",
        ) from None
    writing = asyncio.create_task(listener.write_forever())
    sweeping = asyncio.create_task(listener.sweep_forever())
    waiting = asyncio.create_task(stop.wait())
    try:
        started(int(server.sockets[0].getsockname()[1]))
        await asyncio.wait((waiting, writing), return_when=asyncio.FIRST_COMPLETED)
    finally:
        server.close()
        sweeping.cancel()
        waiting.cancel()
        await listener.stop(writing)
    return listener.counts


def _tls(options: MllpOptions) -> ssl.SSLContext:
    """Both sides show a certificate, in TLS 1.2 or later."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_cert_chain(options.tls_certificate or "", options.tls_key)
        context.load_verify_locations(options.tls_authorities)
    except (OSError, ssl.SSLError) as error:
        raise Invalid(
            f"A TLS file of the listener cannot be read ({type(error).__name__}).",
            fix="give PEM files: certificate, key without a passphrase, and authorities.",
        ) from None
    return context

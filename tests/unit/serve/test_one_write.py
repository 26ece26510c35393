"""A response in one piece says what uvicorn says in two, and leaves the rest to it."""

import asyncio
import contextlib

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bedside.serve.tls import BoundedHttp

JSON = (b"content-type", b"application/json")
ASK = b"%b / HTTP/1.1\r\nHost: x\r\n%b\r\n"


def response(status, headers, *parts):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "http.response.start", "status": status, "headers": [*headers]})
        for at, part in enumerate(parts):
            more = at + 1 < len(parts)
            await send({"type": "http.response.body", "body": part, "more_body": more})

    return app


async def half(scope, receive, send):
    """Begins, and fails before a body."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x", b"y")]})


async def told(app, http, asked):
    """What a real server sends on one connection, and in how many writes."""
    config = uvicorn.Config(
        app, http=http, lifespan="off", log_config=None, ws="none", access_log=False
    )
    server, writes = uvicorn.Server(config), []
    config.load()
    server.lifespan = config.lifespan_class(config)
    loop = asyncio.get_running_loop()

    class Counted(http):
        def connection_made(self, transport):
            super().connection_made(transport)
            written = transport.write
            self.transport = Watched(transport, lambda some: writes.append(some) or written(some))

    made = await loop.create_server(
        lambda: Counted(config=config, server_state=server.server_state, app_state={}),
        "127.0.0.1",
    )
    async with made:
        reader, writer = await asyncio.open_connection(*made.sockets[0].getsockname())
        writer.write(asked)
        some = b""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                some = await reader.read()  # each conversation ends with `Connection: close`
        writer.close()
    return some, len(writes)


class Watched:
    """A transport whose writes are seen."""

    def __init__(self, transport, write):
        self._transport, self.write = transport, write

    def __getattr__(self, name):
        return getattr(self._transport, name)


def as_said(some):
    """Responses in which the order of the headers does not count."""
    heads, found = some.split(b"HTTP/1.1 ")[1:], []
    for one in heads:
        head, _, body = one.partition(b"\r\n\r\n")
        found.append((sorted(head.split(b"\r\n")), body))
    return found


WHOLE = response(200, [JSON, (b"content-length", b"2"), (b"cache-control", b"no-store")], b"{}")
CLOSE = b"Connection: close\r\n"


@pytest.mark.parametrize(
    ("app", "asked", "writes"),
    [
        (WHOLE, ASK % (b"GET", b"") + ASK % (b"GET", CLOSE), 2),
        (response(404, [(b"content-length", b"0")], b""), ASK % (b"GET", CLOSE), 1),
        (response(503, [(b"Retry-After", b"1"), (b"content-length", b"1")], b"x"),
         ASK % (b"GET", CLOSE), 1),
        (WHOLE, ASK % (b"HEAD", CLOSE), 1),
        (WHOLE, ASK.replace(b"1.1", b"1.0") % (b"GET", b""), 1),
        (response(204, [], b""), ASK % (b"GET", CLOSE), 2),
        (response(200, [JSON], b"{}"), ASK % (b"GET", CLOSE), 2),
        (response(200, [JSON, (b"content-length", b"4")], b"{ ", b" }"),
         ASK % (b"GET", CLOSE), 3),
        (response(200, [(b"content-length", b"2"), (b"connection", b"close")], b"{}"),
         ASK % (b"GET", b""), 2),
    ],
)  # fmt: skip
def test_a_response_is_the_same_in_one_piece_as_uvicorn_sends_it_in_two(app, asked, writes):
    ours, count = asyncio.run(told(app, BoundedHttp, asked))
    theirs, _ = asyncio.run(told(app, HttpToolsProtocol, asked))

    assert as_said(ours) == as_said(theirs) != []
    assert count == writes


@pytest.mark.parametrize("name", [b"x", b"x\r\ny"])
def test_a_header_that_could_begin_another_one_goes_nowhere(name):
    wrong = response(200, [(b"content-length", b"2"), (name, b"a\r\nb: c")], b"{}")

    some, writes = asyncio.run(told(wrong, BoundedHttp, ASK % (b"GET", CLOSE)))

    assert (some, writes) == (b"", 0)


def test_a_response_that_ends_before_its_body_is_a_server_error():
    some, _ = asyncio.run(told(half, BoundedHttp, ASK % (b"GET", CLOSE)))

    assert some.startswith(b"HTTP/1.1 500 ")

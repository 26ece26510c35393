"""A message lies in the outbox whatever happens, and goes by mail over TLS alone."""

import asyncio
import contextlib
import json
import ssl
import threading
from dataclasses import replace

import pytest

from bedside.core.clock import SystemClock
from bedside.core.errors import Invalid, Unavailable
from bedside.infra.notifying import MailNotifier, Outbox, TellAll, mail_server_of, notifier_of
from certificates import Authority
from loopback import free_port


class MailServer:
    """A small SMTP server on loopback: what it was told over TLS, and whether over TLS.

    Source: RFC 5321; RFC 3207 (STARTTLS).
    """

    def __init__(self, certificate, *, tls=True):
        self.port, self.got, self.tls = free_port(), [], tls
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(*certificate)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)

    async def _serve(self):
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        async with await asyncio.start_server(self._answer, "127.0.0.1", self.port):
            self._ready.set()
            await self._over.wait()

    async def _answer(self, reader, writer):
        with contextlib.suppress(OSError):
            await self._talk(reader, writer)
        writer.transport.abort()

    async def _talk(self, reader, writer):
        encrypted, lines = False, None
        writer.write(b"220 test\r\n")
        while line := await reader.readline():
            if lines is not None:
                if line == b".\r\n":
                    self.got.append((encrypted, b"".join(lines).decode()))
                    lines = None
                    writer.write(b"250 taken\r\n")
                else:
                    lines.append(line)
                continue
            word = line.split()[0].upper()
            if word == b"EHLO":
                writer.write(b"250-test\r\n250 STARTTLS\r\n" if self.tls else b"250 test\r\n")
            elif word == b"STARTTLS":
                writer.write(b"220 go\r\n")
                await writer.drain()
                await writer.start_tls(self._context)
                encrypted = True
            elif word == b"DATA":
                writer.write(b"354 go\r\n")
                lines = []
            elif word == b"QUIT":
                writer.write(b"221 bye\r\n")
                await writer.drain()
                break
            else:
                writer.write(b"250 fine\r\n")


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def mail_to(server, authority=None):
    context = ssl.create_default_context(cafile=authority and str(authority.path))
    return MailNotifier(
        host="localhost",
        port=server.port,
        sender="bedside@h.example",
        to=("dpo@h.example", "deputy@h.example"),
        context=context,
    )


def test_a_message_goes_out_over_tls(authority):
    with MailServer(authority.issue("mail")) as server:
        mail_to(server, authority).tell(["user:dpo"], "An emergency", "Look into D-1.")

    ((encrypted, message),) = server.got
    assert encrypted
    assert "Subject: An emergency" in message
    assert "To: dpo@h.example, deputy@h.example" in message
    assert "For user:dpo" in message
    assert "Look into D-1." in message


@pytest.mark.parametrize("trouble", ["no TLS", "a stranger's certificate", "nobody there"])
def test_a_message_goes_out_over_nothing_else_and_lies_in_the_outbox(authority, tmp_path, trouble):
    outbox = Outbox(tmp_path / "outbox", SystemClock())
    with MailServer(authority.issue("mail"), tls=trouble != "no TLS") as server:
        mail = mail_to(server, None if trouble.startswith("a stranger") else authority)
        if trouble == "nobody there":
            mail = replace(mail, port=free_port())
        with pytest.raises(Unavailable) as error:
            TellAll(outbox, [mail]).tell(["user:dpo"], "An emergency", "Look into D-1.")

    assert error.value.code == "not_told"
    assert server.got == []
    (kept,) = (tmp_path / "outbox").glob("*.json")
    assert json.loads(kept.read_text())["text"] == "Look into D-1."
    assert kept.stat().st_mode & 0o777 == 0o600


def test_the_setting_names_the_server_and_a_wrong_one_is_not_repeated(tmp_path):
    made = mail_server_of("smtp://ada:hunter2@mail.example:465?from=b@h.example&to=d@h.example")

    assert (made.host, made.port, made.user, made.password) == (
        "mail.example",
        465,
        "ada",
        "hunter2",
    )
    assert "hunter2" not in repr(made)
    for wrong in ("http://hunter2", "smtp://hunter2", "smtp://h:hunter2/?from=a&to=b"):
        with pytest.raises(Invalid) as error:
            notifier_of(tmp_path / "outbox", wrong, SystemClock()).tell([], "x", "y")
        assert "hunter2" not in str(error.value)

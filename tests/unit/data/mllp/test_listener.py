"""The MLLP listener: an answer only after the message is durable, and bounds on every sender."""

import asyncio
import random
import signal
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bedside.core.errors import Invalid, Unavailable
from bedside.core.records.mllp import MllpCounts, MllpOptions
from bedside.data.adapters.mllp.journal import Journal
from bedside.interop.hl7v2.framing import framed
from mllp_sending import a_message, answer, ask, data_keys_in, kept, listening, started_listener


def run(folder: Path, conversation, options: MllpOptions | None = None) -> MllpCounts:
    """Hold a conversation with a listener; return what the listener counted."""
    counts: list[MllpCounts] = []

    async def hold() -> None:
        with Journal(folder / "journal", data_keys_in(folder)) as journal:
            async with listening(journal, options or MllpOptions(port=0), counts) as port:
                await conversation(port)

    asyncio.run(hold())
    return counts[0]


def test_a_message_is_durable_when_its_answer_comes(tmp_path):
    message = a_message("17")

    async def conversation(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert b"\rMSA|AA|17\r" in await ask(reader, writer, message)
        assert kept(tmp_path) == {message: 1}
        writer.close()

    assert run(tmp_path, conversation).kept == 1


def test_answers_come_in_the_order_of_the_messages_also_of_those_sent_ahead(tmp_path):
    messages = [a_message(str(number)) for number in range(200)]

    async def conversation(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"".join(map(framed, messages)))
        told = [await answer(reader) for _ in messages]
        assert [one.split(b"MSA|AA|")[1].split(b"\r")[0] for one in told] == [
            str(number).encode() for number in range(200)
        ]
        writer.close()

    run(tmp_path, conversation)
    assert kept(tmp_path) == dict.fromkeys(messages, 1)


def test_what_is_no_message_is_refused_and_kept_all_the_same(tmp_path):
    noise, broken = b"GET / HTTP/1.1", a_message("1") + b"\xff"

    async def conversation(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert b"\rMSA|AR|" in await ask(reader, writer, noise)
        assert b"\rMSA|AE|" in await ask(reader, writer, broken)
        assert b"\rMSA|AA|2" in await ask(reader, writer, a_message("2"))
        writer.close()

    assert run(tmp_path, conversation).refused == 2
    assert kept(tmp_path) == {noise: 1, broken: 1, a_message("2"): 1}


def test_a_message_that_is_sent_again_is_answered_again(tmp_path):
    async def conversation(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            assert b"\rMSA|AA|1\r" in await ask(reader, writer, a_message("1"))
        writer.close()

    run(tmp_path, conversation)
    assert kept(tmp_path) == {a_message("1"): 2}


def test_a_message_that_is_too_large_is_refused_and_its_sender_cut_off(tmp_path):
    options = MllpOptions(port=0, largest_message=2048)

    async def conversation(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(framed(a_message("1")) + b"\x0b" + b"x" * 10_000)
        assert b"\rMSA|AA|1\r" in await answer(reader)
        assert b"\rMSA|AE|" in await answer(reader)
        assert await answer(reader) == b""
        writer.close()

    run(tmp_path, conversation, options)
    assert kept(tmp_path) == {a_message("1"): 1}


def test_who_is_slow_silent_or_speaks_no_mllp_is_cut_off(tmp_path):
    options = MllpOptions(port=0, message_seconds=0.3, idle_seconds=0.6)

    async def conversation(port: int) -> None:
        for begin in (b"\x0bMSH|", b"", b"GET / HTTP/1.1\r\n" * 1000):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(begin)
            assert await answer(reader) == b""
            writer.close()

    assert run(tmp_path, conversation, options).cut_off == 3


def test_further_connections_are_turned_away(tmp_path):
    options = MllpOptions(port=0, connections=1)

    async def conversation(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await ask(reader, writer, a_message("1"))
        late_reader, late_writer = await asyncio.open_connection("127.0.0.1", port)
        assert await ask(late_reader, late_writer, a_message("2")) == b""
        assert b"\rMSA|AA|3\r" in await ask(reader, writer, a_message("3"))
        writer.close()
        late_writer.close()

    assert run(tmp_path, conversation, options).turned_away == 1


def test_a_message_that_could_not_be_kept_is_not_acknowledged(tmp_path, monkeypatch):
    async def conversation(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with monkeypatch.context() as disk:
            disk.setattr("os.fdatasync", _full)
            assert b"\rMSA|AE|1\r" in await ask(reader, writer, a_message("1"))
            assert await answer(reader) == b""
        writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert b"\rMSA|AA|1\r" in await ask(reader, writer, a_message("1"))
        writer.close()

    assert run(tmp_path, conversation).not_kept == 1
    assert kept(tmp_path) == {a_message("1"): 1}


def _full(handle: int) -> None:
    raise OSError(28, "No space left on device")


def test_an_old_file_is_closed_so_that_it_can_be_collected(tmp_path):
    options = MllpOptions(port=0, rotate_seconds=0.2)

    async def conversation(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await ask(reader, writer, a_message("1"))
        for _ in range(100):
            if kept(tmp_path, unfinished=False):
                break
            await asyncio.sleep(0.1)
        assert kept(tmp_path, unfinished=False) == {a_message("1"): 1}
        writer.close()

    run(tmp_path, conversation, options)


async def sent_until_it_dies(port: int, name: str) -> tuple[list[bytes], list[bytes]]:
    """What was sent over one connection, and of it what was acknowledged."""
    sent, told = [], []
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while True:
            message = a_message(f"{name}-{len(sent)}", "y" * random.randrange(900))
            sent.append(message)
            found = await ask(reader, writer, message)
            if not found:
                break
            assert b"MSA|AA|" in found
            told.append(message)
        writer.close()
    except ConnectionError:
        pass
    return sent, told


def test_every_acknowledged_message_survives_a_kill(tmp_path):
    sent, told = [], []
    for life in range(2):
        process, port = started_listener(tmp_path)

        async def flow(port: int = port, life: int = life, process=process) -> None:
            async def kill() -> None:
                await asyncio.sleep(0.5 + random.random() / 2)
                process.send_signal(signal.SIGKILL)

            senders = (sent_until_it_dies(port, f"{life}-{number}") for number in range(8))
            for some_sent, some_told in (await asyncio.gather(*senders, kill()))[:-1]:
                sent.extend(some_sent)
                told.extend(some_told)

        asyncio.run(flow())
        process.wait(30)

    there = kept(tmp_path)

    assert len(told) > 20
    assert set(told) <= set(there)
    assert set(there) <= set(sent)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "hospital.example"])  # noqa: S104
def test_beyond_this_machine_it_listens_only_with_certificates(host):
    with pytest.raises(Invalid, match="without asking who sends"):
        MllpOptions(host=host)


def test_an_address_in_use_is_told(tmp_path):
    async def conversation(port: int) -> None:
        with Journal(tmp_path / "second", data_keys_in(tmp_path)) as journal:
            with pytest.raises(Unavailable, match="cannot have its address"):
                async with listening(journal, MllpOptions(port=port)):
                    pass

    run(tmp_path, conversation)


class _Authority:
    """A certificate authority of the tests."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self.signed(name, self.key.public_key(), is_authority=True)
        self.path = folder / f"{name}.pem"
        self.path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def signed(self, name: str, public_key, *, is_authority: bool = False) -> x509.Certificate:
        now = datetime.now(UTC)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]),
                critical=False,
            )
        )
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, name: str) -> tuple[str, str]:
        """A certificate and its key, as files."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate, secret = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        certificate.write_bytes(
            self.signed(name, key.public_key()).public_bytes(serialization.Encoding.PEM)
        )
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return str(certificate), str(secret)


def test_with_tls_only_a_sender_with_a_certificate_of_the_authority_is_heard(tmp_path):
    ours, theirs = _Authority(tmp_path, "ours"), _Authority(tmp_path, "theirs")
    certificate, key = ours.issue("listener")
    options = MllpOptions(
        port=0, tls_certificate=certificate, tls_key=key, tls_authorities=str(ours.path)
    )

    async def told(port: int, files: tuple[str, str] | None) -> bytes:
        context = ssl.create_default_context(cafile=str(ours.path))
        if files:
            context.load_cert_chain(*files)
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
            found = await ask(reader, writer, a_message("1"))
            writer.close()
        except (ssl.SSLError, ConnectionError):
            return b""
        return found

    async def conversation(port: int) -> None:
        assert await told(port, None) == b""
        assert await told(port, theirs.issue("stranger")) == b""
        assert b"MSA|AA|1" in await told(port, ours.issue("laboratory"))

    run(tmp_path, conversation, options)
    assert kept(tmp_path) == {a_message("1"): 1}


def test_tls_files_that_cannot_be_read_are_named(tmp_path):
    missing = str(tmp_path / "none.pem")
    options = MllpOptions(port=0, tls_certificate=missing, tls_key=missing, tls_authorities=missing)

    async def conversation(port: int) -> None:
        raise AssertionError("it must not start")

    with pytest.raises(Invalid, match="TLS file"):
        run(tmp_path, conversation, options)

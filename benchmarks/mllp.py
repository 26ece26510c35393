"""HL7 v2 messages per second that the listener keeps and answers, beside the server of `hl7`.

The same client sends the same messages to both, in turn, each server in a process of its own; a
connection waits for its answer before it sends the next message. Our listener has every message
synchronised to the disk before its answer. The peer is the server of hl7.mllp with the handler of
its manual: it reads, parses and answers, and keeps nothing. The floor is a file that is
synchronised after each message.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from pathlib import Path

import hl7
from hl7.mllp import InvalidBlockError, start_hl7_server

from bedside.core.clock import SystemClock
from bedside.core.records.mllp import MllpOptions
from bedside.data.adapters.mllp.journal import Journal, journal_parts
from bedside.data.adapters.mllp.listener import serve
from bedside.infra.blobs.disk import DiskBlobs
from bedside.infra.keys.keyring import FileKeyring
from bedside.infra.keys.material import BlobDataKeys
from bedside.interop.hl7v2.framing import Frames, framed

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def messages_of(folder: Path) -> list[bytes]:
    """The messages of the public data set, with CR after each segment, as MLLP carries them."""
    found = []
    for archive in sorted((folder / "hl7v2-messages").glob("*.zip")):
        with zipfile.ZipFile(archive) as opened:
            for name in sorted(opened.namelist()):
                if name.endswith(".hl7"):
                    text = opened.read(name).removeprefix(b"\xef\xbb\xbf").strip()
                    found.append(text.replace(b"\r\n", b"\r").replace(b"\n", b"\r") + b"\r")
    return found


def data_keys_in(folder: Path) -> BlobDataKeys:
    """The key service of a workspace on this disk."""
    keys = FileKeyring(folder / "keyring.json", passphrase=None, clock=SystemClock())
    return BlobDataKeys(DiskBlobs(folder / "blobs"), keys)


async def serve_ours(folder: Path) -> None:
    """The listener, until this process is ended."""
    with Journal(folder / "journal", data_keys_in(folder)) as journal:
        await serve(
            MllpOptions(port=0, connections=512),
            journal,
            clock=SystemClock(),
            stop=asyncio.Event(),
            started=lambda port: print(port, flush=True),
        )


async def serve_peer() -> None:
    """The server of the hl7 package, with the handler that its manual shows."""

    async def handle(reader: hl7.mllp.HL7StreamReader, writer: hl7.mllp.HL7StreamWriter) -> None:
        try:
            while not writer.is_closing():
                message = await reader.readmessage()
                writer.writemessage(message.create_ack())
                await writer.drain()
        except (asyncio.IncompleteReadError, InvalidBlockError, ConnectionError):
            writer.close()

    server = await start_hl7_server(handle, "127.0.0.1", 0, encoding="utf-8", limit=1 << 20)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def send_all(port: int, messages: list[bytes], connections: int) -> Counter[str]:
    """Send them over several connections; return how often each kind of answer came."""
    told: Counter[str] = Counter()

    async def one_connection(some: list[bytes]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        frames, answers = Frames(1 << 20), list[bytes]()
        for message in some:
            writer.write(framed(message))
            while not answers:
                answers += frames.feed(await reader.read(1 << 16))
            told[answers.pop(0).decode().split("MSA|")[1][:2]] += 1
        writer.close()

    await asyncio.gather(*(one_connection(messages[n::connections]) for n in range(connections)))
    return told


def measure(which: str, messages: list[bytes], connections: int, folder: Path) -> float:
    """Messages per second of one server, started for this pass."""
    server = subprocess.Popen(
        [sys.executable, __file__, "--serve", which, "--folder", str(folder)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        asyncio.run(send_all(port, messages[:64], 8))  # warm
        began = time.perf_counter()
        told = asyncio.run(send_all(port, messages, connections))
        seconds = time.perf_counter() - began
    finally:
        server.kill()  # as a crash would: what was answered must be there
        server.wait()
    assert told == {"AA": len(messages)}, told
    return len(messages) / seconds


def check_kept(folder: Path, messages: list[bytes], passes: int) -> None:
    """Every message that was answered is in the journal, as often as it was answered."""
    kept: Counter[bytes] = Counter()
    for found in journal_parts(folder / "journal", data_keys_in(folder)):
        kept.update(Frames(1 << 26).feed(found.part.content))
    sent = Counter(messages * passes + messages[:64] * passes)
    assert not sent - kept, "a message that was acknowledged is not in the journal"


def synchronised_after_each(path: Path, messages: list[bytes]) -> float:
    """The floor: messages per second into a file that is synchronised after each."""
    few = messages[:300]
    began = time.perf_counter()
    with path.open("ab", buffering=0) as file:
        for one in few:
            file.write(one)
            os.fdatasync(file.fileno())
    return len(few) / (time.perf_counter() - began)


def main() -> None:
    """Measure both servers and the floor in turn; print medians, ranges and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1005)
    parser.add_argument("--connections", type=int, nargs="+", default=[8, 32])
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="on the disk to measure")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--serve", choices=("ours", "peer"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve_ours(given.folder) if given.serve == "ours" else serve_peer())
        return
    public = messages_of(given.data)
    messages = [public[number % len(public)] for number in range(given.messages)]
    with tempfile.TemporaryDirectory(dir=given.folder) as made:
        folder = Path(made)
        for connections in given.connections:
            rates: dict[str, list[float]] = {"ours": [], "peer": [], "floor": []}
            for _ in range(given.passes):
                rates["floor"].append(synchronised_after_each(folder / "floor", messages))
                for which in ("ours", "peer"):
                    rates[which].append(measure(which, messages, connections, folder))
            middle = {name: statistics.median(some) for name, some in rates.items()}
            for name, label in (
                ("ours", "our listener, synchronised before each answer"),
                ("peer", "hl7.mllp, keeps nothing"),
                ("floor", "floor: a file, synchronised after each"),
            ):
                low, high = min(rates[name]), max(rates[name])
                print(
                    f"{connections:>3} connections  {label:<46} {middle[name]:>7,.0f} messages/s "
                    f"({low:,.0f} to {high:,.0f})  {middle[name] / middle['peer']:5.2f} of hl7.mllp"
                )
        check_kept(folder, messages, given.passes * len(given.connections))


if __name__ == "__main__":
    main()

"""Sends HL7 v2 messages by MLLP, and runs a listener in a process of its own to be killed."""

import asyncio
import os
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bedside.core.clock import SystemClock
from bedside.core.records.mllp import MllpCounts, MllpOptions
from bedside.data.adapters.mllp.journal import Journal, journal_parts
from bedside.data.adapters.mllp.listener import serve
from bedside.infra.blobs.disk import DiskBlobs
from bedside.infra.keys.keyring import FileKeyring
from bedside.infra.keys.material import BlobDataKeys
from bedside.interop.hl7v2.framing import Frames, framed

__all__ = ["a_message", "ask", "data_keys_in", "kept", "listening", "started_listener"]

WAIT = 30.0  # seconds


def a_message(control: str, text: str = "x") -> bytes:
    """A short result with this control identifier."""
    return (
        f"MSH|^~\\&|LAB|H|EHR|H|20260131080000+0100||ORU^R01|{control}|P|2.5\r"
        f"PID|1||7^^^WEST^MR\rOBR|1||F{control}|1^x^LN\rOBX|1|ST|1^x^LN||{text}|||||F\r"
    ).encode()


def data_keys_in(folder: Path) -> BlobDataKeys:
    """The key service of a workspace."""
    keys = FileKeyring(folder / "keyring.json", passphrase=None, clock=SystemClock())
    return BlobDataKeys(DiskBlobs(folder / "blobs"), keys)


def kept(folder: Path, *, unfinished: bool = True) -> Counter[bytes]:
    """Every message in the journal of this folder."""
    found: Counter[bytes] = Counter()
    for one in journal_parts(folder / "journal", data_keys_in(folder), unfinished=unfinished):
        found.update(Frames(1 << 26).feed(one.part.content))
    return found


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, message: bytes) -> bytes:
    """Send one message, and wait for its answer; empty if the connection ends."""
    writer.write(framed(message))
    return await answer(reader)


async def answer(reader: asyncio.StreamReader) -> bytes:
    """The next answer; empty if the connection ends."""
    try:
        found = await asyncio.wait_for(reader.readuntil(b"\x1c\r"), WAIT)
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""
    return found[1:-2]


@asynccontextmanager
async def listening(
    journal: Journal, options: MllpOptions, counts: list[MllpCounts] | None = None
) -> AsyncIterator[int]:
    """A listener in this process; gives its port."""
    stop, port = asyncio.Event(), asyncio.get_running_loop().create_future()
    task = asyncio.create_task(
        serve(options, journal, clock=SystemClock(), stop=stop, started=port.set_result)
    )
    try:
        await asyncio.wait((port, task), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        yield await port
    finally:
        stop.set()
        told = await task
        if counts is not None:
            counts.append(told)


def started_listener(folder: Path) -> "tuple[subprocess.Popen[str], int]":
    """A listener in a process of its own, and its port."""
    paths = [str(Path(__file__).parent), *filter(None, sys.path)]
    process = subprocess.Popen(
        [sys.executable, __file__, str(folder)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        return process, int(process.stdout.readline())


async def _main(folder: Path) -> None:
    with Journal(folder / "journal", data_keys_in(folder), largest_file=40_000) as journal:
        await serve(
            MllpOptions(port=0),
            journal,
            clock=SystemClock(),
            stop=asyncio.Event(),
            started=lambda port: print(port, flush=True),
        )


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1])))

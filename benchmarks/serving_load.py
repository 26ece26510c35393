"""The client of the serving benchmark, in a process of its own: wrk, or a small one of asyncio."""

import argparse
import asyncio
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

TOKEN = "benchmark"  # noqa: S105 - opens a server that lives for a minute


def message(path: str, body: bytes) -> bytes:
    """One HTTP request on a connection that stays open."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def drive(port: int, request: bytes, *, concurrency: int, seconds: float) -> list[float]:
    """Seconds of each request, sent over `concurrency` connections at once."""
    took: list[float] = []
    until = time.perf_counter() + seconds

    async def one_connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (started := time.perf_counter()) < until:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length))
            took.append(time.perf_counter() - started)
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(one_connection() for _ in range(concurrency)))
    return took


class Load(NamedTuple):
    """What one run of the client saw."""

    rate: float  # requests a second
    p50: float  # seconds
    p99: float


def spent(process: int) -> float:
    """Seconds of the processor that a process, its threads and all that it started have taken.

    Source: Documentation/scheduler/sched-stats.rst of Linux (`schedstat`: nanoseconds first).
    """
    seconds = 0.0
    for task in Path(f"/proc/{process}/task").iterdir():
        seconds += int((task / "schedstat").read_text().split()[0]) / 1e9
        seconds += sum(spent(int(one)) for one in (task / "children").read_text().split())
    return seconds


LUA = """
wrk.method, wrk.body = "POST", [==[{body}]==]
wrk.headers["Content-Type"], wrk.headers["Authorization"] = "application/json", "Bearer {token}"
done = function(summary, latency)
  local bad = summary.errors.status + summary.errors.read + summary.errors.timeout
  io.write(string.format("RATE %f P50 %f P99 %f BAD %d\\n", summary.requests / summary.duration
    * 1e6, latency:percentile(50) / 1e6, latency:percentile(99) / 1e6, bad))
end
"""


def load(port: int, path: str, body: bytes, *, concurrency: int, seconds: float) -> Load:
    """Drive one server from another process."""
    if shutil.which("wrk") is None:
        command = [sys.executable, __file__, "--path", path, "--port", str(port)]
        command += ["--concurrency", str(concurrency), "--seconds", str(seconds)]
        done = subprocess.run(command, input=body, capture_output=True, check=True)
        return Load(*json.loads(done.stdout))
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(LUA.replace("{body}", body.decode()).replace("{token}", TOKEN))
        script.flush()
        url = f"http://127.0.0.1:{port}{path}"
        command = ["wrk", "-t1", f"-c{concurrency}", f"-d{max(1, round(seconds))}s", "-s"]
        done = subprocess.run([*command, script.name, url], capture_output=True, check=True)
    found = re.search(rb"RATE (\S+) P50 (\S+) P99 (\S+) BAD (\d+)", done.stdout)
    assert found is not None
    assert int(found[4]) == 0, "not every request was answered"
    return Load(*(float(found[index]) for index in (1, 2, 3)))


def main() -> None:
    """Drive a server from this process; the body comes on standard input."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--path", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--concurrency", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2.0)
    told = parser.parse_args()
    sent = message(told.path, sys.stdin.buffer.read())
    took = asyncio.run(drive(told.port, sent, concurrency=told.concurrency, seconds=told.seconds))
    p50, p99 = np.quantile(took, [0.5, 0.99]).tolist()
    print(json.dumps([len(took) / told.seconds, p50, p99]))


if __name__ == "__main__":
    main()

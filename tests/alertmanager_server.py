"""A real Alertmanager on loopback, for a test that asks for one; it ends with the test."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from loopback import free_port

__all__ = ["Alertmanager", "an_alertmanager"]

INSTALL = "apt-get install -y --no-install-recommends prometheus-alertmanager"
# It ends its server when the pipe to it closes, so that none outlives a test process.
KEEPER = '"$@" & server=$!; trap "" INT TERM; cat >/dev/null; kill -KILL $server; wait'
CONFIGURATION = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"


class Alertmanager:
    """The server; `url` is what a sink is given."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def firing(self) -> list[dict[str, Any]]:
        """The alerts that have not ended."""
        found = httpx.get(f"{self.url}/api/v2/alerts", params={"active": "true"}, trust_env=False)
        told: list[dict[str, Any]] = found.raise_for_status().json()
        return told


@contextmanager
def an_alertmanager() -> Iterator[Alertmanager]:
    """It, started anew; the test is skipped where it is not installed."""
    program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if program is None:
        reason = f"Alertmanager is not installed; run: {INSTALL}"
        if os.environ.get("BEDSIDE_REQUIRE_SERVICES") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        (folder / "alertmanager.yml").write_text(CONFIGURATION)
        keeper = subprocess.Popen(
            ["sh", "-c", KEEPER, "sh", program,
             f"--config.file={folder / 'alertmanager.yml'}", f"--storage.path={folder / 'data'}",
             f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        try:
            _wait_for(port)
            yield Alertmanager(port)
        finally:
            keeper.communicate()


def _wait_for(port: int) -> None:
    for _ in range(300):
        try:
            ready = httpx.get(f"http://127.0.0.1:{port}/-/ready", trust_env=False)
        except httpx.TransportError:
            ready = None
        if ready is not None and ready.status_code == 200:
            return
        time.sleep(0.05)
    pytest.fail("Alertmanager did not start.")

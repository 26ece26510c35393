"""A real MLflow server for the tests: one in each test process, its database in SQLite."""

import atexit
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from house import ROOT
from loopback import free_port

__all__ = ["PYTHON", "MlflowServer", "the_mlflow", "the_server"]

PYTHON = ROOT / ".venv-mlflow" / "bin" / "python"
INSTALL = "make .venv-mlflow/.installed"
# It ends the server and all its children when the pipe to it closes, so that none outlives a test
# process, even a killed one.
KEEPER = '"$@" & cat >/dev/null; kill -KILL 0'


@dataclass(frozen=True, slots=True)
class MlflowServer:
    """Where the server is, and the folder of its database and files."""

    folder: Path
    port: int
    keeper: "subprocess.Popen[bytes]"

    @property
    def address(self) -> str:
        """For MLFLOW_TRACKING_URI."""
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """End the server, by closing the pipe to its keeper."""
        if self.keeper.poll() is None and self.keeper.stdin is not None:
            self.keeper.stdin.close()
            self.keeper.wait(timeout=30)
        shutil.rmtree(self.folder, ignore_errors=True)


def the_mlflow() -> Path:
    """The Python of the environment with the full MLflow; skips the test where there is none."""
    if not (PYTHON.parents[1] / ".installed").is_file():
        reason = f"MLflow is not installed beside Bedside; run: {INSTALL}"
        required = os.environ.get("BEDSIDE_REQUIRE_SERVICES") == "1"
        if required and os.environ.get("BEDSIDE_NO_MLFLOW") != "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return PYTHON


@cache
def the_server() -> MlflowServer:
    """The server of this process, started on first use; it takes half a minute."""
    python = the_mlflow()
    folder, port = Path(tempfile.mkdtemp(prefix="bedside-mlflow-")), free_port()
    (folder / "files").mkdir()
    with (folder / "log").open("wb") as log:
        keeper = subprocess.Popen(
            ["sh", "-c", KEEPER, "sh", python, "-m", "mlflow", "server", "--host", "127.0.0.1",
             "--port", str(port), "--workers", "1", "--serve-artifacts",
             "--backend-store-uri", f"sqlite:///{folder}/runs.sqlite",
             "--artifacts-destination", folder / "files"],
            stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=folder, start_new_session=True,
            env={
                **os.environ, "HOME": str(folder), "MLFLOW_DISABLE_TELEMETRY": "true",
                "DO_NOT_TRACK": "true",
                # Only agents and traces use them; without, it is ready sooner.
                "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            },
        )  # fmt: skip
    server = MlflowServer(folder, port, keeper)
    atexit.register(server.stop)
    _wait_for(server)
    return server


def _wait_for(server: MlflowServer) -> None:
    for _ in range(480):
        try:
            with urllib.request.urlopen(f"{server.address}/health", timeout=2):  # noqa: S310
                return
        except OSError:
            time.sleep(0.25)
    told = (server.folder / "log").read_text()[-2000:]
    server.stop()
    pytest.fail(f"MLflow did not start: {told}")

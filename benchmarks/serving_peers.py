"""MLServer with the same trees, as a peer of the serving benchmark: in one process, no ledger.

It is installed apart from Bedside, whose dependencies it does not share:

    python -m venv ENV && ENV/bin/pip install mlserver==1.7.1 mlserver-lightgbm
"""

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

__all__ = ["PATH", "is_installed", "peer_request", "start_peer"]

PATH = "/v2/models/biopsy/infer"


def is_installed(python: Path) -> bool:
    """Whether the environment of this interpreter has MLServer."""
    return _program(python).is_file()


def start_peer(python: Path, folder: Path, ports: tuple[int, int, int]) -> subprocess.Popen[bytes]:
    """MLServer on the first port, answering.

    Args:
        python: An interpreter whose environment has it.
        folder: Holds `trees.txt`; its settings go into a folder of their own inside.
        ports: For HTTP, gRPC and its figures.
    """
    home = folder / "mlserver"
    home.mkdir()
    shutil.copy(folder / "trees.txt", home / "model.bst")
    model = {
        "name": "biopsy",
        "implementation": "mlserver_lightgbm.LightGBMModel",
        "parameters": {"uri": "./model.bst"},
    }
    settings = {
        "host": "127.0.0.1",
        "http_port": ports[0],
        "grpc_port": ports[1],
        "metrics_port": ports[2],
        "parallel_workers": 0,  # in process; with one worker its processes die under new uvloops
        "debug": False,
    }
    (home / "model-settings.json").write_text(json.dumps(model))
    (home / "settings.json").write_text(json.dumps(settings))
    server = subprocess.Popen(
        [str(_program(python)), "start", str(home)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _wait(server, f"http://127.0.0.1:{ports[0]}/v2/models/biopsy/ready")
    return server


def peer_request(folder: Path) -> bytes:
    """The patient as one row of thirty numbers."""
    row = json.loads((folder / "row.json").read_text())
    tensor = {"name": "x", "shape": [1, len(row)], "datatype": "FP64", "data": row}
    return json.dumps({"inputs": [tensor]}).encode()


def _program(python: Path) -> Path:
    return python.absolute().parent / "mlserver"


def _wait(server: subprocess.Popen[bytes], url: str) -> None:
    for _ in range(600):
        assert server.poll() is None, "MLServer ended early"
        try:
            with urllib.request.urlopen(url, timeout=1):  # noqa: S310 - our own, on loopback
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError("MLServer did not start in a minute")

"""A real Ray cluster of two nodes on loopback, for tests: started here, stopped by process id."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import pytest

from bedside.infra.engines.ray import RayEngine

__all__ = ["RayCluster", "start_ray_cluster"]

# Ray replaces loopback by the machine's outer address, and then listens on every one. Its only
# switch against that allows a head without a second node, so that these nodes are told directly.
ON_LOOPBACK = """
from ray._private import services
from ray.scripts.scripts import main
services.get_node_ip_address = lambda address=None: "127.0.0.1"
main()
"""
QUICK = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "token",
    # A killed node is noticed after seconds instead of half a minute.
    "RAY_health_check_initial_delay_ms": "500",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "3",
}


@dataclass
class RayCluster:
    """A head and further nodes of one core each, which only whoever has the token may use."""

    folder: Path
    address: str
    token: str = field(repr=False)
    groups: list[int] = field(default_factory=list)

    def engine(self) -> RayEngine:
        """An engine on this cluster."""
        return RayEngine(self.address, token=self.token)

    def add_node(self) -> int:
        """Start one more node; return the process group that it is."""
        first = not self.groups
        port = self.address.rpartition(":")[2]
        place = ["--head", f"--port={port}", f"--temp-dir={self.folder}"]
        command = [
            *(sys.executable, "-c", ON_LOOPBACK, "start"),
            *(place if first else [f"--address={self.address}"]),
            "--node-ip-address=127.0.0.1",
            "--num-cpus=1",
            "--object-store-memory=80000000",
            "--min-worker-port=0",
            "--max-worker-port=0",
            "--disable-usage-stats",
        ]
        log = self.folder.parent / f"node-{len(self.groups)}.log"
        with log.open("wb") as told:
            starting = subprocess.Popen(
                command,
                env=os.environ | QUICK | {"RAY_AUTH_TOKEN": self.token},
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # the node's processes stay in this group
            )
        self.groups.append(starting.pid)
        if starting.wait(timeout=60) != 0:
            pytest.fail(f"A node of Ray did not start:\n{log.read_text()}", pytrace=False)
        return starting.pid

    def kill_node(self, group: int) -> None:
        """Kill every process of a node at once, as when its machine loses power."""
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
        self.groups.remove(group)

    def stop(self) -> None:
        """Kill what was started here, and nothing else; its files go too."""
        for group in list(self.groups):
            self.kill_node(group)
        shutil.rmtree(self.folder, ignore_errors=True)


def start_ray_cluster(folder: Path) -> RayCluster:
    """Start a head and a second node whose files lie in a folder.

    Where Ray is not installed the test is skipped; where `BEDSIDE_REQUIRE_SERVICES` is 1, it fails.
    """
    if find_spec("ray") is None:
        reason = "Ray is not installed. Fix: pip install 'bedside[scale]'"
        if os.environ.get("BEDSIDE_REQUIRE_SERVICES") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    # Short: the names of Ray's sockets must fit into 107 bytes, and a test's own folder is longer.
    place = Path(tempfile.mkdtemp(prefix="ray-"))
    folder.joinpath("cluster").symlink_to(place)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    cluster = RayCluster(place, f"127.0.0.1:{port}", secrets.token_hex(32))
    try:
        cluster.add_node()
        cluster.add_node()
    except BaseException:
        cluster.stop()
        raise
    return cluster

"""The engine of several machines: Ray, inside a network that is trusted.

Whoever reaches a Ray cluster without a token can run any code on it (CVE-2023-48022). So a cluster
is refused whose nodes can be reached from outside this machine, until somebody has said that the
network is closed. Ray puts the machine's outer address in the place of loopback, and then listens
everywhere; see docs/decisions/0009 for how to start one that does not.
"""

import os
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from bedside.core.errors import Invalid, Refused, Unavailable
from bedside.core.loopback import is_this_machine
from bedside.infra.engines.local import LOOK_AHEAD, thread_limits
from bedside.infra.engines.work import check, lost, opened, perform
from bedside.infra.engines.worker import silenced

__all__ = ["RayEngine"]

PATIENCE = 0.5  # seconds for a task that nobody wants to end by itself
RETRIES = 3  # a task whose worker or node is lost is given to another one so often
_ADDRESS = re.compile(r"(?:\[([0-9a-fA-F:]+)\]|([A-Za-z0-9.-]+)):([0-9]{1,5})")
_NOTHING: Mapping[str, str] = MappingProxyType({})


class RayEngine:
    """The Engine port on a Ray cluster, of which this machine is a node.

    Every node needs the same version of Bedside. What a task prints is dropped there, because Ray
    would write it to a log. One process can be connected to one cluster.

    Args:
        address: The head, as `127.0.0.1:6379`.
        environment: Set in each worker before a library is loaded, over its thread limits. It
            travels in clear: give no secret.
        token: What the cluster asks for when it was started with `RAY_AUTH_MODE=token`.
        allow_remote: Somebody has decided that everyone who reaches the cluster is trusted.

    Raises:
        Invalid: the address is not `HOST:PORT`.
        Refused: the address is not on this machine (code `remote_cluster`).
        Unavailable: Ray is not installed (code `missing_extra`).
    """

    def __init__(
        self,
        address: str,
        environment: Mapping[str, str] = _NOTHING,
        *,
        token: str = "",
        allow_remote: bool = False,
    ) -> None:
        local = is_this_machine(_host(address))
        if not local and not allow_remote:
            raise _remote()
        self._address, self._allow_remote = address, allow_remote
        self._environment = thread_limits(1) | dict(environment)
        self._ray = _library(token, local=local)
        self._connected = False
        self._runs = 0  # iterators that are being read

    def map(self, work: str, tasks: Sequence[bytes]) -> Iterator[bytes]:
        """The result of each task, in the order of the tasks, as they become ready.

        At most twice as many tasks as the cluster has cores are begun beyond the one that is asked
        for. A task is given to another worker, up to three times, when its own is lost.
        Whoever stops asking stops the work.

        Raises:
            Invalid: `work` is not a function of Bedside (code `not_our_work`), or a task or a
                result is too large (`too_large_for_engine`).
            BedsideError: of the first task that failed, as it was raised there.
            Unavailable: the cluster is out of reach (code `cluster_unreachable`), a task was lost
                again and again (`worker_lost`), or a worker failed (`worker_failed`).
        """
        check(work, tasks)
        if not tasks:
            return iter(())
        self._connect()
        return self._spread(work, tasks)

    def close(self) -> None:
        """Leave the cluster; the next use connects again."""
        if self._connected:
            self._connected = False
            self._ray.shutdown()

    def _connect(self) -> None:
        if self._connected and self._ray.is_initialized():
            return
        if self._ray.is_initialized():
            raise Unavailable(
                "This process is connected to a Ray cluster already.",
                fix="close the other engine, or use it.",
                code="cluster_unreachable",
            )
        try:
            self._ray.init(address=self._address, log_to_driver=False, configure_logging=False)
            nodes = [one["NodeManagerAddress"] for one in self._ray.nodes() if one["Alive"]]
        except (ConnectionError, RuntimeError, ValueError, self._ray.exceptions.RayError):
            raise Unavailable(
                "The Ray cluster is out of reach, or refuses the token.",
                fix="see that it runs at the address that was given, that this machine is one of "
                "its nodes, and that the token is the cluster's.",
                code="cluster_unreachable",
            ) from None
        if not self._allow_remote and not all(map(is_this_machine, nodes)):
            self._ray.shutdown()
            raise _remote()
        self._connected = True

    def _spread(self, work: str, tasks: Sequence[bytes]) -> Iterator[bytes]:
        begin = self._ray.remote(max_retries=RETRIES, scheduling_strategy="SPREAD")(_on_a_node)
        ahead = LOOK_AHEAD * max(int(self._ray.cluster_resources().get("CPU", 1)), 1)
        begun: deque[Any] = deque()
        self._runs += 1
        rest = iter(tasks)
        try:
            for _ in range(len(tasks)):
                for task in rest:
                    begun.append(begin.remote(work, task, self._environment))
                    if len(begun) >= ahead:
                        break
                yield opened(self._got(begun[0]))
                begun.popleft()
        finally:
            self._runs -= 1
            self._abandon(list(begun))

    def _abandon(self, begun: list[Any]) -> None:
        """Stop the tasks that nobody waits for any more.

        Ray can abort this whole process when a task that is being cancelled ends at that moment.
        So the cluster is left instead, which ends what this process began there; unless another
        run still needs it, and then the tasks are left to end by themselves.
        """
        if not begun or self._runs or not self._connected or not self._ray.is_initialized():
            return
        unfinished = self._ray.wait(begun, num_returns=len(begun), timeout=PATIENCE)[1]
        if unfinished:
            self.close()

    def _got(self, reference: Any) -> bytes:
        try:
            return bytes(self._ray.get(reference))
        except self._ray.exceptions.RayTaskError:
            raise Unavailable(
                "A node of the Ray cluster cannot run Bedside.",
                fix="install the same version of Bedside, with its extras, on every node.",
                code="worker_failed",
            ) from None
        except self._ray.exceptions.RayError:
            raise lost() from None


def _on_a_node(work: str, task: bytes, environment: dict[str, str]) -> bytes:
    silenced()
    for name, value in environment.items():
        os.environ[name] = value
    return perform(work, task)


def _host(address: str) -> str:
    found = _ADDRESS.fullmatch(address)
    if found is None or not 0 < int(found[3]) < 65536:
        raise Invalid(
            "That is not the address of a Ray cluster.",
            fix="give the host and port of its head, such as 127.0.0.1:6379.",
        )
    return found[1] or found[2]


def _remote() -> Refused:
    return Refused(
        "The Ray cluster can be reached from other machines, and whoever does can run code on it.",
        fix="start it on loopback alone, or make sure that the network is closed and that the "
        "cluster asks for a token, and then allow a remote cluster.",
        code="remote_cluster",
    )


def _library(token: str, *, local: bool) -> Any:
    """Ray, told before it is loaded to send nothing home and to use the cluster's token."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"  # or else it warns at each start
    if local:  # or else it asks a server on the internet for an address to put in its place
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    if token:
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ["RAY_AUTH_TOKEN"] = token
    try:
        import ray  # noqa: PLC0415  (optional, and slow to import)
    except ImportError:
        raise Unavailable(
            "Ray is not installed.",
            fix="run: pip install 'bedside[scale]'",
            code="missing_extra",
        ) from None
    return ray

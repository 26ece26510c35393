"""A disk that fails at the N-th call that changes something, for every N: built and driven here."""

import ctypes
import gc
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import pytest

from bedside.core.errors import BedsideError

__all__ = ["HOW", "every_failure_of"]

HOW = {"eio": 1, "enospc": 2, "half": 3, "killed": 6}  # the numbers of failing_disk.c
SOURCE = Path(__file__).with_name("failing_disk.c")
MOST = 2000  # calls that a scenario may make


@cache
def _library() -> Path:
    """The compiled shim; the test is skipped where there is no compiler, and fails in CI."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        reason = "There is no C compiler. Fix: apt-get install gcc libc6-dev"
        if os.environ.get("BEDSIDE_REQUIRE_SERVICES") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    built = Path(tempfile.mkdtemp(prefix="failing-disk-")) / "failing_disk.so"
    words = [compiler, "-shared", "-fPIC", "-O1", "-o", str(built), str(SOURCE), "-ldl"]
    subprocess.run(words, check=True, capture_output=True)
    return built


def every_failure_of(scenario: str, how: str, folder: Path) -> dict[str, object]:
    """Run a scenario once for each call that it makes, failing at that call.

    Args:
        scenario: A name of `faults.scenarios.SCENARIOS`.
        how: A key of `HOW`.
        folder: Where its files may lie.

    Returns:
        `calls`: how many there are; `told`: how many failures were told; `faults`: what was wrong.
    """
    done = subprocess.run(
        [sys.executable, __file__, scenario, how, str(folder)],
        env={
            **os.environ,
            "LD_PRELOAD": str(_library()),
            "PYTHONPATH": os.pathsep.join([str(SOURCE.parents[1]), *sys.path]),
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            "POLARS_MAX_THREADS": "1",
        },
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, object] = json.loads(done.stdout)
    return found


class _Drill:
    """One scenario under the shim: each try in a process of its own, forked from this warm one."""

    def __init__(self, scenario: str, how: str, folder: Path) -> None:
        from faults.scenarios import SCENARIOS  # noqa: PLC0415 - only under the shim

        self.scenario, self.how, self.folder = SCENARIOS[scenario], how, folder
        gc.freeze()  # what is loaded is not copied by a collection in each fork
        self.shim = ctypes.CDLL(None)
        self.ready = folder / "ready"
        self.ready.mkdir()
        ended, said = self._apart(lambda _: self.scenario.prepare(self.ready))
        assert ended == 0, said

    def run(self) -> dict[str, object]:
        told, faults = 0, []
        for number in range(1, MOST):
            place = self.folder / "try"
            shutil.copytree(self.ready, place)
            ended, acknowledged = self._apart(partial(self._armed, place, number))
            reached = "calls" not in acknowledged
            acknowledged = [one for one in acknowledged if one != "calls"]
            told += ended == 3
            if ended not in (0, 3, -signal.SIGKILL):
                faults.append(f"call {number}: {acknowledged[-1:]}")
            ended, said = self._apart(partial(self._looked_at, place, acknowledged))
            if ended != 0:
                faults.append(f"after call {number}: {said[-1:]}")
            shutil.rmtree(place)
            if not reached:
                return {"calls": number - 1, "told": told, "faults": faults[:5]}
        raise AssertionError("the scenario makes too many calls")

    def _armed(self, place: Path, number: int, out: Callable[[str], None]) -> None:
        self.shim.failing_disk_arm(str(place).encode(), number, HOW[self.how])
        try:
            self.scenario.run(place, out)
        finally:
            self.shim.failing_disk_disarm()
            if self.shim.failing_disk_calls() < number:
                out("calls")

    def _looked_at(self, place: Path, acknowledged: list[str], _out: Callable[[str], None]) -> None:
        """The disk is well again: what was told is there, and the same work succeeds."""
        self.scenario.check(place, acknowledged)
        again: list[str] = []
        self.scenario.run(place, again.append)
        self.scenario.check(place, [*acknowledged, *again])

    def _apart(self, work: Callable[[Callable[[str], None]], None]) -> tuple[int, list[str]]:
        """Do work in a forked process; how it ended, and the lines that it acknowledged."""
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            status = 0
            try:
                work(lambda line: (os.write(writer, f"{line}\n".encode()), None)[1])
            except BedsideError:
                status = 3
            except BaseException:
                os.write(writer, (json.dumps(traceback.format_exc()[-1500:]) + "\n").encode())
                status = 1
            os._exit(status)
        os.close(writer)
        with open(reader) as lines:
            said = lines.read().splitlines()
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said


if __name__ == "__main__":
    print(json.dumps(_Drill(sys.argv[1], sys.argv[2], Path(sys.argv[3])).run()))

"""`bedside` as a program that is started from a process that has loaded its libraries already.

Hundreds of commands are run in the tests, and each would load the same libraries again, for more
than a second of a core. `warm_bedside` gives a folder with a program `bedside` in it that runs the
very same entry point, in a process of its own with its own arguments, folder, environment and
files, forked from one that loaded them once. Signals are passed on; whoever kills the program kills
its process. What a cold start does is held by tests/architecture/test_light_start.py and by every
drill that starts servers.
"""

import array
import atexit
import contextlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path

__all__ = ["warm_bedside"]

LOADED = (
    "bedside.cli.main", "bedside.cli.words", "bedside.lifecycle.build", "bedside.wiring.demo",
    "bedside.wiring.server", "bedside.wiring.sources", "bedside.wiring.workspace",
    "bedside.develop.train.learners.lightgbm", "bedside.develop.train.learners.logistic",
)  # fmt: skip
TASKS = "/proc/self/task"
WAITING = ("jemalloc_bg_thd", "polars-ooc-clea")
_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)

_PROGRAM = """#!{python} -IS
import json, os, signal, socket, struct, sys
s = socket.socket(socket.AF_UNIX)
s.connect({address!r})
told = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(s, [struct.pack("<I", len(told))], [0, 1, 2])
s.sendall(told)
def passed_on(number, frame):
    try:
        s.send(bytes([number]))
    except OSError:
        pass
for number in {passed_on!r}:
    signal.signal(number, passed_on)
got = b""
while len(got) < 4:
    part = s.recv(4 - len(got))
    if not part:
        sys.exit(70)
    got += part
code = struct.unpack("<i", got)[0]
if code < 0:
    signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
os._exit(code)
"""


@cache
def warm_bedside() -> Path:
    """The folder with the program `bedside`; the process behind it ends with this one.

    Where processes cannot be watched as on Linux, it is the folder of the installed program.
    """
    if not hasattr(os, "pidfd_open"):
        return Path(sys.executable).parent
    folder = Path(tempfile.mkdtemp(prefix="bedside-warm-"))
    address = folder / "socket"
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(address))
    listening.listen(64)
    program = folder / "bedside"
    program.write_text(
        _PROGRAM.format(
            python=sys.executable, address=str(address), passed_on=[int(n) for n in _PASSED_ON]
        )
    )
    program.chmod(0o755)
    behind = subprocess.Popen(
        [sys.executable, __file__, str(listening.fileno())],
        pass_fds=(listening.fileno(),),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONSAFEPATH": "1"},
    )
    listening.close()
    atexit.register(_end, behind, folder)
    return folder


def _end(behind: subprocess.Popen[bytes], folder: Path) -> None:
    assert behind.stdin is not None
    behind.stdin.close()
    behind.wait(10)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def _serve(listening: socket.socket) -> None:
    """Fork a watcher for each command, until standard input is closed."""
    for name in LOADED:
        __import__(name)
    # A lock that another thread holds would never be let go in a fork; these only wait.
    names = {Path(f"/proc/self/task/{one}/comm").read_text().strip() for one in os.listdir(TASKS)}
    if not names <= {Path("/proc/self/comm").read_text().strip(), *WAITING}:
        raise SystemExit(f"Threads run beside the libraries that were loaded: {sorted(names)}.")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        ready, _, _ = select.select([listening, 0], [], [])
        if 0 in ready:
            return
        asked, _ = listening.accept()
        if os.fork() == 0:
            listening.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            with contextlib.suppress(OSError):
                _watch(asked)
            os._exit(0)
        asked.close()


def _watch(asked: socket.socket) -> None:
    """Run one command; pass signals on to it, and its end back."""
    space = socket.CMSG_LEN(3 * array.array("i").itemsize)
    head, sent, _, _ = asked.recvmsg(4, space)
    files = array.array("i")
    files.frombytes(sent[0][2])
    told = b""
    length = struct.unpack("<I", head)[0]
    while len(told) < length:
        told += asked.recv(length - len(told))
    child = os.fork()
    if child == 0:
        asked.close()
        _run(list(files), *json.loads(told))
    for file in files:
        os.close(file)
    ended = os.pidfd_open(child)
    while True:
        ready, _, _ = select.select([asked, ended], [], [])
        if ended in ready:
            status = os.waitpid(child, 0)[1]
            asked.sendall(struct.pack("<i", os.waitstatus_to_exitcode(status)))
            return
        number = asked.recv(1)
        os.kill(child, number[0] if number else signal.SIGKILL)
        if not number:
            return


def _run(files: list[int], words: list[str], folder: str, environment: dict[str, str]) -> None:
    for place, file in enumerate(files):
        os.dup2(file, place)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [str(Path(sys.executable).with_name("bedside")), *words]
    tempfile.tempdir = None
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os._exit(_ended(sys.modules["bedside.cli.main"].run))


def _ended(run: Callable[[], None]) -> int:
    """The exit code of a program, once it has ended as Python ends one."""
    code: object = 0
    try:
        run()
    except SystemExit as exit:
        code = exit.code
    except BaseException:  # what Python would print, and then end with 1
        sys.excepthook(*sys.exc_info())
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    if code is None or isinstance(code, int):
        return (code or 0) & 0xFF
    print(code, file=sys.stderr, flush=True)
    return 1


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))

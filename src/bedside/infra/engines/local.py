"""The engine of one machine: a few processes of our own, each with its share of the cores."""

import json
import os
import selectors
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from threading import Lock
from types import MappingProxyType
from typing import IO, cast
from weakref import finalize

from bedside.core.errors import Invalid, Unavailable
from bedside.infra.engines.work import check, failed, failure, lost, opened, perform
from bedside.infra.engines.worker import framed, read_frame

__all__ = ["LocalEngine", "thread_limits"]

LOOK_AHEAD = 2  # tasks for each worker that are begun, or done and not yet taken
_NOTHING: Mapping[str, str] = MappingProxyType({})


def thread_limits(threads: int) -> dict[str, str]:
    """The settings by which the libraries of a worker start that many threads.

    >>> thread_limits(1)["POLARS_MAX_THREADS"]
    '1'
    """
    names = ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return dict.fromkeys(names, str(threads))


class LocalEngine:
    """The Engine port on this machine.

    With one worker, or for one task, the work is done in this very process. Otherwise fresh
    processes (never forks: the threads of Polars do not survive one) take the tasks over pipes;
    nothing touches a disk. They are started on first use and kept for the next.

    Args:
        workers: How many processes work at once.
        environment: Set in each of them before a library is loaded, over its thread limits.

    Raises:
        Invalid: `workers` is not at least 1.
    """

    def __init__(self, workers: int, environment: Mapping[str, str] = _NOTHING) -> None:
        if workers < 1:
            raise Invalid("An engine needs at least one worker.", fix="give 1 or more.")
        self._workers = workers
        self._environment = thread_limits(max(_cores() // workers, 1)) | dict(environment)
        self._idle: list[_Worker] = []
        self._lock = Lock()
        self._end = finalize(self, _end_all, self._idle)

    def map(self, work: str, tasks: Sequence[bytes]) -> Iterator[bytes]:
        """The result of each task, in the order of the tasks, as they become ready.

        At most twice as many tasks as workers are begun beyond the one that is asked for. Whoever
        stops asking stops the work.

        Raises:
            Invalid: `work` is not a function of Bedside (code `not_our_work`), or a task or a
                result is too large (`too_large_for_engine`).
            BedsideError: of the first task that failed, as it was raised there.
            Unavailable: a worker was lost (code `worker_lost`) or failed (`worker_failed`).
        """
        check(work, tasks)
        if self._workers == 1 or len(tasks) < 2:
            return (opened(perform(work, task)) for task in tasks)
        return self._spread(work, tasks)

    def close(self) -> None:
        """End the processes; the next use starts others."""
        with self._lock:
            _end_all(self._idle)

    def _spread(self, work: str, tasks: Sequence[bytes]) -> Iterator[bytes]:
        crew = _Crew(work, tasks, self._take(min(self._workers, len(tasks))))
        try:
            for index in range(len(tasks)):
                yield opened(crew.answer(index, until=index + LOOK_AHEAD * self._workers))
        finally:
            self._give_back(crew.dismissed())

    def _take(self, count: int) -> list["_Worker"]:
        with self._lock:
            kept = [self._idle.pop() for _ in range(min(count, len(self._idle)))]
        alive = [worker for worker in kept if worker.alive()]
        _end_all([worker for worker in kept if worker not in alive])
        return alive + [_Worker(self._environment) for _ in range(count - len(alive))]

    def _give_back(self, idle: list["_Worker"]) -> None:
        with self._lock:
            self._idle.extend(idle)
            surplus = [self._idle.pop() for _ in range(len(self._idle) - self._workers)]
        _end_all(surplus)


class _Crew:
    """The workers of one call of `map`, and who of them does what."""

    def __init__(self, work: str, tasks: Sequence[bytes], workers: list["_Worker"]) -> None:
        self._work, self._tasks = work.encode(), tasks
        self._all, self._free = workers, deque(workers)
        self._begun, self._stop = 0, len(tasks)  # after a failure no later task is begun
        self._ready: dict[int, bytes] = {}
        self._waiting = selectors.DefaultSelector()

    def answer(self, index: int, *, until: int) -> bytes:
        """The envelope of one task; others below `until` are begun meanwhile."""
        while index not in self._ready:
            self._begin(until)
            for key, _ in self._waiting.select():
                self._hear(*key.data)
        self._begin(until)
        return self._ready.pop(index)

    def dismissed(self) -> list["_Worker"]:
        """The workers that are free; those in the middle of a task that nobody wants are ended."""
        self._waiting.close()
        _end_all([worker for worker in self._all if worker not in self._free])
        return list(self._free)

    def _begin(self, until: int) -> None:
        while self._free and self._begun < min(until, self._stop):
            worker, index = self._free.popleft(), self._begun
            self._begun += 1
            if worker.give(self._work + b"\n" + self._tasks[index]):
                self._waiting.register(worker.answers, selectors.EVENT_READ, (worker, index))
            else:
                self._note(index, None)

    def _hear(self, worker: "_Worker", index: int) -> None:
        self._waiting.unregister(worker.answers)
        envelope = worker.hear()
        self._note(index, envelope)
        if envelope is not None:
            self._free.append(worker)

    def _note(self, index: int, envelope: bytes | None) -> None:
        self._ready[index] = failure(lost()) if envelope is None else envelope
        if failed(self._ready[index]):
            self._stop = min(self._stop, index)


class _Worker:
    """One process and the two pipes to it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        command = [sys.executable, "-P", "-m", "bedside.infra.engines.worker"]
        try:
            self._process = subprocess.Popen(  # noqa: S603  (our own interpreter and module)
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
            )
        except OSError:
            raise Unavailable(
                "A worker process could not be started.",
                fix="free some memory or processes, or give it fewer workers.",
                code="worker_lost",
            ) from None
        self._tasks = cast(IO[bytes], self._process.stdin).fileno()
        self.answers = cast(IO[bytes], self._process.stdout).fileno()
        self.give(json.dumps(dict(environment)).encode())

    def alive(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def give(self, frame: bytes) -> bool:
        """Hand a frame over; False when the process has ended."""
        rest = memoryview(framed(frame))
        try:
            while rest:
                rest = rest[os.write(self._tasks, rest) :]
        except BrokenPipeError:
            return False
        return True

    def hear(self) -> bytes | None:
        """Its answer; None when the process ended before it had one."""
        return read_frame(self.answers)

    def end(self) -> None:
        """End the process, whatever it does."""
        with self._process:
            self._process.kill()


def _end_all(workers: list[_Worker]) -> None:
    while workers:
        workers.pop().end()


def _cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

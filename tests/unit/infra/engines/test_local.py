import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bedside.core.errors import Invalid, Unavailable
from bedside.infra.engines.local import LocalEngine

WHERE, DRILL = "bedside.infra.engines.probe:where", "bedside.infra.engines.probe:drill"
# A program that tells which processes work for it, and is then ended in the middle of the work.
PROGRAM = f"""
import json, sys
from bedside.infra.engines.local import LocalEngine
engine = LocalEngine(2)
task = b'{{"seconds": 0.2}}'
print(sorted({{json.loads(told)["process"] for told in engine.map({WHERE!r}, [task] * 4)}}))
sys.stdout.flush()
list(engine.map({WHERE!r}, [b'{{"seconds": 600}}'] * 4))
"""


@pytest.fixture
def engine() -> Iterator[LocalEngine]:
    opened = LocalEngine(2)
    yield opened
    opened.close()


def at_work(engine: LocalEngine, **asked: Any) -> list[dict[str, Any]]:
    task = json.dumps({"seconds": 0.2, **asked}).encode()
    return [json.loads(told) for told in engine.map(WHERE, [task] * 4)]


def running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        threads = len(os.listdir(f"/proc/{process}/task"))
    except FileNotFoundError:
        return False
    return state != "Z" or threads > 1  # its other threads may end after the first


def have_ended(processes: list[int]) -> bool:
    for _ in range(100):
        if not any(map(running, processes)):
            return True
        time.sleep(0.05)
    return False


def test_an_engine_without_a_worker_is_no_engine() -> None:
    with pytest.raises(Invalid):
        LocalEngine(0)


def test_the_processes_are_kept_for_the_next_run_and_end_when_the_engine_is_closed(
    engine: LocalEngine,
) -> None:
    first = {one["process"] for one in at_work(engine)}
    second = {one["process"] for one in at_work(engine)}
    engine.close()

    assert len(first) == 2
    assert first == second
    assert have_ended(list(first))
    assert not first & {one["process"] for one in at_work(engine)}


def test_one_task_is_done_in_this_very_process(engine: LocalEngine) -> None:
    (told,) = engine.map(WHERE, [b"{}"])

    assert json.loads(told)["process"] == os.getpid()


def test_a_worker_that_was_killed_while_it_was_idle_is_replaced(engine: LocalEngine) -> None:
    one, other = sorted({told["process"] for told in at_work(engine)})

    os.kill(one, signal.SIGKILL)
    assert have_ended([one])
    after = {told["process"] for told in at_work(engine)}

    assert other in after
    assert one not in after
    assert len(after) == 2


def test_a_worker_that_is_killed_at_work_is_told_and_the_results_before_it_come(
    engine: LocalEngine,
) -> None:
    idle = {told["process"] for told in at_work(engine)}
    tasks = [b'{"seconds": 0}'] + [b'{"seconds": 600}'] * 2
    results = engine.map(WHERE, tasks)

    next(results)
    os.kill(max(idle), signal.SIGKILL)
    os.kill(min(idle), signal.SIGKILL)
    with pytest.raises(Unavailable) as caught:
        next(results)

    assert caught.value.code == "worker_lost"
    assert "finished steps are kept" in str(caught.value)


def test_the_cores_are_shared_out_among_the_workers(engine: LocalEngine) -> None:
    cores = len(os.sched_getaffinity(0))

    told = at_work(engine, threads=True)

    assert {one["threads"] for one in told} == {max(cores // 2, 1)}


def test_what_is_to_be_set_in_a_worker_is_set_before_its_libraries_load() -> None:
    engine = LocalEngine(2, {"POLARS_MAX_THREADS": "3"})

    told = at_work(engine, threads=True)
    engine.close()

    assert {one["threads"] for one in told} == {3}


def test_no_more_is_begun_than_twice_as_many_tasks_as_workers(tmp_path: Path) -> None:
    """The tasks are counted where they are taken from, by a sequence that notes what was asked."""
    taken: list[int] = []

    class Counted(list[bytes]):
        def __getitem__(self, index: Any) -> Any:
            taken.append(index)
            return super().__getitem__(index)

    engine = LocalEngine(2)
    results = engine.map(DRILL, Counted([b'{"do": "answer"}'] * 50))
    most = []
    for done, _ in enumerate(results):
        most.append(max(taken) + 1 - done)
    engine.close()

    assert len(most) == 50
    assert max(most) <= 4


def test_what_a_worker_prints_goes_nowhere() -> None:
    program = (
        "from bedside.infra.engines.local import LocalEngine\n"
        f'list(LocalEngine(2).map({DRILL!r}, [b\'{{"do": "print", "text": "Grey"}}\'] * 3))'
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )

    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_the_program_ends_no_worker_is_left(ending: signal.Signals) -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert program.stdout is not None
    workers = json.loads(program.stdout.readline())
    time.sleep(0.2)

    if ending is signal.SIGINT:
        os.killpg(program.pid, ending)  # Ctrl-C reaches everyone at that terminal
    else:
        program.send_signal(ending)
    program.communicate(timeout=10)

    assert len(workers) == 2
    assert program.returncode != 0
    assert have_ended(workers)


def test_a_foreign_module_beside_the_program_is_not_what_a_worker_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('loaded from the folder of the data')")
    monkeypatch.chdir(tmp_path)
    engine = LocalEngine(2)

    told = at_work(engine)
    engine.close()

    assert len(told) == 4

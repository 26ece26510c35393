"""What every engine must do: the work of many shards here, in processes, or on a cluster."""

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from bedside.core.errors import BedsideError, Invalid, NotFound, Refused, Unavailable
from bedside.core.ports import Engine
from bedside.data.store.snapshot import Snapshot
from bedside.features.batch import features_at
from bedside.features.definition import Feature, FeatureSet, feature_set_to_json
from bedside.infra.engines.local import LocalEngine
from bedside.infra.engines.ray import RayEngine
from bedside.infra.engines.work import LARGEST
from bedside.lifecycle.build import build
from bedside.lifecycle.frames import frame_bytes
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.shards import features_of_snapshot
from bedside.usecases import folder_of
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace
from ray_cluster import RayCluster, start_ray_cluster
from stored import a_row, at, events_of, saved

pytestmark = pytest.mark.xdist_group("ray")  # one cluster for all
WHERE, DRILL = "bedside.infra.engines.probe:where", "bedside.infra.engines.probe:drill"
OF_POTASSIUM = FeatureSet(
    features=tuple(
        Feature(
            name=f"potassium.{aggregate}.{hours}",
            signal="potassium",
            codes=("LOINC//2823-3",),
            label="Potassium",
            aggregate=aggregate,
            window_hours=hours,
            unit="mmol/L",
        )
        for aggregate in ("count", "last", "mean", "sd", "slope", "hours_since")
        for hours in (3.0, None)
    )
)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayCluster]:
    started = start_ray_cluster(tmp_path_factory.mktemp("c", numbered=False))
    try:
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="session")
def on_the_cluster(cluster: RayCluster) -> Iterator[RayEngine]:
    engine = cluster.engine()
    yield engine
    engine.close()


def in_this_process(_request: pytest.FixtureRequest) -> Engine:
    return LocalEngine(1)


def in_two_processes(request: pytest.FixtureRequest) -> Engine:
    engine = LocalEngine(2)
    request.addfinalizer(engine.close)
    return engine


def on_two_nodes(request: pytest.FixtureRequest) -> Engine:
    return request.getfixturevalue("on_the_cluster")


Opened = Callable[[pytest.FixtureRequest], Engine]
APART = [in_two_processes, on_two_nodes]
ENGINES = [in_this_process, *APART]  # add yours here
every_engine = pytest.mark.parametrize("opened", ENGINES)
every_engine_apart = pytest.mark.parametrize("opened", APART)


def task(**asked: Any) -> bytes:
    return json.dumps(asked).encode()


def labels(results: Iterator[bytes]) -> list[str]:
    return [json.loads(result)["label"] for result in results]


@every_engine
def test_results_come_in_the_order_of_the_tasks_however_long_each_takes(
    opened: Opened, request: pytest.FixtureRequest
) -> None:
    slow_first = [task(label=str(n), seconds=0.02 * (5 - n % 5)) for n in range(23)]

    results = opened(request).map(WHERE, slow_first)

    assert labels(results) == [str(n) for n in range(23)]


@every_engine
def test_no_task_gives_no_result(opened: Opened, request: pytest.FixtureRequest) -> None:
    assert list(opened(request).map(WHERE, [])) == []


@every_engine
def test_tasks_and_results_may_be_as_large_as_the_limit(
    opened: Opened, request: pytest.FixtureRequest
) -> None:
    largest = task(do="swell", bytes=LARGEST).ljust(LARGEST)

    results = opened(request).map(DRILL, [largest] * 3)

    assert list(results) == [bytes(LARGEST)] * 3


@every_engine
@pytest.mark.parametrize(
    ("kind", "expected", "code"),
    [
        ("invalid", Invalid, "drill"),
        ("not_found", NotFound, "drill"),
        ("refused", Refused, "drill"),
        ("unavailable", Unavailable, "drill"),
        ("wrong_unit", Invalid, "wrong_unit"),
    ],
)
def test_an_error_of_ours_comes_out_as_it_was_raised_after_the_results_before_it(
    opened: Opened,
    request: pytest.FixtureRequest,
    kind: str,
    expected: type[BedsideError],
    code: str,
) -> None:
    answer = task(do="answer")
    results = opened(request).map(DRILL, [answer, answer, task(do="fail", kind=kind), answer])

    before = list(islice(results, 2))
    with pytest.raises(expected) as caught:
        next(results)

    assert before == [b"answered"] * 2
    assert type(caught.value) is expected
    assert caught.value.code == code
    if code == "drill":
        told = (caught.value.problem, caught.value.fix)
        assert told == ("This is a drill.", "nothing is to be done.")


@every_engine
def test_of_several_errors_the_first_task_s_own_is_raised(
    opened: Opened, request: pytest.FixtureRequest
) -> None:
    tasks = [task(do="answer"), task(do="fail", kind="refused"), task(do="fail", kind="invalid")]

    with pytest.raises(Refused):
        list(opened(request).map(DRILL, tasks * 4))


@every_engine
def test_of_a_foreign_error_only_the_class_is_told(
    opened: Opened, request: pytest.FixtureRequest
) -> None:
    results = opened(request).map(DRILL, [task(do="break", text="Rosalind Franklin, 3.1")] * 2)

    with pytest.raises(Unavailable, match="ZeroDivisionError") as caught:
        list(results)

    assert caught.value.code == "worker_failed"
    assert "Rosalind" not in "".join(traceback.format_exception(caught.value))


@every_engine
@pytest.mark.parametrize(
    "work",
    [
        "os:system",
        "bedside:__version__",
        "bedside.core.ids:os",
        "bedside.core.ids:json",
        "bedside.core.errors:Invalid",
        "bedside.infra.engines.local:check",  # imported there, defined elsewhere
        "bedside.infra.engines.probe:_node",
        "bedside.infra.engines.probe:where.__globals__",
        "bedside.infra.engines._probe:where",
        "bedside.no_such_room:work",
        "bedside_evil.work:work",
        "bedside.infra.engines.probe:where\n",
        "",
    ],
)
def test_work_that_is_not_a_public_function_of_bedside_is_refused_before_any_is_done(
    opened: Opened, request: pytest.FixtureRequest, work: str
) -> None:
    with pytest.raises(Invalid) as caught:
        opened(request).map(work, [b"{}"])

    assert caught.value.code == "not_our_work"


@every_engine
def test_what_is_too_large_to_travel_belongs_in_the_object_store(
    opened: Opened, request: pytest.FixtureRequest
) -> None:
    engine = opened(request)

    with pytest.raises(Invalid) as of_the_task:
        engine.map(DRILL, [task(do="answer"), bytes(LARGEST + 1)])
    with pytest.raises(Invalid) as of_the_result:
        list(engine.map(DRILL, [task(do="swell", bytes=LARGEST + 1)] * 2))

    assert of_the_task.value.code == of_the_result.value.code == "too_large_for_engine"


@every_engine
def test_two_runs_may_be_read_in_turns(opened: Opened, request: pytest.FixtureRequest) -> None:
    engine = opened(request)
    letters = [task(label=label) for label in "abcdef"]

    turns = list(zip(engine.map(WHERE, letters), engine.map(WHERE, letters[::-1]), strict=True))

    assert labels(one for one, _ in turns) == list("abcdef")
    assert labels(other for _, other in turns) == list("fedcba")


@every_engine_apart
def test_a_task_whose_worker_is_killed_is_told_and_the_next_run_works(
    opened: Opened, request: pytest.FixtureRequest
) -> None:
    engine = opened(request)
    results = engine.map(DRILL, [task(do="answer"), task(do="die"), task(do="answer")])

    first = next(results)
    with pytest.raises(Unavailable) as caught:
        next(results)

    assert first == b"answered"
    assert caught.value.code == "worker_lost"
    assert list(engine.map(DRILL, [task(do="answer")] * 5)) == [b"answered"] * 5


@every_engine_apart
def test_all_workers_share_the_work(opened: Opened, request: pytest.FixtureRequest) -> None:
    tasks = [task(seconds=0.3)] * 6

    told = [json.loads(result) for result in opened(request).map(WHERE, tasks)]

    assert len({one["process"] for one in told}) >= 2
    if opened is on_two_nodes:
        assert len({one["node"] for one in told}) == 2


@every_engine_apart
def test_whoever_stops_asking_stops_the_work_and_can_ask_anew(
    opened: Opened, request: pytest.FixtureRequest
) -> None:
    engine = opened(request)
    results = engine.map(WHERE, [task(label="0"), *[task(seconds=600)] * 9])

    next(results)
    results.close()

    assert labels(engine.map(WHERE, [task(label=label) for label in "ab"])) == ["a", "b"]


def test_what_a_task_prints_is_written_nowhere_on_a_cluster(
    on_the_cluster: RayEngine, cluster: RayCluster
) -> None:
    tasks = [task(do="print", text="Rosalind"), task(do="break", text="Rosalind")]

    with pytest.raises(Unavailable):
        list(on_the_cluster.map(DRILL, tasks))

    written = [path for path in cluster.folder.rglob("*") if path.is_file()]
    assert any(path.name.startswith("worker-") for path in written)
    assert [path for path in written if b"Rosalind" in path.read_bytes()] == []


def test_when_a_node_is_lost_the_other_ends_the_work(
    on_the_cluster: RayEngine, cluster: RayCluster
) -> None:
    tasks = [task(label=str(n), seconds=0.2) for n in range(20)]
    results = on_the_cluster.map(WHERE, tasks)

    before = [json.loads(result) for result in islice(results, 4)]
    cluster.kill_node(cluster.groups[-1])
    after = [json.loads(result) for result in results]
    cluster.add_node()

    assert [one["label"] for one in before + after] == [str(n) for n in range(20)]
    assert len({one["node"] for one in before}) == 2
    assert len({one["node"] for one in after[-4:]}) == 1


def test_a_cluster_that_asks_for_a_token_lets_in_nobody_without_it(cluster: RayCluster) -> None:
    engine = f"RayEngine({cluster.address!r}, token={'0' * 64!r})"
    asks = (
        f"from bedside.infra.engines.ray import RayEngine\nlist({engine}.map({WHERE!r}, [b'{{}}']))"
    )

    asked = subprocess.run(
        [sys.executable, "-c", asks],
        env=os.environ | {"RAY_NUM_REDIS_GET_RETRIES": "1"},  # or else it asks for 20 seconds
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert "The Ray cluster is out of reach, or refuses the token." in asked.stderr


def test_a_process_is_connected_to_one_cluster_at_a_time(
    on_the_cluster: RayEngine, cluster: RayCluster
) -> None:
    list(on_the_cluster.map(WHERE, [b"{}"]))

    with pytest.raises(Unavailable, match="close the other engine"):
        cluster.engine().map(WHERE, [b"{}"])


def test_the_cluster_of_these_tests_listens_on_loopback_alone(cluster: RayCluster) -> None:
    """What is listened on is asked of the kernel: address and inode of each listening socket."""
    lines = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    listening = {f"socket:[{line[9]}]": line[1] for line in lines if line[3] == "0A"}
    heard = set()
    for handle in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if os.getpgid(int(handle.parts[2])) in cluster.groups:
                heard.add(listening.get(os.readlink(handle), ""))

    assert len(heard - {""}) >= 4
    assert {where.rpartition(":")[0][-8:] for where in heard - {""}} == {"0100007F"}


def a_build_in_many_shards(workspace: Path, engine: Engine) -> str:
    """The bundle of the biopsies, which lie in shards of at most 4,000 events."""
    opened = open_workspace(workspace, actor=actor_of("test", "test"), progress=LineProgress())
    platform = replace(opened, engine=engine, store=replace(opened.store, target=4000))
    built = build(platform, folder_of("diagnosis"), None)
    assert len(platform.store.open("diagnosis/prepared").manifest.shards) >= 4
    return built.version.bundle


@every_engine_apart
def test_a_build_is_the_same_to_the_byte_on_every_engine(
    opened: Opened, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    here = a_build_in_many_shards(tmp_path / "here", LocalEngine(1))

    there = a_build_in_many_shards(tmp_path / "there", opened(request))

    assert there == here


def a_ward_with_corrections(platform: Platform) -> Snapshot:
    """Forty patients in several shards; every third value comes late, and every fifth again."""
    rows = []
    for subject in range(1, 41):
        for hour in range(12):
            name = f"{subject}-{hour}"
            measured = at(f"{hour:02}:00")
            late = timedelta(hours=4 if hour % 3 == 0 else 0)
            rows.append(a_row(subject, name, time=measured, known_at=measured + late, value=hour))
            if hour % 5 == 0:
                seen = measured + timedelta(hours=6)
                again = {"time": measured, "known_at": seen, "value": subject / 7}
                rows.append(a_row(subject, f"{name}-again", replaces=name, **again))
    return saved(replace(platform.store, target=60), events_of(*rows))


@every_engine
def test_features_are_the_same_to_the_bit_on_every_engine(
    opened: Opened, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    here = open_workspace(tmp_path, actor=actor_of("test", "test"), progress=LineProgress())
    snapshot = a_ward_with_corrections(here)
    asked = pl.concat(
        shard.select("subject_id", pl.lit(at("11:30")).alias("prediction_time"))
        .unique()
        .sort("subject_id")
        for shard in snapshot.shards()
    )
    there = replace(here, engine=opened(request))
    given = (snapshot, here.objects.put(frame_bytes(asked)), feature_set_to_json(OF_POTASSIUM))

    matrix = features_of_snapshot(there, *given, lambda _: None)

    assert len(snapshot.manifest.shards) >= 4
    at_once = features_at(OF_POTASSIUM, snapshot.events(), asked.sort("subject_id"))
    at_once = at_once[asked["subject_id"].arg_sort().arg_sort().to_numpy()]
    assert matrix.tobytes() == at_once.tobytes()
    assert len(np.unique(matrix, axis=0)) > 1

"""A stage and the ledger's word on it change together, wherever the process dies."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, inspect

from bedside.core.errors import Unavailable
from bedside.core.ids import digest_bytes
from bedside.core.records.version import Approval, GateResult, ModelVersion, Stage
from bedside.governance.adapters.statements import Statements
from bedside.infra.database.opening import open_database, writing
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import release
from bedside.lifecycle.rollout import hold, rollback
from bedside.lifecycle.suspending import suspend
from bedside.wiring.progress import LineProgress
from bedside.wiring.settings import settings_of
from bedside.wiring.workspace import actor_of, open_workspace
from postgres_server import a_postgres_url, drop_databases

MODEL = "biopsy"


@pytest.fixture(autouse=True)
def databases_are_dropped_afterwards() -> Iterator[None]:
    yield
    drop_databases()


@pytest.fixture(params=["sqlite", "postgres"])
def platform(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Platform]:
    """A workspace with a superseded version, a live one and one in canary."""
    settings = settings_of(tmp_path / "w")
    if request.param == "postgres":
        settings = replace(settings, database=a_postgres_url())
    platform = open_workspace(
        tmp_path / "w", actor=actor_of("t", "test"), progress=LineProgress(), settings=settings
    )
    for number, stages in enumerate(((Stage.LIVE,), (Stage.LIVE,), (Stage.CANARY,))):
        version = a_version(number)
        platform.registry.add(version)
        approve(platform, version, Stage.SILENT)
        platform.registry.move(version.id, Stage.SILENT)
        for stage in stages:
            approve(platform, version, stage)
            platform.registry.move(version.id, stage)
    yield platform
    engine_of(platform).dispose()


def engine_of(platform: Platform) -> Any:
    """The database of both."""
    return platform.registry._engine  # type: ignore[attr-defined]


def a_version(number: int) -> ModelVersion:
    bundle = digest_bytes(str(number).encode())
    return ModelVersion(
        id=f"{MODEL}@{bundle[:12]}",
        name=MODEL,
        bundle=bundle,
        stage=Stage.BUILT,
        built_at="2026-01-31T08:00:00.000000Z",
        gates=(GateResult(metric="auroc", passed=True, text="0.99 is above 0.95"),),
    )


def approve(platform: Platform, version: ModelVersion, step: Stage) -> None:
    platform.registry.record_approval(
        Approval(
            version=version.id,
            name="Dr A",
            actor="user:a",
            meaning="fit",
            approved_at="2026-01-31T09:00:00.000000Z",
            step=step,
            bundle=version.bundle,
            evidence=None if step is Stage.SILENT else "0" * 64,
        )
    )


class Killed(BaseException):
    """The process dies here."""


@contextmanager
def dying(platform: Platform, at: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every statement and every commit is a step; the process dies before this one."""
    engine = engine_of(platform)
    steps = count(1)

    def step(*_: Any) -> None:
        if next(steps) == at:
            raise Killed

    hooks = ("before_cursor_execute", "commit")
    for name in hooks:
        event.listen(engine, name, step)
    with monkeypatch.context() as own:
        for name in ("rows", "change", "insert"):
            own.setattr(Statements, name, stepping(getattr(Statements, name), step))
        try:
            yield
        finally:
            for name in hooks:
                event.remove(engine, name, step)


def stepping(real: Callable[..., Any], step: Callable[[], None]) -> Callable[..., Any]:
    def stepped(*arguments: Any, **more: Any) -> Any:
        step()
        return real(*arguments, **more)

    return stepped


def standing(platform: Platform) -> list[tuple[str, Stage, bool]]:
    suspended = {one.version for one in platform.registry.releases() if one.suspended}
    return [(one.id, one.stage, one.id in suspended) for one in platform.registry.versions()]


CHANGES: dict[str, Callable[[Platform], object]] = {
    "release": lambda platform: release(platform, a_version(0).id, Stage.RETIRED),
    "rollback": lambda platform: rollback(platform, a_version(1).id, reason="too many alerts"),
    "hold": lambda platform: hold(platform, MODEL, reason="a ward asked for it"),
    "suspend": lambda platform: suspend(platform, a_version(1).id, reason="an alarm"),
}


@pytest.mark.parametrize("action", CHANGES)
def test_wherever_the_process_dies_the_ledger_tells_the_stage_that_is(
    platform: Platform, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, deaths = standing(platform), 0
    for at in count(1):
        try:
            with dying(platform, at, monkeypatch):
                CHANGES[action](platform)
        except Killed:
            deaths += 1
        told = [one for one in platform.ledger.entries() if one.action == action]
        assert len(told) == (standing(platform) != before), f"after {at} steps"
        if told:
            break

    assert deaths >= 6, "it must have died before, between and after the two"
    assert platform.ledger.verify() == []


def test_where_the_ledger_takes_nothing_the_stage_stays(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise Unavailable("It is away.", fix="wait.", code="away")

    before = standing(platform)
    with monkeypatch.context() as fault:
        fault.setattr(type(platform.ledger), "append", away)
        with pytest.raises(Unavailable):
            rollback(platform, MODEL, reason="too many alerts")

    assert standing(platform) == before
    assert rollback(platform, MODEL, reason="too many alerts").was is Stage.CANARY


def test_another_engine_on_the_database_is_a_part_of_it(platform: Platform) -> None:
    url = engine_of(platform).url
    is_file = url.drivername == "sqlite"
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    own = open_database(Path(url.database or "") if is_file else plain)
    with pytest.raises(Killed), platform.together():
        with writing(own) as connection:
            connection.exec_driver_sql("CREATE TABLE kept (x INTEGER)")
        raise Killed

    with own.connect() as connection:
        assert not inspect(connection).has_table("kept")
    own.dispose()


def test_another_database_is_no_part_of_it(platform: Platform, tmp_path: Path) -> None:
    """What is written elsewhere inside has a transaction of its own, and stays."""
    other = open_database(tmp_path / "other.sqlite")
    with pytest.raises(Killed), platform.together():
        with writing(other) as connection:
            connection.exec_driver_sql("CREATE TABLE kept (x INTEGER)")
        raise Killed

    with other.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM kept").scalar() == 0

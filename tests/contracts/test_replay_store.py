"""What every store of used tokens must do, whatever keeps them."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from bedside.core.clock import FixedClock
from bedside.core.ports.cds_hooks import ReplayStore
from bedside.infra.database.opening import open_database, writing
from bedside.serve.adapters.sql_replay import SqlReplay
from cds_clients import later
from postgres_server import a_postgres_engine, a_postgres_url, drop_databases

_urls: dict[Path, str] = {}


def on_sqlite(folder: Path, seconds: float = 0) -> ReplayStore:
    clock = FixedClock(later(seconds))
    return SqlReplay(open_database(folder / "used.sqlite"), writing=writing, clock=clock)


def on_postgres(folder: Path, seconds: float = 0) -> ReplayStore:
    if folder not in _urls:
        _urls[folder] = a_postgres_url()
    engine = a_postgres_engine(_urls[folder])
    return SqlReplay(engine, writing=writing, clock=FixedClock(later(seconds)))


@pytest.fixture(autouse=True)
def databases_are_dropped_afterwards() -> Iterator[None]:
    yield
    _urls.clear()
    drop_databases()


STORES = [on_sqlite, on_postgres]  # add yours here
every_store = pytest.mark.parametrize("opened", STORES)
Opened = Callable[..., ReplayStore]


@every_store
def test_a_token_is_used_once_by_all_servers_together(opened: Opened, tmp_path: Path) -> None:
    one, two = opened(tmp_path), opened(tmp_path)

    assert one.first_use("ehr", "a", expires=later(60))
    assert not two.first_use("ehr", "a", expires=later(60))
    assert not one.first_use("ehr", "a", expires=later(60))
    assert two.first_use("ehr", "b", expires=later(60))


@every_store
def test_an_issuer_has_its_own_ids(opened: Opened, tmp_path: Path) -> None:
    store = opened(tmp_path)

    assert store.first_use("a", "bc", expires=later(60))
    assert store.first_use("ab", "c", expires=later(60))
    assert store.first_use("a\n", "bc", expires=later(60))


@every_store
def test_of_many_that_use_one_at_once_one_is_first(opened: Opened, tmp_path: Path) -> None:
    stores, start = [opened(tmp_path) for _ in range(4)], Barrier(4)

    def use(store: ReplayStore) -> int:
        start.wait()
        return sum(store.first_use("ehr", str(n), expires=later(60)) for n in range(20))

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(use, stores)) == 20


@every_store
def test_what_has_expired_is_forgotten_and_nothing_else(opened: Opened, tmp_path: Path) -> None:
    before = opened(tmp_path)
    before.first_use("ehr", "short", expires=later(10))
    before.first_use("ehr", "long", expires=later(100))

    after = opened(tmp_path, 50)

    assert after.first_use("ehr", "short", expires=later(200))
    assert not after.first_use("ehr", "long", expires=later(200))

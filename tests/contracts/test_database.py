"""What every metadata database must do: one writer, one state for a reader, all or nothing."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import IntegrityError

from bedside.core.errors import Invalid, Unavailable
from bedside.infra.database import postgres, sqlite
from bedside.infra.database.opening import open_database, writing
from postgres_server import a_postgres_engine, a_postgres_url, drop_databases

SECRET = 20_260_131_080_000
_urls: dict[Path, str] = {}


def on_sqlite(folder: Path) -> Engine:
    return open_database(folder / "bedside.sqlite")


def on_postgres(folder: Path) -> Engine:
    if folder not in _urls:
        _urls[folder] = a_postgres_url()
    return a_postgres_engine(_urls[folder])


DATABASES = [on_sqlite, on_postgres]  # add yours here
every_database = pytest.mark.parametrize("opened", DATABASES)
Opened = Callable[[Path], Engine]


@pytest.fixture(autouse=True)
def databases_are_dropped_afterwards() -> Iterator[None]:
    yield
    _urls.clear()
    drop_databases()


def a_table(engine: Engine) -> Engine:
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE counts (n BIGINT UNIQUE)"))
    return engine


def add(engine: Engine, number: int) -> None:
    with writing(engine) as connection:
        connection.execute(text("INSERT INTO counts VALUES (:n)"), {"n": number})


def numbers(engine: Engine) -> list[int]:
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT n FROM counts ORDER BY n")).scalars())


@every_database
def test_a_second_writer_waits_and_then_sees_what_the_first_has_left(
    opened: Opened, tmp_path: Path
) -> None:
    one, two = a_table(opened(tmp_path)), opened(tmp_path)

    def add_the_next(engine: Engine) -> None:
        for _ in range(25):
            with writing(engine) as connection:
                last = connection.execute(text("SELECT coalesce(max(n), 0) FROM counts")).scalar()
                connection.execute(text("INSERT INTO counts VALUES (:n)"), {"n": last + 1})

    threads = [threading.Thread(target=add_the_next, args=(engine,)) for engine in (one, two, one)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert numbers(one) == list(range(1, 76))


@every_database
def test_a_reader_sees_one_state_from_its_first_question_on(opened: Opened, tmp_path: Path) -> None:
    engine, asked = a_table(opened(tmp_path)), text("SELECT count(*) FROM counts")

    with engine.connect() as reader:
        before = reader.execute(asked).scalar()
        add(engine, 1)
        during = reader.execute(asked).scalar()

    assert (before, during) == (0, 0)
    assert numbers(engine) == [1]


@every_database
def test_a_reader_does_not_wait_for_a_writer(opened: Opened, tmp_path: Path) -> None:
    engine = a_table(opened(tmp_path))
    add(engine, 1)

    with writing(engine) as writer:
        writer.execute(text("INSERT INTO counts VALUES (2)"))
        seen = numbers(engine)

    assert seen == [1]
    assert numbers(engine) == [1, 2]


@every_database
@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_a_transaction_that_fails_leaves_nothing(
    opened: Opened, tmp_path: Path, error: type[BaseException]
) -> None:
    engine = a_table(opened(tmp_path))

    with pytest.raises(error):
        with writing(engine) as connection:
            connection.execute(text("INSERT INTO counts VALUES (1)"))
            connection.execute(text("CREATE TABLE more (n BIGINT)"))
            raise error

    assert numbers(engine) == []
    assert inspect(engine).get_table_names() == ["counts"]


@every_database
def test_a_writer_that_keeps_the_lock_is_told_as_busy_and_harms_nothing(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for dialect in (sqlite, postgres):
        monkeypatch.setattr(dialect, "PATIENCE_MS", 50)
    engine, other = a_table(opened(tmp_path)), opened(tmp_path)

    with writing(engine) as connection:
        connection.execute(text("INSERT INTO counts VALUES (1)"))
        with pytest.raises(Unavailable) as refused:
            add(other, 2)

    assert refused.value.code == "database_busy"
    add(other, 3)
    assert numbers(engine) == [1, 3]


@every_database
def test_an_error_of_a_statement_repeats_nothing_that_was_given(
    opened: Opened, tmp_path: Path
) -> None:
    engine = a_table(opened(tmp_path))
    add(engine, SECRET)

    with pytest.raises(IntegrityError) as error:
        add(engine, SECRET)

    told: BaseException | None = error.value
    while told is not None:
        assert str(SECRET) not in f"{told} {told!r} {told.args}"
        told = told.__cause__ or told.__context__
    assert numbers(engine) == [SECRET]


@every_database
def test_the_database_outlives_its_engine(opened: Opened, tmp_path: Path) -> None:
    engine = a_table(opened(tmp_path))
    add(engine, 1)
    engine.dispose()

    assert numbers(opened(tmp_path)) == [1]


@pytest.mark.parametrize(
    "where", ["", "bedside.sqlite", "mysql://localhost/x", "sqlite:///x.db", "postgres://h/d", "x:"]
)
def test_what_is_neither_a_path_nor_a_url_of_postgresql_is_not_opened(where: str) -> None:
    with pytest.raises(Invalid) as refused:
        open_database(where)

    assert refused.value.code == "database_url"


ANOTHER_PROCESS = """
import sys
from pathlib import Path
from bedside.infra.database.opening import open_database, writing
where = sys.argv[1]
engine = open_database(where if "://" in where else Path(where))
with writing(engine) as connection:
    connection.exec_driver_sql("INSERT INTO counts VALUES (2)")
engine.dispose()
"""


@every_database
def test_opening_it_twice_loses_nothing_when_another_process_comes_and_goes(
    opened: Opened, tmp_path: Path
) -> None:
    engine = a_table(opened(tmp_path))
    add(engine, 1)
    opened(tmp_path).dispose()

    where = _urls.get(tmp_path) or str(tmp_path / "bedside.sqlite")
    subprocess.run([sys.executable, "-c", ANOTHER_PROCESS, where], check=True, timeout=60)
    add(engine, 3)

    assert numbers(engine) == numbers(opened(tmp_path)) == [1, 2, 3]

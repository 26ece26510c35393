import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from bedside.core.errors import Refused, Unavailable
from bedside.infra.database import sqlite
from bedside.infra.database.sqlite import open_sqlite, writing


def a_database(folder: Path) -> Path:
    path = folder / "workspace.sqlite"
    with writing(open_sqlite(path)) as connection:
        connection.execute(text("CREATE TABLE counts (n INTEGER UNIQUE)"))
    return path


def count(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM counts").fetchone()[0])


def test_the_database_and_its_side_files_are_private(tmp_path: Path) -> None:
    path = tmp_path / "odd ?name%20#" / "workspace.sqlite"
    engine = open_sqlite(path)

    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE counts (n INTEGER)"))

    modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert modes == dict.fromkeys([path.name, path.name + "-wal", path.name + "-shm"], 0o600)


def test_every_connection_is_durable_keeps_foreign_keys_and_overwrites_what_is_deleted(
    tmp_path: Path,
) -> None:
    engine = open_sqlite(tmp_path / "workspace.sqlite")

    with engine.connect() as connection:
        found = [
            connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout",
                         "secure_delete")
        ]  # fmt: skip

    assert found == ["wal", 2, 1, sqlite.PATIENCE_MS, 1]


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    path = a_database(tmp_path)

    def interrupted() -> None:
        with writing(open_sqlite(path)) as connection:
            connection.execute(text("INSERT INTO counts VALUES (1)"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert count(path) == 0


def test_a_reader_sees_one_state_while_a_writer_goes_on(tmp_path: Path) -> None:
    engine = open_sqlite(a_database(tmp_path))

    with engine.connect() as reader:
        before = reader.execute(text("SELECT count(*) FROM counts")).scalar()
        with writing(engine) as writer:
            writer.execute(text("INSERT INTO counts VALUES (1)"))
        during = reader.execute(text("SELECT count(*) FROM counts")).scalar()

    assert (before, during) == (0, 0)
    with engine.connect() as reader:
        assert reader.execute(text("SELECT count(*) FROM counts")).scalar() == 1


def test_a_lock_that_is_not_given_back_is_told_as_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = a_database(tmp_path)
    monkeypatch.setattr(sqlite, "PATIENCE_MS", 50)

    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable) as refused, writing(open_sqlite(path)):
            pass

    assert refused.value.code == "database_busy"


def test_a_file_that_is_no_database_is_refused_when_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "workspace.sqlite"
    path.write_bytes(b"Dear colleague, " * 100)

    with pytest.raises(Refused) as refused:
        open_sqlite(path)

    assert refused.value.code == "database_damaged"
    assert path.read_bytes() == b"Dear colleague, " * 100


def test_a_database_whose_pages_were_overwritten_is_refused(tmp_path: Path) -> None:
    path = a_database(tmp_path)
    with writing(open_sqlite(path)) as connection:
        connection.execute(text("INSERT INTO counts VALUES (1)"))
    with closing(sqlite3.connect(path)) as connection_:
        connection_.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))

    with pytest.raises(Refused) as refused, open_sqlite(path).connect() as connection:
        connection.execute(text("SELECT n FROM counts ORDER BY n")).all()

    assert refused.value.code == "database_damaged"


def test_a_database_that_cannot_grow_is_a_full_disk_and_loses_nothing(tmp_path: Path) -> None:
    engine = open_sqlite(a_database(tmp_path))
    with writing(engine) as connection:
        connection.execute(text("INSERT INTO counts VALUES (1)"))

    def grow() -> None:
        with writing(engine) as connection:
            connection.execute(text("INSERT INTO counts VALUES (2)"))
            connection.execute(text("PRAGMA max_page_count=3"))
            connection.execute(text("CREATE TABLE big AS SELECT zeroblob(1000000)"))

    with pytest.raises(Unavailable) as refused:
        grow()

    assert refused.value.code == "disk_full"
    assert count(tmp_path / "workspace.sqlite") == 1


def test_an_error_of_a_statement_does_not_repeat_what_was_given(tmp_path: Path) -> None:
    engine = open_sqlite(a_database(tmp_path))
    secret = {"n": 20_260_131_080_000}

    def insert_twice() -> None:
        with writing(engine) as connection:
            connection.execute(text("INSERT INTO counts VALUES (:n), (:n)"), secret)

    with pytest.raises(IntegrityError) as error:
        insert_twice()

    assert str(secret["n"]) not in str(error.value)


def test_a_table_of_another_version_is_told_as_that(tmp_path: Path) -> None:
    engine = open_sqlite(a_database(tmp_path))

    for statement in ("SELECT of_another_version FROM counts", "INSERT INTO counts (x) VALUES (1)"):
        with pytest.raises(Refused) as refused, engine.connect() as connection:
            connection.execute(text(statement))
        assert refused.value.code == "other_version"

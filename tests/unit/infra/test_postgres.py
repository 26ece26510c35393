"""PostgreSQL by its URL: only over TLS, only durable, and no password in any error."""

import sys
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from bedside.core.errors import BedsideError, Invalid, Refused, Unavailable
from bedside.infra.database.opening import writing
from bedside.infra.database.postgres import open_postgres
from bedside.infra.database.postgres_errors import in_our_words
from postgres_server import a_postgres_engine, a_postgres_url, drop_databases, the_server

PASSWORD = "correct-horse"  # noqa: S105 - not one of ours


@pytest.fixture(autouse=True)
def databases_are_dropped_afterwards() -> Iterator[None]:
    yield
    drop_databases()


def all_that_is_told(error: BaseException | None) -> str:
    told = ""
    while error is not None:
        told += f"{error} {error!r}"
        error = error.__cause__ or error.__context__
    return told


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://u:{PASSWORD}@db.hospital.example/bedside",
        f"postgresql://u:{PASSWORD}@10.1.2.3:5432/bedside",
        f"postgresql://u:{PASSWORD}@db.hospital.example/bedside?sslmode=prefer",
        f"postgresql://u:{PASSWORD}@db.hospital.example/bedside?sslmode=disable",
        f"postgresql://u:{PASSWORD}@localhost.hospital.example/bedside?sslmode=allow",
        f"postgresql://u:{PASSWORD}@127.0.0.1.hospital.example/bedside",
        f"postgresql://u:{PASSWORD}@/bedside?host=db.hospital.example",
    ],
)
def test_another_machine_is_not_asked_without_tls(url: str) -> None:
    with pytest.raises(Refused) as refused:
        open_postgres(url)

    assert refused.value.code == "database_without_tls"
    assert "sslmode=verify-full" in refused.value.fix
    assert PASSWORD not in all_that_is_told(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://u:{PASSWORD}@/bedside",
        f"postgresql://u:{PASSWORD}@localhost",
        f"postgresql://u:{PASSWORD}@localhost,db/bedside",
        f"postgresql://u:{PASSWORD}@localhost/bedside?host=db.hospital.example",
        f"postgresql://u:{PASSWORD}@localhost/bedside?hostaddr=10.1.2.3",
        f"postgresql://u:{PASSWORD}@localhost/bedside?options=-csynchronous_commit=off",
        f"postgresql://u:{PASSWORD}@localhost/bedside?sslmode=require&sslmode=disable",
        f"postgresql://u:{PASSWORD}@localhost:port/bedside",
        f"postgresql+psycopg2://u:{PASSWORD}@localhost/bedside",
    ],
)
def test_a_url_that_could_mean_something_else_is_not_used(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        open_postgres(url)

    assert refused.value.code == "database_url"
    assert PASSWORD not in all_that_is_told(refused.value)


def test_a_name_that_the_surroundings_lead_elsewhere_is_still_not_used_without_tls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = a_postgres_url()
    monkeypatch.setattr("bedside.infra.database.postgres._is_here", lambda h: h == "local")
    monkeypatch.setattr("bedside.infra.database.postgres._ENCRYPTED", {None})

    with pytest.raises(Refused) as refused:
        open_postgres(url)

    assert refused.value.code == "database_without_tls"


def test_tls_that_is_asked_for_is_not_given_up_where_the_server_has_none() -> None:
    with pytest.raises(Unavailable) as refused:
        open_postgres(a_postgres_url() + "?sslmode=require")

    assert refused.value.code == "database_unavailable"


@pytest.mark.parametrize("wrong", ["password", "user", "database", "port"])
def test_a_login_that_fails_is_told_without_the_password(wrong: str) -> None:
    server = the_server()
    url = {
        "password": server.url("postgres").replace(server.password, PASSWORD),
        "user": server.url("postgres").replace("postgres:", "nobody:"),
        "database": server.url("no_such_database"),
        "port": f"postgresql://u:{PASSWORD}@127.0.0.1:1/bedside",
    }[wrong]

    with pytest.raises(Unavailable) as refused:
        open_postgres(url)

    assert refused.value.code == "database_unavailable"
    told = all_that_is_told(refused.value)
    assert PASSWORD not in told
    assert server.password not in told


def test_every_connection_waits_for_the_servers_disk_whatever_its_default_is() -> None:
    url = a_postgres_url()
    the_server().run(f"ALTER DATABASE {url.rpartition('/')[2]} SET synchronous_commit = off")

    engine = a_postgres_engine(url)

    with engine.connect() as connection:
        found = [
            connection.execute(text(f"SHOW {name}")).scalar()
            for name in ("synchronous_commit", "transaction_isolation", "lock_timeout")
        ]
    assert found == ["on", "repeatable read", "10s"]


def test_a_stricter_default_of_the_server_is_kept() -> None:
    url = a_postgres_url()
    the_server().run(
        f"ALTER DATABASE {url.rpartition('/')[2]} SET synchronous_commit = remote_apply"
    )

    with a_postgres_engine(url).connect() as connection:
        assert connection.execute(text("SHOW synchronous_commit")).scalar() == "remote_apply"


def test_a_database_that_does_not_keep_utf_8_is_refused() -> None:
    server = the_server()
    server.run("CREATE DATABASE in_latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")

    with pytest.raises(Refused) as refused:
        open_postgres(server.url("in_latin"))

    server.run("DROP DATABASE in_latin")
    assert refused.value.code == "database_not_durable"


def test_a_server_that_breaks_off_is_told_and_the_next_transaction_works() -> None:
    engine = a_postgres_engine()
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE counts (n BIGINT)"))

    with pytest.raises(Unavailable) as refused:
        with writing(engine) as connection:
            connection.execute(text("INSERT INTO counts VALUES (1)"))
            process = connection.execute(text("SELECT pg_backend_pid()")).scalar()
            the_server().run(f"SELECT pg_terminate_backend({process}, 5000)")
            connection.execute(text("INSERT INTO counts VALUES (2)"))

    assert refused.value.code == "database_unavailable"
    with writing(engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM counts")).scalar() == 0


def test_an_error_about_a_wrong_value_does_not_repeat_it() -> None:
    with pytest.raises(DBAPIError) as error:
        with a_postgres_engine().connect() as connection:
            connection.execute(text("SELECT CAST(:given AS INTEGER)"), {"given": "Rosalind"})

    told = all_that_is_told(error.value)
    assert "22P02" in told
    assert "Rosalind" not in told


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (psycopg.errors.DiskFull, "disk_full"),
        (psycopg.errors.IoError, "disk_full"),
        (psycopg.errors.LockNotAvailable, "database_busy"),
        (psycopg.errors.DeadlockDetected, "database_busy"),
        (psycopg.errors.SerializationFailure, "database_busy"),
        (psycopg.errors.DataCorrupted, "database_damaged"),
        (psycopg.errors.TooManyConnections, "database_unavailable"),
        (psycopg.errors.AdminShutdown, "database_unavailable"),
        (psycopg.errors.ReadOnlySqlTransaction, "database_unavailable"),
        (psycopg.errors.InsufficientPrivilege, "database_unavailable"),
        (psycopg.OperationalError, "database_unavailable"),
        (psycopg.errors.UniqueViolation, None),
        (psycopg.errors.SyntaxError, None),
    ],
)
def test_a_trouble_of_the_server_has_bedsides_words(
    error: type[psycopg.Error], code: str | None
) -> None:
    ours = in_our_words(error(PASSWORD), connected=True)

    assert code == (ours.code if isinstance(ours, BedsideError) else None)
    assert PASSWORD not in str(ours)


def test_without_its_library_the_extra_to_install_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)

    with pytest.raises(Unavailable, match=r"bedside\[postgres\]"):
        open_postgres("postgresql://u@localhost/bedside")

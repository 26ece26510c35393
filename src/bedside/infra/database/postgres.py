"""PostgreSQL behind SQLAlchemy: durable, one writer at a time, its troubles in plain words."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    ExceptionContext,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.exc import ArgumentError, DBAPIError

from bedside.core.errors import BedsideError, Invalid, Refused, Unavailable
from bedside.core.loopback import is_this_machine
from bedside.infra.database.postgres_errors import in_our_words, without_values

__all__ = ["open_postgres", "writing"]

PATIENCE_MS = 10_000  # how long a statement waits for another process's lock
_WRITERS_LOCK = 0x6265_6473_6964_6531  # "bedside1": one lock in each database
_MAY_SAY = frozenset({"host", "passfile", "sslcert", "sslkey", "sslmode", "sslrootcert"})
_ENCRYPTED = frozenset({"require", "verify-ca", "verify-full"})
_CONNECT = {
    "connect_timeout": 10,
    "tcp_user_timeout": 30_000,  # milliseconds
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "client_encoding": "UTF8",
    "application_name": "bedside",
}
# The server ends a writer that went away, so that its lock does not outlive it.
_SETTINGS = {
    "idle_in_transaction_session_timeout": "600000",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "timezone": "UTC",
}
_DURABLE = """SELECT current_setting('fsync') = 'on', current_setting('server_encoding') = 'UTF8',
    current_setting('synchronous_commit') IN ('on', 'remote_apply')"""


def open_postgres(url: str) -> Engine:
    """An engine on a database of PostgreSQL, with every commit synchronised to the server's disk.

    A reader's transaction sees one state of the database. The server's errors about disk, lock and
    connection come out as Bedside's own, and no error repeats a password, or what a statement was
    given. The connections end with `engine.dispose()`.

    Args:
        url: `postgresql://USER@HOST/DATABASE`. Another machine is reached only over TLS, which
            `?sslmode=verify-full&sslrootcert=FILE` asks for. The password may stand in the URL,
            or in a file that `?passfile=FILE` names.

    Raises:
        Invalid: the URL is not such a URL.
        Refused: another machine without TLS (code `database_without_tls`), or a server that does
            not synchronise its commits (`database_not_durable`).
        Unavailable: the server is out of reach or refuses the login (`database_unavailable`), or
            psycopg is not installed.
    """
    checked = _checked(url)
    _need_psycopg()
    engine = create_engine(
        checked.set(drivername="postgresql+psycopg"),
        hide_parameters=True,
        pool_pre_ping=True,
        isolation_level="REPEATABLE READ",
        connect_args=dict(_CONNECT),
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "handle_error", _translate)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1").one()
    except BedsideError:
        engine.dispose()
        raise
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that holds the writer's lock from its start, and is durable after it.

    The lock comes first and each statement then reads what is committed, so that a writer builds
    on what the writer before it has left.

    Raises:
        Unavailable: the disk is full (code `disk_full`), another process keeps the lock
            (`database_busy`); nothing of the transaction is kept. Or the server went away
            (`database_unavailable`).
    """
    writer = engine.connect().execution_options(isolation_level="READ COMMITTED")
    with writer as connection, connection.begin():
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITERS_LOCK})")
        try:
            yield connection
        except connection.dialect.loaded_dbapi.Error as error:  # a statement went to the driver
            ours = in_our_words(error, connected=True)
            without_values(error)
            raise ours or error from None


def _checked(url: str) -> URL:
    try:
        parsed = make_url(url)
        hosts = parsed.host or parsed.query.get("host")
    except (ArgumentError, ValueError):
        raise _not_a_url("it cannot be read") from None
    if parsed.drivername != "postgresql":
        raise _not_a_url("it does not begin with postgresql://")
    twice = bool(parsed.host) and "host" in parsed.query
    if twice or not isinstance(hosts, str) or not hosts or "," in hosts:
        raise _not_a_url("it does not name one host")
    if not parsed.database:
        raise _not_a_url("it names no database")
    unknown = sorted(set(parsed.query) - _MAY_SAY)
    if unknown or not all(isinstance(value, str) for value in parsed.query.values()):
        raise _not_a_url(f"after its ? it may say only {', '.join(sorted(_MAY_SAY))}, each once")
    if not _is_here(hosts) and parsed.query.get("sslmode") not in _ENCRYPTED:
        raise _without_tls()
    return parsed


def _is_here(host: str) -> bool:
    """Whether it is this machine, or a socket in its file system."""
    return host.startswith("/") or is_this_machine(host)


def _need_psycopg() -> None:
    try:
        import psycopg  # noqa: F401, PLC0415 - only who uses PostgreSQL needs it
    except ImportError:
        raise Unavailable(
            "PostgreSQL needs the library psycopg, which is not installed.",
            fix="run: pip install 'bedside[postgres]'.",
            code="extra_missing",
        ) from None


def _prepare(connection: Any, _record: Any) -> None:
    """Make a new connection durable, patient and encrypted, or close and refuse it."""
    try:
        _check_encrypted(connection)
        connection.autocommit = True
        with connection.cursor() as cursor:
            _make_durable(cursor)
        connection.autocommit = False
    except BaseException:
        connection.close()
        raise


def _check_encrypted(connection: Any) -> None:
    """Names and surroundings may lead elsewhere than the URL says."""
    address = connection.info.hostaddr
    if address and not _is_here(address) and not connection.pgconn.ssl_in_use:
        raise _without_tls()


def _make_durable(cursor: Any) -> None:
    synchronises, utf8, waits = cursor.execute(_DURABLE).fetchone()
    if not synchronises or not utf8:
        raise Refused(
            "This PostgreSQL does not synchronise what it commits, or does not keep UTF-8.",
            fix="set fsync = on in its configuration; make the database with ENCODING 'UTF8'.",
            code="database_not_durable",
        )
    settings = _SETTINGS | {"lock_timeout": str(PATIENCE_MS)}
    if not waits:
        settings["synchronous_commit"] = "on"
    for name, value in settings.items():
        cursor.execute("SELECT set_config(%s, %s, false)", (name, value))


def _translate(context: ExceptionContext) -> None:
    original = context.original_exception
    ours = in_our_words(original, connected=context.connection is not None)
    without_values(original)
    if ours is not None:
        raise ours from None
    known = context.sqlalchemy_exception
    if isinstance(known, DBAPIError):
        raise type(known)(context.statement, None, original, hide_parameters=True) from None


def _not_a_url(why: str) -> BedsideError:
    return Invalid(
        f"The URL of the database cannot be used: {why}.",
        fix="write it like postgresql://USER@HOST/DATABASE?sslmode=verify-full.",
        code="database_url",
    )


def _without_tls() -> BedsideError:
    return Refused(
        "The database is on another machine, and the URL does not ask for an encrypted connection.",
        fix="end the URL with ?sslmode=verify-full&sslrootcert=FILE, the server's authority.",
        code="database_without_tls",
    )

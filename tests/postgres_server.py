"""A real PostgreSQL for the tests: one server in each test process, a new database in each test."""

import atexit
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine

from bedside.infra.database.postgres import open_postgres
from loopback import free_port

__all__ = [
    "PostgresServer",
    "StoppedAndStarted",
    "a_postgres_engine",
    "a_postgres_url",
    "drop_databases",
    "the_server",
]

INSTALL = "apt-get install -y --no-install-recommends postgresql"
# It ends its server when the pipe to it closes, so that none outlives a test process, even a
# killed one. $1 is the program, $2 the data.
KEEPER = '"$1" -D "$2" & server=$!; trap "" INT TERM; cat >/dev/null; kill -INT $server; wait'

_made: list[str] = []
_engines: list[Engine] = []


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """Where the server is, and the password of its only user."""

    folder: Path
    port: int
    password: str
    keeper: "subprocess.Popen[bytes]"

    def url(self, database: str) -> str:
        """The URL of one of its databases."""
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/{database}"

    def run(self, statement: str, database: str = "postgres") -> None:
        """Run one statement as its owner, behind Bedside's back."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[arg-type]

    def files(self) -> bytes:
        """Every byte that it keeps on its disk, tables and log."""
        self.run("CHECKPOINT")
        paths = (path for path in (self.folder / "data").rglob("*") if path.is_file())
        return b"".join(path.read_bytes() for path in paths)

    def stop(self) -> None:
        """End the server, by closing the pipe to its keeper."""
        if self.keeper.poll() is None and self.keeper.stdin is not None:
            self.keeper.stdin.close()
            self.keeper.wait(timeout=30)
        shutil.rmtree(self.folder, ignore_errors=True)


class StoppedAndStarted:
    """A server of its own, which is stopped at once, as by a crash, and started again."""

    def __init__(self) -> None:
        the_server()  # or skip
        self._programs = _programs()
        assert self._programs is not None
        self._server = _started(self._programs)
        self.url = self._server.url("postgres")

    def crash(self) -> None:
        """Stop it without a goodbye to whoever is connected."""
        lines = (self._server.folder / "data" / "postmaster.pid").read_text().splitlines()
        os.kill(int(lines[0]), signal.SIGQUIT)
        assert self._server.keeper.stdin is not None
        self._server.keeper.stdin.close()
        self._server.keeper.wait(timeout=30)

    def start(self) -> None:
        """Start it again, on the same data."""
        assert self._programs is not None
        keeper = _keeper(self._programs, self._server.folder)
        self._server = replace(self._server, keeper=keeper)
        _wait_for(self._server)

    def end(self) -> None:
        """End it for good, and remove its data."""
        self._server.stop()


def a_postgres_url() -> str:
    """The URL of a new, empty database; `drop_databases` removes it."""
    server = the_server()
    name = f"test_{len(_made)}_{secrets.token_hex(4)}"
    server.run(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    _made.append(name)
    return server.url(name)


def a_postgres_engine(url: str | None = None) -> Engine:
    """Bedside's engine on a database, a new one when none is given; `drop_databases` ends it."""
    _engines.append(open_postgres(url or a_postgres_url()))
    return _engines[-1]


def drop_databases() -> None:
    """End every engine and remove every database that was made here; call it after each test."""
    while _engines:
        _engines.pop().dispose()
    while _made:
        the_server().run(f"DROP DATABASE {_made.pop()} WITH (FORCE)")


@cache
def the_server() -> PostgresServer:
    """The server of this process, started on first use; the test is skipped where there is none."""
    programs = _programs()
    if programs is None:
        reason = f"PostgreSQL is not installed; run: {INSTALL}"
        if os.environ.get("BEDSIDE_REQUIRE_SERVICES") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    server = _started(programs)
    atexit.register(server.stop)
    return server


def _programs() -> Path | None:
    """The folder of initdb and postgres: Debian keeps it off the PATH, the newest version last."""
    found = shutil.which("initdb")
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda one: one.parent.name)
    folders += [Path(found).resolve().parent] if found else []
    return next((one for one in reversed(folders) if (one / "postgres").exists()), None)


def _started(programs: Path) -> PostgresServer:
    folder = Path(tempfile.mkdtemp(prefix="bedside-pg-", dir="/tmp"))  # all may pass it
    password, port = secrets.token_hex(16), free_port()
    (folder / "password").write_text(password)
    as_user: list[str] = []
    if os.geteuid() == 0:  # the server refuses to run as root
        as_user = ["runuser", "-u", "postgres", "--"]
        for path in (folder, folder / "password"):
            shutil.chown(path, "postgres")
    data = folder / "data"
    subprocess.run(
        [*as_user, programs / "initdb", "--no-sync", "-D", data, "-U", "postgres",
         "--auth=scram-sha-256", f"--pwfile={folder / 'password'}", "--encoding=UTF8",
         "--locale=C"],
        check=True, capture_output=True, cwd="/",
    )  # fmt: skip
    (data / "postgresql.auto.conf").write_text(
        f"listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{folder}'\n"
        "shared_buffers = 16MB\nmax_connections = 200\n"
    )
    server = PostgresServer(folder, port, password, _keeper(programs, folder))
    _wait_for(server)
    return server


def _keeper(programs: Path, folder: Path) -> "subprocess.Popen[bytes]":
    """Start the server whose data lie in a folder."""
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            [*as_user, "sh", "-c", KEEPER, "sh", programs / "postgres", folder / "data"],
            stdin=subprocess.PIPE, stdout=log, stderr=log, cwd="/", start_new_session=True,
        )  # fmt: skip


def _wait_for(server: PostgresServer) -> None:
    for _ in range(300):
        try:
            return server.run("SELECT 1")
        except psycopg.OperationalError:
            time.sleep(0.1)
    server.stop()
    pytest.fail("PostgreSQL did not start.")

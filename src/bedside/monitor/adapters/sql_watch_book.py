"""What monitors have counted, in the database of a workspace: rows by version and day, sealed."""

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    delete,
    insert,
    select,
    update,
)

from bedside.core.errors import Refused
from bedside.core.ports.watch import WatchedSubject, WatchRun

__all__ = ["SqlWatchBook"]

_AT_ONCE = 500  # rows
_NONCE = 12  # bytes, AES-GCM
_COUNT = BigInteger().with_variant(Integer, "sqlite")
_TABLES = MetaData()
_RUNS = Table(
    "watch_runs",
    _TABLES,
    Column("version", String, primary_key=True),
    Column("at", String, nullable=False),
    Column("answers", _COUNT, nullable=False),
    Column("notes", _COUNT, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)
_DAYS = Table(
    "watch_days",
    _TABLES,
    Column("version", String, primary_key=True),
    Column("day", String, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("entries", LargeBinary, nullable=False),
)
# What judging needs of what was opened of each day; made again from the ledger where it is gone.
_OPENED = Table(
    "watch_opened",
    _TABLES,
    Column("version", String, primary_key=True),
    Column("day", String, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)
# `tag` is the ledger's keyed tag of a subject, as the index of predictions holds it.
_SUBJECTS = Table(
    "watch_subjects",
    _TABLES,
    Column("version", String, primary_key=True),
    Column("tag", String, primary_key=True),
    Column("first", String, nullable=False),
    Column("first_day", String, nullable=False),
    Column("drawn", _COUNT),
    Column("drawn_day", String),
)
Writing = Callable[[Engine], AbstractContextManager[Connection]]


class SqlWatchBook:
    """The WatchBook port on SQLAlchemy.

    Args:
        engine: The database of the workspace.
        writing: Opens a transaction that holds the writer's lock, durable when it ends.
        secret: Gives 32 bytes, asked for on first use, that seal tallies, states and which entries
            were counted (AES-256-GCM, bound to the version and the day).

    Raises:
        Unavailable, Refused: every method, as the database refuses; what was changed does not open
            (code `watch_damaged`).
    """

    def __init__(self, engine: Engine, *, writing: Writing, secret: Callable[[], bytes]) -> None:
        self._engine, self._writing, self._secret = engine, writing, secret
        self._made: AESGCM | None = None
        with writing(engine) as connection:
            _TABLES.create_all(connection)

    def run(self, version: str) -> WatchRun | None:
        """How far its monitor has come; None: it never ran."""
        found = self._runs(version)
        return found[0] if found else None

    def runs(self) -> list[WatchRun]:
        """Of every version that was ever watched."""
        return self._runs(None)

    def tallies(
        self, version: str, *, since: str | None = None, until: str | None = None
    ) -> Iterator[tuple[str, bytes]]:
        """Day (ISO date) and tally of each day that was counted, oldest first."""
        yield from self._by_day(_DAYS, "tally", version, since, until)

    def entries(self, version: str, day: str) -> bytes | None:
        """Which entries of the ledger a day's tally rests on; None: the day was not counted."""
        columns = _DAYS.c
        asked = select(columns.entries).where(columns.version == version, columns.day == day)
        with self._engine.connect() as connection:
            sealed = connection.execute(asked).scalar()
        return None if sealed is None else self._unsealed(sealed, f"entries/{version}/{day}")

    def subjects(self, version: str, tags: Collection[str]) -> dict[str, WatchedSubject]:
        """Those of these subjects, by their tags, who are known."""
        columns, wanted = _SUBJECTS.c, sorted(set(tags))
        found: dict[str, WatchedSubject] = {}
        with self._engine.connect() as connection:
            for begin in range(0, len(wanted), _AT_ONCE):
                some = wanted[begin : begin + _AT_ONCE]
                asked = select(
                    columns.tag, columns.first, columns.first_day, columns.drawn, columns.drawn_day
                ).where(columns.version == version, columns.tag.in_(some))
                for tag, first, first_day, drawn, drawn_day in connection.execute(asked):
                    found[tag] = WatchedSubject(
                        first=first, first_day=first_day, drawn=drawn, drawn_day=drawn_day
                    )
        return found

    def subject_tags(self, version: str) -> dict[str, str]:
        """The tag of every subject who is known, with the day of their first answer."""
        columns = _SUBJECTS.c
        asked = select(columns.tag, columns.first_day).where(columns.version == version)
        with self._engine.connect() as connection:
            return {row.tag: row.first_day for row in connection.execute(asked)}

    def keep(
        self,
        run: WatchRun,
        tallies: Mapping[str, bytes],
        *,
        entries: Mapping[str, bytes] | None = None,
        subjects: Mapping[str, WatchedSubject] | None = None,
        gone: Collection[str] = (),
        since: str | None = None,
    ) -> None:
        """Replace the run and these days' tallies, durably, all or nothing."""
        version = run.version
        row = {
            "version": version,
            "at": run.at,
            "answers": run.answers,
            "notes": run.notes,
            "sealed": self._sealed(run.state, f"run/{version}"),
        }
        days = [
            {
                "version": version,
                "day": day,
                "sealed": self._sealed(tally, f"tally/{version}/{day}"),
                "entries": self._sealed((entries or {}).get(day, b""), f"entries/{version}/{day}"),
            }
            for day, tally in tallies.items()
        ]
        with self._writing(self._engine) as connection:
            if since is not None:
                _rewind(connection, version, since)
            connection.execute(delete(_RUNS).where(_RUNS.c.version == version))
            connection.execute(insert(_RUNS), row)
            _drop(connection, _DAYS, "day", version, list(tallies))
            _drop(connection, _SUBJECTS, "tag", version, [*(subjects or {}), *gone])
            if days:
                connection.execute(insert(_DAYS), days)
            if subjects:
                connection.execute(insert(_SUBJECTS), _rows(version, subjects))

    def opened(
        self, version: str, *, since: str | None = None, until: str | None = None
    ) -> Iterator[tuple[str, bytes]]:
        """Day (ISO date) and what was kept of the answers that were opened, oldest first."""
        yield from self._by_day(_OPENED, "opened", version, since, until)

    def keep_opened(self, version: str, days: Mapping[str, bytes]) -> None:
        """Replace what is kept of these days' opened answers, durably, all or nothing."""
        rows = [
            {
                "version": version,
                "day": day,
                "sealed": self._sealed(content, f"opened/{version}/{day}"),
            }
            for day, content in days.items()
        ]
        if rows:
            with self._writing(self._engine) as connection:
                _drop(connection, _OPENED, "day", version, list(days))
                connection.execute(insert(_OPENED), rows)

    def drop_opened(self, days: Collection[str]) -> None:
        """Drop what is kept of the opened answers of these days, of every version, durably."""
        wanted = sorted(set(days))
        if wanted:
            with self._writing(self._engine) as connection:
                for begin in range(0, len(wanted), _AT_ONCE):
                    some = wanted[begin : begin + _AT_ONCE]
                    connection.execute(delete(_OPENED).where(_OPENED.c.day.in_(some)))

    def forget(self, version: str) -> None:
        """Drop everything of a version, so that its next run counts anew."""
        with self._writing(self._engine) as connection:
            for table in (_RUNS, _DAYS, _OPENED, _SUBJECTS):
                connection.execute(delete(table).where(table.c.version == version))

    def _runs(self, version: str | None) -> list[WatchRun]:
        asked = select(_RUNS).order_by(_RUNS.c.version)
        if version is not None:
            asked = asked.where(_RUNS.c.version == version)
        with self._engine.connect() as connection:
            rows = connection.execute(asked).all()
        return [
            WatchRun(
                version=row.version,
                at=row.at,
                answers=row.answers,
                notes=row.notes,
                state=self._unsealed(row.sealed, f"run/{row.version}"),
            )
            for row in rows
        ]

    def _by_day(
        self, table: Table, what: str, version: str, since: str | None, until: str | None
    ) -> Iterator[tuple[str, bytes]]:
        columns = table.c
        asked = select(columns.day, columns.sealed).where(columns.version == version)
        if since is not None:
            asked = asked.where(columns.day >= since)
        if until is not None:
            asked = asked.where(columns.day < until)
        with self._engine.connect() as connection:
            rows = connection.execute(asked.order_by(columns.day)).all()
        for day, sealed in rows:
            yield day, self._unsealed(sealed, f"{what}/{version}/{day}")

    @property
    def _cipher(self) -> AESGCM:
        if self._made is None:
            self._made = AESGCM(self._secret())
        return self._made

    def _sealed(self, content: bytes, label: str) -> bytes:
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, content, label.encode())

    def _unsealed(self, sealed: object, label: str) -> bytes:
        try:
            kept = bytes(sealed)  # type: ignore[call-overload]
            return self._cipher.decrypt(kept[:_NONCE], kept[_NONCE:], label.encode())
        except (InvalidTag, TypeError, ValueError):
            raise Refused(
                "What the monitor has counted is not as it was written.",
                fix="restore the workspace from a backup, or count anew: "
                "bedside monitor MODEL --anew.",
                code="watch_damaged",
            ) from None


def _rewind(connection: Connection, version: str, since: str) -> None:
    """As it was before this day."""
    days, subjects = _DAYS.c, _SUBJECTS.c
    connection.execute(delete(_DAYS).where(days.version == version, days.day >= since))
    theirs = subjects.version == version
    connection.execute(delete(_SUBJECTS).where(theirs, subjects.first_day >= since))
    connection.execute(
        update(_SUBJECTS)
        .where(theirs, subjects.drawn_day >= since)
        .values(drawn=None, drawn_day=None)
    )


def _drop(
    connection: Connection, table: Table, column: str, version: str, names: list[str]
) -> None:
    for begin in range(0, len(names), _AT_ONCE):
        some = names[begin : begin + _AT_ONCE]
        theirs = (table.c.version == version, table.c[column].in_(some))
        connection.execute(delete(table).where(*theirs))


def _rows(version: str, subjects: Mapping[str, WatchedSubject]) -> list[dict[str, object]]:
    return [
        {
            "version": version,
            "tag": tag,
            "first": one.first,
            "first_day": one.first_day,
            "drawn": one.drawn,
            "drawn_day": one.drawn_day,
        }
        for tag, one in subjects.items()
    ]

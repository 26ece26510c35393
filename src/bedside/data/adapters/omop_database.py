"""An OMOP CDM in a database: its clinical tables as Parquet, read only and piece by piece."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from io import BytesIO
from typing import Any

import polars as pl
from sqlalchemy import (
    URL,
    Connection,
    Engine,
    MetaData,
    Table,
    cast,
    create_engine,
    event,
    inspect,
    make_url,
    select,
    type_coerce,
    types,
)
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from bedside.core.errors import BedsideError, Invalid, NotFound, Refused, Unavailable
from bedside.core.loopback import is_this_machine
from bedside.data.collect.facts import Part
from bedside.interop.omop.tables import TABLES

__all__ = ["OmopDatabase"]

ROWS = 100_000  # of one piece; wide tables have some twenty columns
LARGEST = 64 << 20  # bytes of one piece
_NEVER_READ = frozenset({"note_text"})  # counted by its row, not taken
_CONCEPT = ("concept_id", "vocabulary_id", "concept_code")
_MAY_SAY = frozenset({"passfile", "schema", "sslcert", "sslkey", "sslmode", "sslrootcert"})
_ENCRYPTED = frozenset({"require", "verify-ca", "verify-full"})


@dataclass(frozen=True, slots=True)
class _Found:
    """A table of the database, and the columns of it that are read."""

    name: str
    table: Table
    columns: tuple[Any, ...]
    key: Any


class OmopDatabase:
    """The tables of one database, all as they stood at one moment.

    Nothing is written: PostgreSQL runs one read-only transaction, SQLite opens its file read only.

    Args:
        url: `postgresql://USER@HOST/DATABASE?schema=cdm&sslmode=verify-full`, or
            `sqlite:////path/to/cdm.sqlite`. It is never repeated in an error.

    Raises:
        Invalid: the URL is not such a URL (code `database_url`).
        Refused: another machine without TLS (code `database_without_tls`).
        NotFound: it holds no clinical table of the CDM.
        Unavailable: it is out of reach, or psycopg is not installed.
    """

    def __init__(self, url: str) -> None:
        parsed = _checked(url)
        schema = parsed.query.get("schema")
        self._schema = schema if isinstance(schema, str) else None
        self._concepts: bytes | None = None
        self._engine = _engine(parsed.difference_update_query(["schema"]))
        try:
            self._connection = self._opened()
            self._tables = self._found()
        except BaseException:
            self._engine.dispose()
            raise

    def __enter__(self) -> "OmopDatabase":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._engine.dispose()

    def parts(self) -> Iterator[Part]:
        """Every clinical table, in the order of its key, in pieces of at most 64 MiB.

        A table that only grew gives the same pieces again, but for the last.

        Raises:
            Unavailable: the server broke off.
        """
        for name in TABLES:
            if name in self._tables:
                number = 0
                for frame in self._pieces(self._tables[name]):
                    for content in _contents(frame):
                        yield Part(name=f"{name}-{number:06d}.parquet", content=content, unit="row")
                        number += 1

    def beside(self, name: str) -> bytes | None:
        """The concept table as `CONCEPT.parquet`, where there is one; nothing else."""
        if name.lower() != "concept.parquet" or "concept" not in self._tables:
            return None
        if self._concepts is None:  # every piece asks for it
            pieces = list(self._pieces(self._tables["concept"]))
            self._concepts = _parquet(pl.concat(pieces, how="vertical_relaxed"))
        return self._concepts

    def _opened(self) -> Connection:
        postgres = self._engine.dialect.name == "postgresql"
        one_moment = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        try:
            connection = self._engine.connect()
            if postgres:
                return connection.execution_options(**one_moment)
            connection.exec_driver_sql("BEGIN")
            return connection
        except SQLAlchemyError as error:
            raise _away(error) from None

    def _found(self) -> dict[str, _Found]:
        try:
            known = inspect(self._connection)
            names = {name.lower(): name for name in known.get_table_names(schema=self._schema)}
            names |= {name.lower(): name for name in known.get_view_names(schema=self._schema)}
            wanted = [name for name in (*TABLES, "concept") if name in names]
            if not any(name in TABLES for name in wanted):
                raise NotFound(
                    "The database holds no clinical table of the OMOP CDM.",
                    fix="name its schema in the URL: ?schema=cdm.",
                )
            meta = MetaData()
            return {
                name: _table(
                    name,
                    Table(
                        names[name],
                        meta,
                        schema=self._schema,
                        autoload_with=self._connection,
                        resolve_fks=False,
                    ),
                )
                for name in wanted
            }
        except SQLAlchemyError as error:
            raise _away(error) from None

    def _pieces(self, found: _Found) -> Iterator[pl.DataFrame]:
        """The rows of a table, at least one piece, so that an empty table is told as well."""
        schema = {column.name.lower(): _kind(column.type) for column in found.columns}
        postgres = self._engine.dialect.name == "postgresql"
        query = select(*(_told(column, postgres) for column in found.columns))
        if found.key is not None:
            query = query.order_by(found.key)
        empty = True
        try:
            told = self._connection.execute(query, execution_options={"yield_per": ROWS})
            for rows in told.partitions(ROWS):
                empty = False
                yield _frame(rows, schema)
        except SQLAlchemyError as error:
            raise _away(error) from None
        if empty:
            yield pl.DataFrame(schema=schema)


def _table(name: str, table: Table) -> _Found:
    by_name = {column.name.lower(): column for column in table.columns}
    kept = [
        column
        for lower, column in by_name.items()
        if lower not in _NEVER_READ and (name != "concept" or lower in _CONCEPT)
    ]
    key = by_name.get("concept_id" if name == "concept" else TABLES[name].key)
    return _Found(name, table, tuple(kept), key)


def _kind(kind: Any) -> Any:
    """The Polars type of a column; what SQLite calls a date it keeps as text."""
    if isinstance(kind, types.Integer):
        return pl.Int64
    if isinstance(kind, types.Numeric):  # floats among them
        return pl.Float64
    return pl.String


def _told(column: Any, postgres: bool) -> Any:
    """A column as the database itself writes it: a date that Python has not is then no fault."""
    if not postgres:
        return type_coerce(column, types.NullType()).label(column.name)
    if isinstance(column.type, types.Date | types.DateTime | types.Time):
        return cast(column, types.Text()).label(column.name)
    return column


def _frame(rows: Sequence[Any], schema: dict[str, Any]) -> pl.DataFrame:
    columns = zip(*rows, strict=True)
    made = {
        name: _series(values, kind)
        for (name, kind), values in zip(schema.items(), columns, strict=True)
    }
    return pl.DataFrame(made)


def _series(values: tuple[Any, ...], kind: Any) -> pl.Series:
    """The values in the type of their column, or as text where SQLite holds others in it."""
    if kind == pl.Float64:
        values = tuple(float(one) if isinstance(one, Decimal) else one for one in values)
    if kind != pl.String:
        try:
            return pl.Series(values, dtype=kind)
        except (TypeError, OverflowError, pl.exceptions.PolarsError):
            pass
    return pl.Series([None if one is None else str(one) for one in values], dtype=pl.String)


def _contents(frame: pl.DataFrame) -> Iterator[bytes]:
    content = _parquet(frame)
    if len(content) <= LARGEST or frame.height < 2:
        yield content
        return
    half = frame.height // 2
    yield from _contents(frame.head(half))
    yield from _contents(frame.tail(frame.height - half))


def _parquet(frame: pl.DataFrame) -> bytes:
    buffer = BytesIO()
    frame.write_parquet(buffer, compression="zstd", compression_level=1)
    return buffer.getvalue()


def _checked(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise _not_a_url("it cannot be read") from None
    if parsed.drivername == "sqlite":
        if not parsed.database or parsed.database == ":memory:" or parsed.query:
            raise _not_a_url("it does not name a file of SQLite and nothing more")
        return parsed
    if parsed.drivername != "postgresql":
        raise _not_a_url("it begins with neither postgresql:// nor sqlite://")
    if not parsed.host or not parsed.database or "," in parsed.host:
        raise _not_a_url("it does not name one host and one database")
    if set(parsed.query) - _MAY_SAY or not all(isinstance(v, str) for v in parsed.query.values()):
        raise _not_a_url(f"after its ? it may say only {', '.join(sorted(_MAY_SAY))}, each once")
    if not is_this_machine(parsed.host) and parsed.query.get("sslmode") not in _ENCRYPTED:
        raise _without_tls()
    return parsed


def _engine(url: URL) -> Engine:
    if url.drivername == "sqlite":
        path = f"file:{_quoted(str(url.database))}"
        read_only = URL.create("sqlite", database=path, query={"mode": "ro", "uri": "true"})
        engine = create_engine(read_only, hide_parameters=True)
        event.listen(engine, "connect", _bytes_as_text)
        return engine
    try:
        return create_engine(
            url.set(drivername="postgresql+psycopg"),
            hide_parameters=True,
            connect_args={
                "connect_timeout": 10,
                "application_name": "bedside",
                "options": "-c datestyle=ISO,YMD -c default_transaction_read_only=on",
            },
        )
    except (ImportError, NoSuchModuleError):
        raise Unavailable(
            "PostgreSQL needs the library psycopg, which is not installed.",
            fix="run: pip install 'bedside[postgres]'.",
            code="extra_missing",
        ) from None


def _quoted(path: str) -> str:
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _bytes_as_text(connection: Any, _record: Any) -> None:
    """A text that is not UTF-8 must not stop the reading."""
    connection.text_factory = lambda octets: octets.decode("utf-8", errors="replace")


def _not_a_url(why: str) -> Invalid:
    return Invalid(
        f"The URL of the OMOP database cannot be used: {why}.",
        fix="write it like postgresql://USER@HOST/DATABASE?schema=cdm&sslmode=verify-full.",
        code="database_url",
    )


def _without_tls() -> Refused:
    return Refused(
        "The OMOP database is on another machine, and its URL asks for no encrypted connection.",
        fix="end the URL with ?sslmode=verify-full&sslrootcert=FILE, the server's authority.",
        code="database_without_tls",
    )


def _away(error: SQLAlchemyError) -> BedsideError:
    """In our words: the database's own may repeat a password or a value."""
    return Unavailable(
        f"The OMOP database cannot be read ({type(error).__name__}).",
        fix="check that it runs, and the user, password, database and schema in its URL.",
        code="database_unavailable",
    )

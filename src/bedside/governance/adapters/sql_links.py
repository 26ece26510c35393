"""The chain read fast from the database, each hash checked over the bytes as they lie."""

from collections.abc import Iterator
from hashlib import sha256
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, Engine

from bedside.core.errors import NotFound, Unavailable
from bedside.core.records.ledger import LedgerEntry
from bedside.governance.adapters.statements import spoken
from bedside.governance.adapters.tables import ENTRIES, OPEN, entry_as_it_lies, entry_of
from bedside.governance.ledger import Link, text_of_entry

__all__ = ["SqlLinks", "read_links"]

_AT_ONCE = 1000  # rows
_COLUMNS = (
    "sequence", "at", "actor", "purpose", "action", "details", "sealed", "sealed_digest",
    "subject_tag", "previous", "hash",
)  # fmt: skip
_AFTER = (
    "SELECT sequence, at, actor, purpose, action, details, sealed, sealed_digest, subject_tag,"
    " previous, hash FROM ledger WHERE sequence > ? ORDER BY sequence"
)
_FIRST = -(1 << 63)  # also what somebody put before the first entry is seen
_LAST = "SELECT max(sequence) FROM ledger"


class SqlLinks:
    """What checkpoints and exports read of the ledger, apart from whoever writes it.

    Args:
        engine: The database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def last(self) -> int:
        """The sequence of the last entry, 0 where there is none."""
        with self._engine.connect() as connection:
            return connection.exec_driver_sql(_LAST).scalar() or 0

    def links(self, after: int = 0) -> Iterator[Link]:
        """The links of one state of the ledger, from the entry after `after` on."""
        with self._engine.connect() as connection:
            yield from read_links(connection, after)

    def entry(self, sequence: int) -> LedgerEntry:
        """One entry.

        Raises:
            NotFound: there is no such entry.
        """
        with self._engine.connect() as connection:
            row = connection.execute(OPEN.where(ENTRIES.c.sequence == sequence)).one_or_none()
        if row is None:
            raise NotFound(f"There is no entry {sequence}.", fix="see which are: bedside ledger.")
        return entry_of(row, sealed_digest=row.sealed_digest)

    def texts(self, until: int) -> Iterator[tuple[Link, bytes]]:
        """Each entry up to `until`, its link and the bytes that were hashed.

        Raises:
            Unavailable: an entry is not as it was written (code `ledger_broken`), so it has none.
        """
        with self._engine.connect() as connection:
            for row in _rows(connection, _FIRST):
                if row[0] > until:
                    return
                link = _link(row)
                if link.suspect is not None:
                    raise Unavailable(
                        f"Entry {row[0]} is not as it was written, so it cannot be handed out.",
                        fix="run: bedside ledger verify, and restore the ledger from a backup.",
                        code="ledger_broken",
                    )
                yield link, _text(row).encode()


def read_links(connection: Connection, after: int = _FIRST) -> Iterator[Link]:
    """The links in their order, of one state of the database, read as they are needed.

    The hash is taken over the stored text of the details, so it holds only if that text is, to the
    byte, what was written; only an entry whose hash does not hold is looked at more closely.
    """
    return map(_link, _rows(connection, after))


def _rows(connection: Connection, after: int) -> Iterator[tuple[Any, ...]]:
    asked = spoken(connection.dialect.name, _AFTER)
    options = {"yield_per": _AT_ONCE}
    found = connection.exec_driver_sql(asked, (after,), execution_options=options)
    cursor = found.cursor  # rows as the driver gives them
    if connection.dialect.name == "postgresql":
        for rows in found.partitions(_AT_ONCE):
            yield from map(tuple, rows)
        return
    while rows := cursor.fetchmany(_AT_ONCE):
        yield from rows


def _link(row: tuple[Any, ...]) -> Link:
    sequence, at, _, _, action, _, sealed, sealed_digest, _, previous, digest = row
    try:
        whole = (
            type(sequence) is int
            and (
                sealed_digest is None
                if sealed is None
                else sha256(sealed).hexdigest() == sealed_digest
            )
            and sha256(_text(row).encode()).hexdigest() == digest
        )
    except (TypeError, ValueError):
        whole = False
    if whole:
        return Link(sequence, at, action, previous, digest)
    suspect = entry_as_it_lies(SimpleNamespace(**dict(zip(_COLUMNS, row, strict=True))))
    return Link(sequence, at, action, previous, digest, suspect)


def _text(row: tuple[Any, ...]) -> str:
    """Raises TypeError where a field is no text."""
    sequence, at, actor, purpose, action, details, _, sealed_digest, tag, previous, _ = row
    return text_of_entry(
        sequence, at, actor, purpose, action, details, sealed_digest, tag, previous
    )

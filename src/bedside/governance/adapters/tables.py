"""The tables of the ledger, and what a row of them says."""

import json
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Double,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    inspect,
    select,
    text,
    type_coerce,
)
from sqlalchemy.types import NullType

from bedside.core.ids import canonical_json, digest_bytes
from bedside.core.records.ledger import LedgerEntry

__all__ = [
    "ENTRIES",
    "HEAD",
    "HEADS",
    "NOTES",
    "OPEN",
    "PREDICTIONS",
    "SEALED",
    "SUBJECTS",
    "WHOLE",
    "WRAPPED",
    "entry_as_it_lies",
    "entry_of",
    "make_tables",
]

_META = MetaData()
_COUNT = BigInteger().with_variant(Integer, "sqlite")

# No index on `subject_tag`: it would double what a commit writes, for a question asked rarely.
ENTRIES = Table(
    "ledger",
    _META,
    Column("sequence", _COUNT, primary_key=True, autoincrement=False),
    Column("at", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("purpose", String, nullable=False),
    Column("action", String, nullable=False),
    Column("details", String, nullable=False),
    Column("sealed", LargeBinary),
    Column("sealed_digest", String),
    Column("subject_tag", String),
    Column("previous", String, nullable=False),
    Column("hash", String, nullable=False),
)
HEAD = Table(
    "ledger_head",
    _META,
    Column("sequence", _COUNT, primary_key=True, autoincrement=False),
    Column("hash", String, nullable=False),
    Column("signature", LargeBinary, nullable=False),
)
# A row is written once and changed once, when the subject is forgotten: then `wrapped` is gone,
# `proof` shows that this ledger did it, and `forgetting` counts, so that caches notice.
SUBJECTS = Table(
    "ledger_subjects",
    _META,
    Column("tag", String, primary_key=True),
    Column("wrapped", LargeBinary),
    Column("forgotten_at", String),
    Column("forgetting", _COUNT, unique=True),
    Column("proof", String),
)

# What answers and what became known of them are found by. All of it can be made again from the
# entries, so it is not signed. `shown` is 0 or 1 in every database.
PREDICTIONS = Table(
    "predictions",
    _META,
    Column("sequence", _COUNT, primary_key=True, autoincrement=False),
    Column("prediction_id", String, nullable=False, unique=True),
    Column("at", String, nullable=False),
    Column("model", String, nullable=False),
    Column("version", String, nullable=False),
    Column("bundle", String, nullable=False),
    Column("stage", String, nullable=False),
    Column("shown", Integer, nullable=False),
    Column("channel", String, nullable=False),
    Column("caller", String, nullable=False),
    Column("as_of", String, nullable=False),
    Column("outcome", String, nullable=False),
    Column("reason", String),
    Column("latency_ms", Double, nullable=False),
    Column("input_digest", String, nullable=False),
    Column("subject_tag", String),
    Column("request_tag", String, unique=True),
)
NOTES = Table(
    "prediction_notes",
    _META,
    Column("sequence", _COUNT, primary_key=True, autoincrement=False),
    Column("prediction_id", String, nullable=False, index=True),
    Column("at", String, nullable=False),
    Column("kind", String, nullable=False),
)

# Bytes are read as they lie, so that text put in their place is a finding and not a crash.
SEALED = type_coerce(ENTRIES.c.sealed, NullType()).label("sealed")
WRAPPED = type_coerce(SUBJECTS.c.wrapped, NullType()).label("wrapped")
_OPEN_COLUMNS = [column for column in ENTRIES.c if column.name != "sealed"]
OPEN = select(*_OPEN_COLUMNS).order_by(ENTRIES.c.sequence)
WHOLE = select(*_OPEN_COLUMNS, SEALED).order_by(ENTRIES.c.sequence)
HEADS = select(
    HEAD.c.sequence, HEAD.c.hash, type_coerce(HEAD.c.signature, NullType()).label("signature")
)


def make_tables(connection: Connection) -> None:
    """Make what is not there yet; give a ledger from before there were tags its column for them."""
    found = inspect(connection)
    columns = found.get_columns("ledger") if found.has_table("ledger") else []
    if columns and all(column["name"] != "subject_tag" for column in columns):
        connection.execute(text("ALTER TABLE ledger ADD COLUMN subject_tag VARCHAR"))
    _META.create_all(connection)


def entry_as_it_lies(row: Any) -> LedgerEntry:
    """The entry of a row, such that its hash holds only if every column is as it was written."""
    sealed = row.sealed
    digest = digest_bytes(sealed) if isinstance(sealed, bytes) else sealed
    agrees = digest == row.sealed_digest
    return entry_of(row, sealed_digest=digest if agrees else f"{row.sealed_digest} is not {digest}")


def entry_of(row: Any, *, sealed_digest: str | None) -> LedgerEntry:
    """The entry of a row, with the digest that the caller vouches for."""
    return LedgerEntry(
        sequence=row.sequence,
        at=row.at,
        actor=row.actor,
        purpose=row.purpose,
        action=row.action,
        details=_details(row.details),
        sealed_digest=sealed_digest,
        subject_tag=row.subject_tag,
        previous=row.previous,
        hash=row.hash,
    )


def _details(stored: Any) -> dict[str, Any]:
    """The details of a stored text; one that is not canonical gives no details that were hashed."""
    try:
        details = json.loads(stored)
        if isinstance(details, dict) and canonical_json(details) == stored.encode():
            return details
    except (TypeError, ValueError, AttributeError, RecursionError):
        pass
    return {"unreadable": True}

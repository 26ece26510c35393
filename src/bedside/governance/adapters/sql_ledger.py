"""The ledger on a database: one transaction appends an entry and signs the new head."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import os

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import (
    Column, Connection, Engine, Integer, LargeBinary, MetaData, String, Table, delete, select,
)

from bedside.core.clock import Clock, iso
from bedside.core.errors import NotFound, Refused
from bedside.core.ids import canonical_json, digest_bytes
from bedside.core.records.ledger import GENESIS, Actor, LedgerEntry, LedgerFault
from bedside.governance.ledger import check_chain, entry_hash, guard_details

__all__ = ["SqlLedger"]

_META = MetaData()
_ENTRIES = Table(
    "ledger", _META,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("at", String, nullable=False), Column("actor", String, nullable=False),
    Column("purpose", String, nullable=False), Column("action", String, nullable=False),
    Column("details", String, nullable=False), Column("sealed", LargeBinary),
    Column("sealed_digest", String), Column("previous", String, nullable=False),
    Column("hash", String, nullable=False),
)
_HEAD = Table(
    "ledger_head", _META,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("hash", String, nullable=False), Column("signature", LargeBinary, nullable=False),
)

Writing = Callable[[Engine], AbstractContextManager[Connection]]


class SqlLedger:
    """The Ledger port on SQLAlchemy.

    Args:
        engine: The database.
        writing: Opens a transaction that holds the writer's lock.
        clock: Stamps the entries.
        sealing_key: 32 bytes for AES-256-GCM over the sealed parts.
        signing_key: Signs the head, so that dropping the last entries is found.
    """

    def __init__(
        self, engine: Engine, *, writing: Writing, clock: Clock, sealing_key: bytes,
        signing_key: Ed25519PrivateKey,
    ) -> None:
        self._engine, self._writing, self._clock = engine, writing, clock
        self._cipher, self._signer = AESGCM(sealing_key), signing_key
        with writing(engine) as connection:
            _META.create_all(connection)

    def append(
        self, actor: Actor, action: str, details: dict[str, Any], *, sealed: bytes | None = None
    ) -> LedgerEntry:
        """Add one entry; durable when this returns.

        Raises:
            Invalid: a detail's name speaks of an identity.
            Unavailable: the entry could not be made durable.
        """
        guard_details(details)
        with self._writing(self._engine) as connection:
            head = connection.execute(select(_HEAD)).one_or_none()
            sequence, previous = (head.sequence + 1, head.hash) if head else (1, GENESIS)
            body = None if sealed is None else self._seal(sealed, sequence, previous)
            unsigned = LedgerEntry(
                sequence=sequence, at=iso(self._clock.now()), actor=actor.name,
                purpose=actor.purpose, action=action, details=details,
                sealed_digest=None if body is None else digest_bytes(body),
                previous=previous, hash="",
            )
            entry = _with_hash(unsigned)
            connection.execute(_ENTRIES.insert().values(
                sequence=entry.sequence, at=entry.at, actor=entry.actor, purpose=entry.purpose,
                action=action, details=canonical_json(details).decode(), sealed=body,
                sealed_digest=entry.sealed_digest, previous=previous, hash=entry.hash,
            ))
            connection.execute(delete(_HEAD))
            signature = self._signer.sign(_head_text(sequence, entry.hash))
            connection.execute(_HEAD.insert().values(
                sequence=sequence, hash=entry.hash, signature=signature
            ))
        return entry

    def entries(self) -> Iterator[LedgerEntry]:
        """Every entry, oldest first."""
        with self._engine.connect() as connection:
            for row in connection.execute(select(_ENTRIES).order_by(_ENTRIES.c.sequence)):
                yield _entry(row)

    def unseal(self, sequence: int) -> bytes:
        """The decrypted sealed part of an entry."""
        with self._engine.connect() as connection:
            row = connection.execute(
                select(_ENTRIES).where(_ENTRIES.c.sequence == sequence)
            ).one_or_none()
        if row is None or row.sealed is None:
            raise NotFound(f"Entry {sequence} has no sealed part.", fix="name another entry.")
        try:
            label = f"{row.sequence}:{row.previous}".encode()
            return self._cipher.decrypt(row.sealed[:12], row.sealed[12:], label)
        except InvalidTag:
            raise Refused(
                f"The sealed part of entry {sequence} was changed or moved.",
                fix="run bedside ledger verify.", code="ledger_tampered",
            ) from None

    def verify(self) -> list[LedgerFault]:
        """Every fault in the chain; empty when it is whole."""
        faults = check_chain(self.entries())
        with self._engine.connect() as connection:
            for row in connection.execute(select(_ENTRIES).order_by(_ENTRIES.c.sequence)):
                digest = None if row.sealed is None else digest_bytes(row.sealed)
                if digest != row.sealed_digest:
                    faults.append(LedgerFault(
                        sequence=row.sequence, kind="edited",
                        text=f"The sealed part of entry {row.sequence} was changed.",
                    ))
            last = connection.execute(
                select(_ENTRIES).order_by(_ENTRIES.c.sequence.desc()).limit(1)
            ).one_or_none()
            heads = connection.execute(select(_HEAD)).all()
        return [*faults, *self._head_faults(last, heads)]

    def _head_faults(self, last: Any, heads: Any) -> list[LedgerFault]:
        end = last.sequence if last else 0
        if not heads and not end:
            return []
        if len(heads) != 1:
            return [LedgerFault(sequence=end, kind="unsigned", text="The head is not one row.")]
        head = heads[0]
        try:
            self._signer.public_key().verify(head.signature, _head_text(head.sequence, head.hash))
        except InvalidSignature:
            return [LedgerFault(
                sequence=head.sequence, kind="unsigned",
                text="The head's signature is not by this ledger's key.",
            )]
        if head.sequence != end:
            return [LedgerFault(
                sequence=end + 1, kind="dropped",
                text=f"The head signs {head.sequence} entries, but the last one here is {end}.",
            )]
        if head.hash != last.hash:
            return [LedgerFault(sequence=end, kind="edited",
                                text=f"Entry {end} is not the one that the head signs.")]
        return []

    def _seal(self, content: bytes, sequence: int, previous: str) -> bytes:
        nonce = os.urandom(12)
        return nonce + self._cipher.encrypt(nonce, content, f"{sequence}:{previous}".encode())


def _head_text(sequence: int, digest: str) -> bytes:
    return f"bedside-ledger\n{sequence}\n{digest}\n".encode()


def _with_hash(entry: LedgerEntry) -> LedgerEntry:
    return replace(entry, hash=entry_hash(entry))


def _entry(row: Any) -> LedgerEntry:
    try:
        details = json.loads(row.details)
    except ValueError:
        details = {"unreadable": True}
    return LedgerEntry(
        sequence=row.sequence, at=row.at, actor=row.actor, purpose=row.purpose,
        action=row.action, details=details, sealed_digest=row.sealed_digest,
        previous=row.previous, hash=row.hash,
    )

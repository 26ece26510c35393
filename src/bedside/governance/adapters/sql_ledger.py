"""The ledger on a database: one transaction appends entries and signs the new head."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, Engine, insert, select, update

from bedside.core.clock import Clock, iso
from bedside.core.errors import NotFound, Refused
from bedside.core.ids import digest_bytes
from bedside.core.records.ledger import GENESIS, Actor, LedgerDraft, LedgerEntry, LedgerFault
from bedside.governance.adapters.subject_keys import SubjectKey, SubjectKeys, clear_traces
from bedside.governance.adapters.tables import (
    ENTRIES,
    HEAD,
    HEADS,
    LAST,
    OPEN,
    SEALED,
    SUBJECTS,
    WHOLE,
    WRAPPED,
    entry_as_it_lies,
    entry_of,
    make_tables,
)
from bedside.governance.drafts import checked_details
from bedside.governance.ledger import Head, check_chain, hash_of_new

__all__ = ["SqlLedger"]

NONCE = 12  # bytes, AES-GCM

_ONE_SEALED = select(
    SEALED,
    ENTRIES.c.previous,
    ENTRIES.c.subject_tag,
    WRAPPED,
    SUBJECTS.c.forgotten_at,
    SUBJECTS.c.proof,
).join_from(ENTRIES, SUBJECTS, SUBJECTS.c.tag == ENTRIES.c.subject_tag, isouter=True)

Writing = Callable[[Engine], AbstractContextManager[Connection]]


class SqlLedger:
    """The Ledger port on SQLAlchemy.

    An entry builds only on a head that this ledger's key has signed and that names the last entry,
    so that a loss cannot be covered up by going on after it.

    Args:
        engine: The database.
        writing: Opens a transaction that holds the writer's lock.
        clock: Stamps the entries.
        sealing_key: 32 bytes for AES-256-GCM over the sealed parts.
        signing_key: Signs the head, so that dropping the last entries is found.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        writing: Writing,
        clock: Clock,
        sealing_key: bytes,
        signing_key: Ed25519PrivateKey,
    ) -> None:
        self._engine, self._writing, self._clock = engine, writing, clock
        self._cipher, self._signer = AESGCM(sealing_key), signing_key
        self._keys = SubjectKeys(sealing_key)
        self._vouched: tuple[Any, ...] | None = None  # the head that this process itself signed
        with writing(engine) as connection:
            make_tables(connection)

    def append(
        self,
        actor: Actor,
        action: str,
        details: dict[str, Any],
        *,
        sealed: bytes | None = None,
        subject: int | None = None,
    ) -> LedgerEntry:
        """Add one entry; durable when this returns. `sealed` is encrypted before it is stored.

        With a `subject` it is encrypted with a key of that subject alone. Without a sealed part
        nothing of the subject is kept.

        Raises:
            Invalid: a detail's name speaks of an identity, a value has no JSON form, or the actor,
                the purpose or the action is blank.
            Refused: the ledger's end is not as it was signed (code `ledger_broken`).
            Unavailable: the entry could not be made durable, so it is not there; or the server of
                the database broke off, and whether it is there is not known.
        """
        draft = LedgerDraft(
            actor=actor, action=action, details=details, sealed=sealed, subject=subject
        )
        return self.append_all([draft])[0]

    def append_all(self, drafts: Sequence[LedgerDraft]) -> list[LedgerEntry]:
        """Add several entries in one durable commit, under one signature: all of them or none.

        They carry one time, that of the commit. Raises what `append` raises.
        """
        texts = [checked_details(draft) for draft in drafts]
        if not drafts:
            return []
        subjects = {d.subject for d in drafts if d.sealed is not None and d.subject is not None}
        with self._writing(self._engine) as connection:
            sequence, previous = self._signed_end(connection)
            keys = self._keys.for_writing(connection, subjects)
            at, entries, rows = iso(self._clock.now()), [], []
            for draft, text in zip(drafts, texts, strict=True):
                sequence += 1
                key = keys.of.get(draft.subject) if draft.subject is not None else None
                entry, row = self._placed(draft, text, key, sequence, at, previous)
                entries.append(entry)
                rows.append(row)
                previous = entry.hash
            connection.execute(insert(ENTRIES), rows)
            self._sign_end(connection, sequence, previous)
        self._keys.remember(keys)
        return entries

    def forget(self, subject: int) -> int:
        """Destroy the subject's key: their sealed parts can never be read again.

        The entries stay, and the chain stays whole. If the subject comes back, later parts are
        sealed with a new key. A backup from before still holds the old one.

        Returns:
            How many entries have lost their sealed part, now or before.

        Raises:
            Unavailable: the key is destroyed, but a reader still keeps the database's log (code
                `database_busy`); call again.
        """
        with self._writing(self._engine) as connection:
            self._keys.forget(connection, subject, at=iso(self._clock.now()))
        clear_traces(self._engine)
        with self._engine.connect() as connection:
            return self._keys.count_forgotten(connection, subject)

    def sealed_for(self, subject: int) -> list[int]:
        """The sequences whose sealed part opens with the subject's key, oldest first."""
        with self._engine.connect() as connection:
            tag = self._keys.live_tag(connection, subject)
            found = select(ENTRIES.c.sequence).where(ENTRIES.c.subject_tag == tag)
            return list(connection.execute(found.order_by(ENTRIES.c.sequence)).scalars())

    def entries(self) -> Iterator[LedgerEntry]:
        """Every entry, oldest first."""
        with self._engine.connect() as connection:
            for row in connection.execution_options(yield_per=500).execute(OPEN):
                yield entry_of(row, sealed_digest=row.sealed_digest)

    def unseal(self, sequence: int) -> bytes:
        """The decrypted sealed part of an entry.

        Raises:
            NotFound: there is no such entry, or it has no sealed part.
            Refused: its subject was forgotten (code `erased`), or the sealed part was changed or
                moved (`ledger_broken`).
        """
        with self._engine.connect() as connection:
            asked = _ONE_SEALED.where(ENTRIES.c.sequence == sequence)
            found = connection.execute(asked).one_or_none()
        if found is None or found.sealed is None:
            raise NotFound(
                f"Entry {sequence} has no sealed part.", fix="see which have one: bedside ledger."
            )
        cipher = self._cipher_of(found, sequence)
        try:
            label = _sealed_label(sequence, found.previous)
            return cipher.decrypt(found.sealed[:NONCE], found.sealed[NONCE:], label)
        except (InvalidTag, TypeError, ValueError):
            raise _broken(f"The sealed part of entry {sequence} was changed or moved.") from None

    def verify(self) -> list[LedgerFault]:
        """Every fault in the ledger, by sequence; empty when it is whole.

        It reads one state of the database, so that writers need not wait. A subject's key that is
        gone though nobody forgot the subject is a fault too.
        """
        with self._engine.connect() as connection:
            heads = connection.execute(HEADS).all()
            head = self._head(heads[0]) if len(heads) == 1 else None
            rows = connection.execute(WHOLE, execution_options={"yield_per": 500})
            faults = check_chain((entry_as_it_lies(row) for row in rows), head)
            known = {fault.sequence for fault in faults}
            faults += [one for one in self._keys.faults(connection) if one.sequence not in known]
        return sorted(faults, key=lambda fault: fault.sequence)

    def _signed_end(self, connection: Connection) -> tuple[int, str]:
        """Sequence and hash of the last entry, checked under the writer's lock."""
        heads = connection.execute(HEADS).all()
        last = connection.execute(LAST).one_or_none()
        if not heads and last is None:
            return 0, GENESIS
        if len(heads) != 1 or last is None or tuple(heads[0][:2]) != tuple(last):
            raise _broken("The ledger does not end where it was signed.")
        if tuple(heads[0]) != self._vouched and not self._head(heads[0]).signed:
            raise _broken("The end of the ledger is not signed with this ledger's key.")
        return last.sequence, last.hash

    def _sign_end(self, connection: Connection, sequence: int, digest: str) -> None:
        signature = self._signer.sign(_head_text(sequence, digest))
        row = {"sequence": sequence, "hash": digest, "signature": signature}
        changed = connection.execute(update(HEAD), row).rowcount
        if not changed:
            connection.execute(insert(HEAD), row)
        self._vouched = tuple(row.values())

    def _head(self, row: Any) -> Head:
        try:
            self._signer.public_key().verify(row.signature, _head_text(row.sequence, row.hash))
        except (InvalidSignature, TypeError, ValueError):
            return Head(sequence=row.sequence, hash=row.hash, signed=False)
        return Head(sequence=row.sequence, hash=row.hash, signed=True)

    def _placed(
        self,
        draft: LedgerDraft,
        details: str,
        key: SubjectKey | None,
        sequence: int,
        at: str,
        previous: str,
    ) -> tuple[LedgerEntry, dict[str, Any]]:
        """The entry of a draft in its place, and its row; what is hashed is what is read again."""
        body, tag = None, None
        if draft.sealed is not None:
            cipher, tag = (self._cipher, None) if key is None else (AESGCM(key.key), key.tag)
            nonce = os.urandom(NONCE)
            label = _sealed_label(sequence, previous)
            body = nonce + cipher.encrypt(nonce, draft.sealed, label)
        fields: dict[str, Any] = {
            "sequence": sequence,
            "at": at,
            "actor": draft.actor.name,
            "purpose": draft.actor.purpose,
            "action": draft.action,
            "sealed_digest": None if body is None else digest_bytes(body),
            "subject_tag": tag,
            "previous": previous,
        }
        fields["hash"] = hash_of_new(fields, details)
        entry = LedgerEntry(**fields, details=json.loads(details))
        return entry, fields | {"details": details, "sealed": body}

    def _cipher_of(self, found: Any, sequence: int) -> AESGCM:
        """What decrypts the sealed part of a found entry."""
        if found.subject_tag is None:
            return self._cipher
        if self._keys.was_forgotten(found, found.subject_tag):
            raise Refused(
                f"The sealed part of entry {sequence} was erased: its subject was forgotten.",
                fix="nothing brings it back; the entry itself still stands.",
                code="erased",
            )
        return AESGCM(self._keys.unwrap(found.wrapped, found.subject_tag))


def _head_text(sequence: int, digest: str) -> bytes:
    return f"bedside-ledger/1\n{sequence}\n{digest}\n".encode()


def _sealed_label(sequence: int, previous: str) -> bytes:
    return f"bedside-ledger/1:{sequence}:{previous}".encode()


def _broken(problem: str) -> Refused:
    return Refused(
        f"{problem} Nothing is added to it.",
        fix="run: bedside ledger verify, and restore the ledger from a backup.",
        code="ledger_broken",
    )

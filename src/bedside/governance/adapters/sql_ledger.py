"""The ledger on a database: one transaction appends entries and signs the new head."""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, Engine, select

from bedside.core.clock import Clock, iso
from bedside.core.errors import BedsideError, Invalid, NotFound, Refused
from bedside.core.ids import digest_bytes
from bedside.core.records.ledger import GENESIS, Actor, LedgerDraft, LedgerEntry, LedgerFault
from bedside.governance.adapters.prediction_index import (
    add_to_index,
    drop_tags,
    index_older_entries,
    refusals,
)
from bedside.governance.adapters.sql_links import read_links
from bedside.governance.adapters.statements import Statements
from bedside.governance.adapters.subject_keys import SubjectKey, SubjectKeys, UsedKeys
from bedside.governance.adapters.tables import (
    ENTRIES,
    HEADS,
    OPEN,
    SEALED,
    SUBJECTS,
    WRAPPED,
    entry_of,
    make_tables,
)
from bedside.governance.drafts import as_read_again, checked_details
from bedside.governance.ledger import Head, Link, check_links, hash_of_new

__all__ = ["SqlLedger"]

NONCE = 12  # bytes, AES-GCM

AT_ONCE = 500  # sealed parts that are read together
_LAST = "SELECT sequence, hash FROM ledger ORDER BY sequence DESC LIMIT 1"
_HEAD = "SELECT sequence, hash, signature FROM ledger_head"
_MOVE_HEAD = "UPDATE ledger_head SET sequence = ?, hash = ?, signature = ?"
_FIRST_HEAD = "INSERT INTO ledger_head (sequence, hash, signature) VALUES (?, ?, ?)"
_SEALED_PARTS = select(
    ENTRIES.c.sequence,
    SEALED,
    ENTRIES.c.previous,
    ENTRIES.c.subject_tag,
    WRAPPED,
    SUBJECTS.c.forgotten_at,
    SUBJECTS.c.proof,
).join_from(ENTRIES, SUBJECTS, SUBJECTS.c.tag == ENTRIES.c.subject_tag, isouter=True)

_Checked = tuple[LedgerDraft, str]
"""A draft that is fit to be kept, and the canonical text of its details."""

Writing = Callable[[Engine], AbstractContextManager[Connection]]
Clear = Callable[[Engine, Collection[str]], None]


class SqlLedger:
    """The Ledger port on SQLAlchemy.

    The index of predictions is written in the transaction of their entries; what an older Bedside
    wrote without it is indexed when the ledger is opened.

    An entry builds only on a head that this ledger's key has signed and that names the last entry,
    so that a loss cannot be covered up by going on after it.

    Args:
        engine: The database.
        writing: Opens a transaction that holds the writer's lock.
        clear: Makes the database let go of what was overwritten in the tables named.
        clock: Stamps the entries.
        sealing_key: 32 bytes for AES-256-GCM over the sealed parts.
        signing_key: Signs the head, so that dropping the last entries is found.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        writing: Writing,
        clear: Clear,
        clock: Clock,
        sealing_key: bytes,
        signing_key: Ed25519PrivateKey,
    ) -> None:
        self._engine, self._writing, self._clock, self._clear = engine, writing, clock, clear
        self._cipher, self._signer = AESGCM(sealing_key), signing_key
        self._keys = SubjectKeys(sealing_key)
        self._vouched: tuple[Any, ...] | None = None  # the head that this process itself signed
        with writing(engine) as connection:
            make_tables(connection)
            index_older_entries(connection)

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

        They carry one time, that of the commit. Raises what `append` raises, and `AlreadyAnswered`
        where one of them answers a request that has its answer.
        """
        checked = [(draft, checked_details(draft)) for draft in drafts]
        if not drafts:
            return []
        with self._writing(self._engine) as connection:
            statements = Statements(connection)
            for refusal in refusals(statements, drafts).values():
                raise refusal
            entries, keys = self._add(connection, statements, checked)
        self._keys.remember(keys)
        return entries

    def append_each(self, drafts: Sequence[LedgerDraft]) -> list[LedgerEntry | BedsideError]:
        """Add those that can be taken in one durable commit; one that cannot fails alone.

        Returns:
            For each draft its entry, or why it is not there: `Invalid` as `append` raises it, or
            `AlreadyAnswered`.

        Raises:
            Refused, Unavailable: as `append` raises them; none of the drafts was added.
        """
        told: list[LedgerEntry | BedsideError | None] = [None] * len(drafts)
        fit: dict[int, _Checked] = {}
        for place, draft in enumerate(drafts):
            try:
                fit[place] = draft, checked_details(draft)
            except Invalid as error:
                told[place] = error
        if fit:
            places = list(fit)
            with self._writing(self._engine) as connection:
                statements, asked = Statements(connection), [draft for draft, _ in fit.values()]
                for place, refusal in refusals(statements, asked).items():
                    told[places[place]] = refusal
                taken = [place for place in places if told[place] is None]
                entries, keys = self._add(connection, statements, [fit[one] for one in taken])
            self._keys.remember(keys)
            for place, entry in zip(taken, entries, strict=True):
                told[place] = entry
        return [one for one in told if one is not None]

    def forget(self, subject: int) -> int:
        """Destroy the subject's key: their sealed parts can never be read again.

        The entries stay, and the chain stays whole; the index of predictions keeps no tag of
        the subject or of their requests. If the subject comes back, later parts are
        sealed with a new key. A backup from before still holds the old one.

        Returns:
            How many entries have lost their sealed part, now or before.

        Raises:
            Unavailable: the key is destroyed, but a reader still keeps the database's log (code
                `database_busy`); call again.
        """
        with self._writing(self._engine) as connection:
            tag = self._keys.forget(connection, subject, at=iso(self._clock.now()))
            drop_tags(connection, tag)
        self._clear(self._engine, [SUBJECTS.name])
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
            asked = _SEALED_PARTS.where(ENTRIES.c.sequence == sequence)
            found = connection.execute(asked).one_or_none()
        if found is None or found.sealed is None:
            raise NotFound(
                f"Entry {sequence} has no sealed part.", fix="see which have one: bedside ledger."
            )
        return self._opened(found)

    def unseal_all(self, sequences: Iterable[int]) -> Iterator[tuple[int, bytes]]:
        """The sealed part of each of these entries that has one which was not erased.

        Raises:
            Refused: a sealed part was changed or moved (code `ledger_broken`).
        """
        wanted = list(sequences)
        for begin in range(0, len(wanted), AT_ONCE):
            some = _SEALED_PARTS.where(ENTRIES.c.sequence.in_(wanted[begin : begin + AT_ONCE]))
            with self._engine.connect() as connection:
                rows = connection.execute(some.order_by(ENTRIES.c.sequence)).all()
            for row in rows:
                if row.sealed is not None and not self._is_erased(row):
                    yield row.sequence, self._opened(row)

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

    def verify(self) -> list[LedgerFault]:
        """Every fault in the ledger, by sequence; empty when it is whole.

        It reads one state of the database, so that writers need not wait. A subject's key that is
        gone though nobody forgot the subject is a fault too.
        """
        return self.verified(lambda links: links)

    def verified(self, seen: Callable[[Iterator[Link]], Iterator[Link]]) -> list[LedgerFault]:
        """What `verify` says, while `seen` looks at every link on its way, and hands it on."""
        with self._engine.connect() as connection:
            heads = connection.execute(HEADS).all()
            head = self._head(*heads[0]) if len(heads) == 1 else None
            faults = check_links(seen(read_links(connection)), head)
            known = {fault.sequence for fault in faults}
            faults += [one for one in self._keys.faults(connection) if one.sequence not in known]
        return sorted(faults, key=lambda fault: fault.sequence)

    def _add(
        self, connection: Connection, statements: Statements, checked: Sequence[_Checked]
    ) -> tuple[list[LedgerEntry], UsedKeys]:
        """Add the entries and what finds them, and sign the new end; under the writer's lock."""
        subjects = {d.subject for d, _ in checked if d.sealed is not None and d.subject is not None}
        sequence, previous = self._signed_end(statements)
        keys = self._keys.for_writing(connection, statements, subjects)
        at, entries, rows = iso(self._clock.now()), list[LedgerEntry](), list[tuple[Any, ...]]()
        for draft, text in checked:
            sequence += 1
            key = keys.of.get(draft.subject) if draft.subject is not None else None
            entry, body = self._placed(draft, text, key, sequence, at, previous)
            entries.append(entry)
            rows.append(_row(entry, text, body))
            previous = entry.hash
        if rows:
            statements.insert(ENTRIES, rows)
            add_to_index(statements, entries)
            self._sign_end(statements, sequence, previous)
        return entries, keys

    def _signed_end(self, statements: Statements) -> tuple[int, str]:
        """Sequence and hash of the last entry, checked under the writer's lock."""
        heads, last = statements.rows(_HEAD), statements.rows(_LAST)
        if not heads and not last:
            return 0, GENESIS
        if len(heads) != 1 or not last or heads[0][:2] != last[0]:
            raise _broken("The ledger does not end where it was signed.")
        if heads[0] != self._vouched and not self._head(*heads[0]).signed:
            raise _broken("The end of the ledger is not signed with this ledger's key.")
        sequence, digest = last[0]
        return sequence, digest

    def _sign_end(self, statements: Statements, sequence: int, digest: str) -> None:
        row = (sequence, digest, self._signer.sign(_head_text(sequence, digest)))
        if not statements.change(_MOVE_HEAD, row):
            statements.change(_FIRST_HEAD, row)
        self._vouched = row

    def _head(self, sequence: int, digest: str, signature: Any) -> Head:
        try:
            self._signer.public_key().verify(signature, _head_text(sequence, digest))
        except (InvalidSignature, TypeError, ValueError):
            return Head(sequence=sequence, hash=digest, signed=False)
        return Head(sequence=sequence, hash=digest, signed=True)

    def _placed(
        self,
        draft: LedgerDraft,
        details: str,
        key: SubjectKey | None,
        sequence: int,
        at: str,
        previous: str,
    ) -> tuple[LedgerEntry, bytes | None]:
        """The entry of a draft in its place, and its sealed part.

        A cipher is made for each part: that takes a microsecond, and one kept for each subject
        would take 5 KB.
        """
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
        return LedgerEntry(**fields, details=as_read_again(draft.details, details)), body

    def _opened(self, found: Any) -> bytes:
        """The decrypted sealed part of a found row."""
        cipher = self._cipher_of(found)
        try:
            label = _sealed_label(found.sequence, found.previous)
            return cipher.decrypt(found.sealed[:NONCE], found.sealed[NONCE:], label)
        except (InvalidTag, TypeError, ValueError):
            raise _broken(
                f"The sealed part of entry {found.sequence} was changed or moved."
            ) from None

    def _is_erased(self, found: Any) -> bool:
        tag = found.subject_tag
        return tag is not None and self._keys.was_forgotten(found, tag)

    def _cipher_of(self, found: Any) -> AESGCM:
        """What decrypts the sealed part of a found entry."""
        if found.subject_tag is None:
            return self._cipher
        if self._is_erased(found):
            raise Refused(
                f"The sealed part of entry {found.sequence} was erased: its subject was forgotten.",
                fix="nothing brings it back; the entry itself still stands.",
                code="erased",
            )
        return AESGCM(self._keys.unwrap(found.wrapped, found.subject_tag))


def _row(entry: LedgerEntry, details: str, sealed: bytes | None) -> tuple[Any, ...]:
    """The row of an entry, in the order of the columns."""
    return (
        entry.sequence, entry.at, entry.actor, entry.purpose, entry.action, details, sealed,
        entry.sealed_digest, entry.subject_tag, entry.previous, entry.hash,
    )  # fmt: skip


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

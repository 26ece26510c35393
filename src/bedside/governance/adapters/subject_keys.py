"""The key of each subject's sealed parts: made on first use, wrapped, and destroyed to forget."""

import hmac
import json
import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, func, select, update

from bedside.core.errors import Refused
from bedside.core.records.ledger import LedgerFault
from bedside.governance.adapters.statements import Statements, spoken
from bedside.governance.adapters.tables import ENTRIES, SUBJECTS, WRAPPED

__all__ = ["SubjectKey", "SubjectKeys", "UsedKeys"]

NONCE = 12  # bytes, AES-GCM
CACHED = 32_768  # subjects whose key this process remembers, in about 10 MB

_STATE = (WRAPPED, SUBJECTS.c.forgotten_at, SUBJECTS.c.proof)
_FORGETTINGS = "SELECT max(forgetting) FROM ledger_subjects"
_KNOWN = (
    "SELECT tag, wrapped, forgotten_at, proof FROM ledger_subjects"
    " WHERE tag IN (SELECT value FROM json_each(?))"
)
_USED = (
    select(ENTRIES.c.subject_tag, func.min(ENTRIES.c.sequence).label("first"))
    .where(ENTRIES.c.subject_tag.is_not(None))
    .group_by(ENTRIES.c.subject_tag)
    .subquery()
)
_USED_KEYS = select(_USED.c.subject_tag, _USED.c.first, *_STATE).join_from(
    _USED, SUBJECTS, SUBJECTS.c.tag == _USED.c.subject_tag, isouter=True
)


@dataclass(frozen=True, slots=True)
class SubjectKey:
    """A subject's key, and the tag under which the database keeps it."""

    tag: str
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class UsedKeys:
    """The keys of one transaction, and how many subjects had been forgotten when it read them."""

    of: dict[int, SubjectKey] = field(default_factory=dict)
    forgettings: int = 0


class SubjectKeys:
    """One AES-256 key for each subject, in the table `ledger_subjects`.

    A tag is an HMAC of the subject, so that the table names nobody. A subject who was forgotten
    and comes back gets a new tag and a new key; what lay under the old one stays unreadable.

    Args:
        secret: 32 bytes, from which the key that wraps and the key that names are derived.
    """

    def __init__(self, secret: bytes) -> None:
        self._naming = hmac.digest(secret, b"bedside-ledger/1 subject tag", "sha256")
        self._wrapping = AESGCM(hmac.digest(secret, b"bedside-ledger/1 subject key", "sha256"))
        self._lock = threading.Lock()
        self._cached: OrderedDict[int, SubjectKey] = OrderedDict()
        self._forgettings = 0

    def for_writing(
        self, connection: Connection, statements: Statements, subjects: Iterable[int]
    ) -> UsedKeys:
        """The key of each subject, made where there is none; under the writer's lock.

        Give the result to `remember` once the transaction is durable, and not before.
        """
        wanted = set(subjects)
        if not wanted:
            return UsedKeys()
        ((forgettings,),) = statements.rows(_FORGETTINGS)
        forgettings = forgettings or 0
        keys = self._remembered(wanted, forgettings)
        made: list[tuple[str, bytes, None, None, None]] = []
        unknown = [subject for subject in wanted if subject not in keys]
        for subject, tag, row in self._current(connection, unknown):
            if row is None:
                key = os.urandom(32)
                made.append((tag, self._wrap(key, tag), None, None, None))
            else:
                key = self.unwrap(row.wrapped, tag)
            keys[subject] = SubjectKey(tag, key)
        statements.insert(SUBJECTS, made)
        return UsedKeys(keys, forgettings)

    def remember(self, used: UsedKeys) -> None:
        """Keep the keys of a transaction that is durable, unless somebody was forgotten since."""
        with self._lock:
            if used.forgettings != self._forgettings:
                return
            for subject, key in used.of.items():
                self._cached[subject] = key
                self._cached.move_to_end(subject)
            while len(self._cached) > CACHED:
                self._cached.popitem(last=False)

    def forget(self, connection: Connection, subject: int, *, at: str) -> str:
        """Destroy the subject's key, under the writer's lock; return its tag."""
        _, tag, row = next(self._current(connection, [subject]))
        if row is not None:
            number = (connection.exec_driver_sql(_FORGETTINGS).scalar() or 0) + 1
            gone = {
                "wrapped": None,
                "forgotten_at": at,
                "forgetting": number,
                "proof": self._proof(tag, at),
            }
            connection.execute(update(SUBJECTS).where(SUBJECTS.c.tag == tag).values(**gone))
        return tag

    def count_forgotten(self, connection: Connection, subject: int) -> int:
        """How many entries were sealed with a key of the subject that is destroyed."""
        tags = self._forgotten_tags(connection, subject)
        if not tags:
            return 0
        count = select(func.count()).where(ENTRIES.c.subject_tag.in_(tags))
        return int(connection.execute(count).scalar_one())

    def live_tag(self, connection: Connection, subject: int) -> str:
        """The tag of the subject's key of today, whether there is one or not."""
        return next(self._current(connection, [subject]))[1]

    def unwrap(self, wrapped: Any, tag: str) -> bytes:
        """The bytes of a key.

        Raises:
            Refused: it is missing, was changed, or belongs to another subject or secret (code
                `ledger_broken`).
        """
        try:
            return self._wrapping.decrypt(wrapped[:NONCE], wrapped[NONCE:], _label(tag))
        except (InvalidTag, TypeError, ValueError):
            raise Refused(
                "A subject's key in the ledger is not as it was written.",
                fix="run: bedside ledger verify, and restore the ledger from a backup.",
                code="ledger_broken",
            ) from None

    def was_forgotten(self, row: Any, tag: str) -> bool:
        """Whether `forget` destroyed the key of this row, and not somebody else."""
        if row.wrapped is not None or row.forgotten_at is None:
            return False
        try:
            return hmac.compare_digest(row.proof, self._proof(tag, row.forgotten_at))
        except (TypeError, ValueError):  # what stands there is no text of ours
            return False

    def faults(self, connection: Connection) -> list[LedgerFault]:
        """Keys that entries need and that are gone or changed, though nobody was forgotten."""
        rows = connection.execute(_USED_KEYS, execution_options={"yield_per": 500})
        return [fault for row in rows if (fault := self._fault(row)) is not None]

    def _fault(self, row: Any) -> LedgerFault | None:
        what = f"The key of the sealed part of entry {row.first}"
        if self.was_forgotten(row, row.subject_tag):
            return None
        if row.wrapped is None:
            text = f"{what} is missing, though this ledger did not forget its subject."
            return LedgerFault(sequence=row.first, kind="dropped", text=text)
        try:
            self.unwrap(row.wrapped, row.subject_tag)
        except Refused:
            text = f"{what} is not as it was written."
            return LedgerFault(sequence=row.first, kind="edited", text=text)
        return None

    def _remembered(self, wanted: set[int], forgettings: int) -> dict[int, SubjectKey]:
        with self._lock:
            if forgettings != self._forgettings:
                self._cached.clear()
                self._forgettings = forgettings
            return {one: self._cached[one] for one in wanted if one in self._cached}

    def _current(
        self, connection: Connection, subjects: list[int]
    ) -> Iterator[tuple[int, str, Any]]:
        """Each subject's tag that was not forgotten, and its row, None when there is none yet."""
        generation = 0
        while subjects:
            tags = {self._tag(subject, generation): subject for subject in subjects}
            rows = _rows(connection, list(tags))
            subjects = []
            for tag, subject in tags.items():
                row = rows.get(tag)
                if row is None or row.forgotten_at is None:
                    yield subject, tag, row
                else:
                    subjects.append(subject)
            generation += 1

    def _forgotten_tags(self, connection: Connection, subject: int) -> list[str]:
        tags: list[str] = []
        while True:
            tag = self._tag(subject, len(tags))
            row = _rows(connection, [tag]).get(tag)
            if row is None or row.forgotten_at is None:
                return tags
            tags.append(tag)

    def _tag(self, subject: int, generation: int) -> str:
        return hmac.digest(self._naming, b"%d:%d" % (subject, generation), "sha256").hex()

    def _proof(self, tag: str, at: Any) -> str:
        return hmac.digest(self._naming, f"forgotten {tag} {at}".encode(), "sha256").hex()

    def _wrap(self, key: bytes, tag: str) -> bytes:
        nonce = os.urandom(NONCE)
        return nonce + self._wrapping.encrypt(nonce, key, _label(tag))


def _rows(connection: Connection, tags: list[str]) -> dict[str, Any]:
    asked = spoken(connection.dialect.name, _KNOWN)
    return {row.tag: row for row in connection.exec_driver_sql(asked, (json.dumps(tags),))}


def _label(tag: str) -> bytes:
    return f"bedside-ledger/1 subject {tag}".encode()

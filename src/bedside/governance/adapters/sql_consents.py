"""What patients permit and refuse, in the database of a workspace; identifiers lie encrypted."""

import os
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Engine, delete, insert, select

from bedside.core.clock import iso
from bedside.core.errors import Refused
from bedside.core.records.consent import Consent, provision_of, told_provisions
from bedside.governance.adapters.governed_tables import CONSENTS, Writing

__all__ = ["SqlConsents"]

NONCE = 12  # bytes, AES-GCM


class SqlConsents:
    """The Consents port on SQLAlchemy.

    Args:
        engine: The database, with the tables of `make_governed_tables`.
        writing: Opens a transaction that holds the writer's lock.
        key: Gives 32 bytes for AES-256-GCM over the identifiers, when they are needed; each is
            bound to its own row's tag.
    """

    def __init__(self, engine: Engine, *, writing: Writing, key: Callable[[], bytes]) -> None:
        self._engine, self._writing, self._key = engine, writing, key

    def add(self, consent: Consent, identifier: str) -> None:
        """Keep what a patient said, durably; the identifier is encrypted before it is stored."""
        nonce = os.urandom(NONCE)
        sealed = nonce + AESGCM(self._key()).encrypt(
            nonce, identifier.encode(), consent.tag.encode()
        )
        row = {
            "tag": consent.tag,
            "sealed": sealed,
            "provision": told_provisions([consent.provision]),
            "recorded": iso(consent.recorded),
            "recorded_by": consent.by,
            "is_withdrawal": int(consent.is_withdrawal),
        }
        with self._writing(self._engine) as connection:
            connection.execute(insert(CONSENTS), row)

    def all(self) -> list[Consent]:
        """Every consent, oldest first; nobody is named."""
        return [_consent(row) for row in self._rows()]

    def identified(self) -> list[tuple[str, Consent]]:
        """Each consent and the identifier of the patient, oldest first.

        Raises:
            Refused: one of them was changed (code `consent_damaged`).
        """
        rows = self._rows()
        cipher = AESGCM(self._key()) if rows else None
        return [(_identifier(cipher, row), _consent(row)) for row in rows if cipher is not None]

    def forget(self, tags: Collection[str]) -> int:
        """Remove what patients said who are erased; return how many rows that were."""
        with self._writing(self._engine) as connection:
            gone = connection.execute(delete(CONSENTS).where(CONSENTS.c.tag.in_(sorted(tags))))
            return int(gone.rowcount)

    def _rows(self) -> list[Any]:
        with self._engine.connect() as connection:
            asked = select(CONSENTS).order_by(CONSENTS.c.number)
            return [*connection.execute(asked).mappings().all()]


def _identifier(cipher: AESGCM, row: Any) -> str:
    sealed: bytes = row["sealed"]
    try:
        told = cipher.decrypt(sealed[:NONCE], sealed[NONCE:], row["tag"].encode())
    except InvalidTag:
        raise Refused(
            "A consent was changed after it was written down.",
            fix="restore the workspace's database from a backup.",
            code="consent_damaged",
        ) from None
    return told.decode()


def _consent(row: Any) -> Consent:
    (provision,) = provision_of(row["provision"])
    return Consent(
        tag=row["tag"],
        provision=provision,
        recorded=datetime.fromisoformat(row["recorded"]),
        by=row["recorded_by"],
        is_withdrawal=bool(row["is_withdrawal"]),
    )

"""The rule of the ledger: how an entry is sealed to the one before it, and what breaks the chain."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import re

from bedside.core.errors import Invalid
from bedside.core.ids import digest_of
from bedside.core.records.ledger import GENESIS, LedgerEntry, LedgerFault

__all__ = ["check_chain", "entry_hash", "guard_details"]

_IDENTITY = re.compile(r"(^|_)(subject|patient|mrn|ssn|birth|surname|address|phone|email)")


def entry_hash(entry: LedgerEntry) -> str:
    """SHA-256 over every field of the entry but the hash itself, `previous` included."""
    body = asdict(entry)
    del body["hash"]
    return digest_of(body)


def guard_details(details: dict[str, Any]) -> None:
    """Refuse details whose names speak of an identity.

    Raises:
        Invalid: a key such as patient_id or mrn; counts (`…_count`, `subjects`) are fine.
    """
    for key in details:
        if _IDENTITY.search(key) and not key.endswith(("_count", "subjects")):
            raise Invalid(
                f"The ledger does not take the detail '{key}': it could identify a person.",
                fix="put it in the sealed part.",
            )


def check_chain(entries: Iterable[LedgerEntry]) -> list[LedgerFault]:
    """Every break in a chain of entries, oldest first: edited, dropped or reordered."""
    faults: list[LedgerFault] = []
    previous, expected = GENESIS, 1
    for entry in entries:
        if entry.sequence != expected:
            faults.append(LedgerFault(
                sequence=expected, kind="dropped",
                text=f"Entry {expected} is missing: {entry.sequence} stands in its place.",
            ))
        if entry_hash(entry) != entry.hash:
            faults.append(LedgerFault(
                sequence=entry.sequence, kind="edited",
                text=f"Entry {entry.sequence} was edited after it was written.",
            ))
        elif entry.previous != previous and entry.sequence == expected:
            faults.append(LedgerFault(
                sequence=entry.sequence, kind="reordered",
                text=f"Entry {entry.sequence} does not follow the entry before it.",
            ))
        previous, expected = entry.hash, entry.sequence + 1
    return faults

"""What a ledger in front of another one reads there: everything that is durable."""

from collections.abc import Iterable, Iterator

from bedside.core.ports import Ledger
from bedside.core.records.ledger import LedgerEntry, LedgerFault

__all__ = ["ReadBehind"]


class ReadBehind:
    """The reading half of the Ledger port, passed on to the ledger behind this one.

    Args:
        ledger: Where the entries lie.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def sealed_for(self, subject: int) -> list[int]:
        """The sequences whose sealed part opens with the subject's key, oldest first."""
        return self._ledger.sealed_for(subject)

    def entries(self) -> Iterator[LedgerEntry]:
        """Every entry that is durable, oldest first."""
        return self._ledger.entries()

    def entry(self, sequence: int) -> LedgerEntry:
        """One entry that is durable."""
        return self._ledger.entry(sequence)

    def unseal(self, sequence: int) -> bytes:
        """The decrypted sealed part of an entry."""
        return self._ledger.unseal(sequence)

    def unseal_all(self, sequences: Iterable[int]) -> Iterator[tuple[int, bytes]]:
        """The sealed part of each of these entries that has one which was not erased."""
        return self._ledger.unseal_all(sequences)

    def verify(self) -> list[LedgerFault]:
        """Every fault in the chain; empty when it is whole."""
        return self._ledger.verify()

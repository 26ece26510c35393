"""Where parts come from: a folder, a server, a database, the journal of a listener."""

from collections.abc import Iterator
from typing import Protocol

from bedside.core.records.conversion import BadRecord
from bedside.data.collect.facts import Part

__all__ = ["Incoming"]


class Incoming(Protocol):
    """What is to be collected."""

    bad: list[BadRecord]
    """What could not be read at all."""

    def parts(self, split: str) -> Iterator[Part]:
        """Every part there is, in the same order each time.

        Args:
            split: `lines`: a long text may be cut at line ends; `rows`: between the rows of a
                table, with its header before each part; `whole`: it may not.
        """
        ...

    def beside(self, name: str) -> bytes | None:
        """The content of another file of the source by its name, or None."""
        ...

    def fingerprint(self) -> str:
        """Changes when a file that may be looked at beside others does."""
        ...

    def kept(self) -> None:
        """Everything that was given is kept durably and need not be given again."""
        ...

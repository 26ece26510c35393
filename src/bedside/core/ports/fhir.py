"""What gives FHIR resources out of a live server, and where it notes how far it has come."""

from collections.abc import Iterator
from typing import Any, Protocol

from bedside.core.records.fhir_export import ReceivedPart

__all__ = ["ExportState", "FhirSource"]


class ExportState(Protocol):
    """A small note that outlives the process, so that an export goes on where it was.

    It is a JSON object. It holds the addresses of the server's files, which on some servers are all
    that one needs to read them: keep it as you would keep patient data.
    """

    def load(self) -> dict[str, Any] | None:
        """What was saved last, or None."""
        ...

    def save(self, state: dict[str, Any]) -> None:
        """Keep it in place of what was there; durable when this returns."""
        ...


class FhirSource(Protocol):
    """A FHIR server that gives what it holds, as parts of NDJSON."""

    def export(self, state: ExportState) -> Iterator[ReceivedPart]:
        """Let the server write everything into files, and read them (Bulk Data `$export`).

        **To ask for the next part is to say that the one before is kept, durably.** A process that
        is killed goes on with the same `state`: it starts no second export, and reads no file again
        that was kept whole. The parts of a file that was not come again, under the same names.

        Raises:
            Refused: the server does not let us in, sends us elsewhere, or gives more than declared.
            Invalid: the server does not do what is asked, or answers what cannot be read.
            Unavailable: the server is out of reach, busy, or too slow; call again later.
        """
        ...

    def search(self) -> Iterator[ReceivedPart]:
        """Page through the server's search, type by type.

        Nothing is noted on the way: a search that was killed begins again.

        Raises:
            Invalid: no types are declared; see `export` for the others.
        """
        ...

    def close(self) -> None:
        """Close the connections."""
        ...

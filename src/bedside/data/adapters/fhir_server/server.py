"""The FHIR server as the rest of Bedside sees it."""

import time
from collections.abc import Callable, Iterator
from types import TracebackType

from bedside.core.clock import Clock
from bedside.core.errors import Invalid
from bedside.core.ports.fhir import ExportState
from bedside.core.records.fhir_export import FhirServerOptions, ReceivedPart
from bedside.data.adapters.fhir_server.access import Access
from bedside.data.adapters.fhir_server.bulk import BulkExport
from bedside.data.adapters.fhir_server.client_key import ClientKey
from bedside.data.adapters.fhir_server.job import JobNote
from bedside.data.adapters.fhir_server.paging import PagedSearch
from bedside.data.adapters.fhir_server.wire import Wire

__all__ = ["FhirServer"]


class FhirServer:
    """The FhirSource port on a live server; see the port for what its verbs promise.

    Args:
        options: The server as the hospital declares it.
        private_key: PEM or JWK, where a client id is declared; never shown.
        clock: Says what time it is.
        sleep: Waits so many seconds.
        tell: Takes one line of plain words about what happens; never a patient's value.

    Raises:
        Invalid: a client id without a key or the other way round (code `no_auth`), a key that is
            not fit, or certificates that cannot be read.
    """

    def __init__(
        self,
        options: FhirServerOptions,
        *,
        clock: Clock,
        private_key: bytes | None = None,
        sleep: Callable[[float], None] = time.sleep,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        if (options.client_id is None) != (private_key is None):
            raise Invalid(
                "The FHIR server's client id and its private key belong together.",
                fix="declare client_id and give its private key, or neither.",
                code="no_auth",
            )
        key = None if private_key is None else ClientKey(private_key, options.key_id)
        self._wire = Wire(options, clock=clock, sleep=sleep)
        self._access = None if key is None else Access(self._wire, key)
        self._tell = tell

    def export(self, state: ExportState) -> Iterator[ReceivedPart]:
        """Let the server write everything into files, and read them; see the port."""
        return BulkExport(self._wire, self._access, JobNote(state), self._tell).parts()

    def search(self) -> Iterator[ReceivedPart]:
        """Page through the server's search, type by type; see the port."""
        return PagedSearch(self._wire, self._access).parts()

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    def __enter__(self) -> "FhirServer":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

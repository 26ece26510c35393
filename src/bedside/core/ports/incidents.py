"""Where it is kept which incidents there are."""

from typing import Protocol

from bedside.core.records.incident import Incident

__all__ = ["Incidents"]


class Incidents(Protocol):
    """The incidents of a workspace, without their words, which lie sealed in the ledger."""

    def put(self, incident: Incident) -> None:
        """Keep an incident as it is now, durably."""
        ...

    def get(self, incident_id: str) -> Incident:
        """One incident.

        Raises:
            NotFound: there is no such incident.
        """
        ...

    def all(self, model: str | None = None) -> list[Incident]:
        """Every incident, or those of a model, oldest first."""
        ...

"""Alarms to a FHIR server, as Communications that it keeps once."""

import json
from dataclasses import dataclass

from bedside.core.ports.fhir_out import FhirTarget
from bedside.core.records.watch import AlarmSeverity
from bedside.interop.fhir_out.communication import alarm_transaction

__all__ = ["FhirSink"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FhirSink:
    """The AlarmSink port on a FHIR server.

    Args:
        name, least, models: See the port.
        target: The server.
    """

    name: str
    least: AlarmSeverity
    models: tuple[str, ...]
    target: FhirTarget
    kind: str = "fhir"

    def send(self, body: bytes) -> None:
        """Create the Communication of one message, unless the server has it.

        Raises:
            Refused, Invalid, Unavailable: as the port FhirTarget raises them.
        """
        self.target.transact(alarm_transaction(json.loads(body)))

"""Where people are told of alarms: one port for every kind of sink."""

from typing import Protocol

from bedside.core.records.watch import AlarmSeverity

__all__ = ["AlarmSink"]


class AlarmSink(Protocol):
    """One place that is told of alarms.

    A message is told at least once. It carries the same id however often it is sent, so that a
    sink that keeps ids takes it once.
    """

    @property
    def name(self) -> str:
        """As the settings of the workspace call it."""
        ...

    @property
    def kind(self) -> str:
        """`webhook`, `alertmanager`, `mail` or `fhir`."""
        ...

    @property
    def least(self) -> AlarmSeverity:
        """It is told of alarms that are at least so severe."""
        ...

    @property
    def models(self) -> tuple[str, ...]:
        """It is told of these models' alarms; none: of every model's."""
        ...

    def send(self, body: bytes) -> None:
        """Tell it, once; what it took is told when this returns.

        Args:
            body: One message, JSON as `bedside.interop.alarm_json` writes it.

        Raises:
            BedsideError: it was not told; the code says why, and nothing of a reply is repeated.
        """
        ...

"""Where a monitor keeps what it has counted and seen, and where its alarms stand."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from bedside.core.records.watch import Alarm

__all__ = ["Alarms", "Deliveries", "Delivery", "WatchBook", "WatchRun"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchRun:
    """How far the monitor of a version has come.

    Args:
        version: The version's id.
        at: When it ran last (ISO 8601).
        answers: Sequence of the last ledger entry of an answer that is counted.
        notes: Sequence of the last ledger entry of a note that is counted.
        state: Of the detectors, as they wrote it.
    """

    version: str
    at: str
    answers: int
    notes: int
    state: bytes


class WatchBook(Protocol):
    """The day tallies and the detector state of each watched version. Sealed at rest."""

    def run(self, version: str) -> WatchRun | None:
        """How far its monitor has come; None: it never ran."""
        ...

    def runs(self) -> list[WatchRun]:
        """Of every version that was ever watched."""
        ...

    def tallies(
        self, version: str, *, since: str | None = None, until: str | None = None
    ) -> Iterator[tuple[str, bytes]]:
        """Day (ISO date) and tally of each day that was counted, oldest first.

        Args:
            version: The version's id.
            since: This day or later.
            until: Before this day.
        """
        ...

    def keep(self, run: WatchRun, tallies: Mapping[str, bytes]) -> None:
        """Replace the run and these days' tallies, durably, all or nothing."""
        ...

    def forget(self, version: str) -> None:
        """Drop everything of a version, so that its next run counts anew."""
        ...


class Alarms(Protocol):
    """The alarms of a workspace; their words and evidence lie sealed in the ledger too."""

    def put(self, alarm: Alarm) -> None:
        """Keep an alarm as it is now, durably."""
        ...

    def get(self, alarm_id: str) -> Alarm:
        """One alarm.

        Raises:
            NotFound: there is no such alarm.
        """
        ...

    def all(self, model: str | None = None, *, unresolved: bool = False) -> list[Alarm]:
        """Every alarm, or those of a model, oldest first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message to one sink.

    Args:
        key: Sink, alarm and step: a message is sent once however often it is put.
        sink: Name of the sink in the workspace's settings.
        alarm: Id of the alarm.
        body: What is sent; holds no patient's value.
        state: Where it stands.
        tries: How often it was tried.
        next_at: Not before (ISO 8601).
        why: Code of the last failure.
    """

    key: str
    sink: str
    alarm: str
    body: bytes
    state: str = "waiting"
    tries: int = 0
    next_at: str = ""
    why: str = ""


class Deliveries(Protocol):
    """Messages about alarms that wait for their sinks: nothing is lost, nothing sent twice."""

    def put(self, delivery: Delivery) -> bool:
        """Keep it, durably, unless its key is known; whether it was new."""
        ...

    def due(self, now: str, *, limit: int = 100) -> list[Delivery]:
        """Those that wait and may be tried now, oldest first."""
        ...

    def change(self, delivery: Delivery) -> None:
        """Replace what is kept under its key."""
        ...

    def all(self, *, state: str | None = None) -> list[Delivery]:
        """Every message, oldest first."""
        ...

"""Where a monitor keeps what it has counted and seen, and where its alarms stand."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from bedside.core.records.watch import Alarm

__all__ = ["Alarms", "Deliveries", "Delivery", "WatchBook", "WatchRun", "WatchedSubject"]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedSubject:
    """Which answer about a subject counts, as far as that is known; days are ISO dates.

    Args:
        first: As of when the subject was first asked about (ISO 8601).
        first_day: The day of the record of that answer.
        drawn: Sequence of the answer that counts; None: it has not come yet.
        drawn_day: The day of its record.
    """

    first: str
    first_day: str
    drawn: int | None = None
    drawn_day: str | None = None


class WatchBook(Protocol):
    """Day tallies, opened columns and detector state of each watched version. Sealed at rest."""

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

    def entries(self, version: str, day: str) -> bytes | None:
        """Which entries of the ledger a day's tally rests on; None: the day was not counted."""
        ...

    def subjects(self, version: str, tags: Collection[str]) -> dict[str, WatchedSubject]:
        """Those of these subjects, by their tags, who are known."""
        ...

    def subject_tags(self, version: str) -> dict[str, str]:
        """The tag of every subject who is known, with the day of their first answer."""
        ...

    def keep(
        self,
        run: WatchRun,
        tallies: Mapping[str, bytes],
        *,
        entries: Mapping[str, bytes] | None = None,
        subjects: Mapping[str, WatchedSubject] | None = None,
        gone: Collection[str] = (),
        since: str | None = None,
    ) -> None:
        """Replace the run and these days' tallies, durably, all or nothing.

        Args:
            run: How far its monitor has come.
            tallies: By day.
            entries: By day, which entries its tally rests on.
            subjects: By tag, those who are new or whose answer was drawn.
            gone: Tags of subjects who were erased: nothing of them is kept.
            since: First drop every tally of this day or later, and whatever of subjects became
                known then.
        """
        ...

    def opened(
        self, version: str, *, since: str | None = None, until: str | None = None
    ) -> Iterator[tuple[str, bytes]]:
        """Day (ISO date) and what was kept of the answers that were opened, oldest first.

        Args:
            version: The version's id.
            since: This day or later.
            until: Before this day.
        """
        ...

    def keep_opened(self, version: str, days: Mapping[str, bytes]) -> None:
        """Replace what is kept of these days' opened answers, durably, all or nothing."""
        ...

    def drop_opened(self, days: Collection[str]) -> None:
        """Drop what is kept of the opened answers of these days, of every version, durably."""
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
        put: When it was first kept (ISO 8601).
        state: `waiting`, `sent`, `dead`: given up until a person lets it wait again, or
            `outdated`: given up, and a later message about the alarm was sent.
        tries: How often it was tried.
        next_at: Not before (ISO 8601).
        why: Code of the last failure; `being_sent` while somebody tries it.
    """

    key: str
    sink: str
    alarm: str
    body: bytes
    put: str = ""
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

    def claim(self, delivery: Delivery, until: str) -> Delivery | None:
        """Take it for one try that nobody else makes before `until`; None: another took it."""
        ...

    def change(self, delivery: Delivery) -> None:
        """Replace what is kept under its key."""
        ...

    def all(self, *, state: str | None = None) -> list[Delivery]:
        """Every message, oldest first."""
        ...

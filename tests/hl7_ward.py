"""A ward that speaks HL7 v2: its source, its messages, and what answers them in this process."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bedside.core.clock import SystemClock
from bedside.core.records.collection import Collection, KnownAt
from bedside.core.records.declaration import Channels
from bedside.core.records.fhir_letter import Letter, LetterState
from bedside.core.records.hl7v2_channel import Hl7v2
from bedside.core.records.mllp import MllpOptions
from bedside.core.records.version import Stage
from bedside.data.adapters.mllp.following import Follower
from bedside.data.adapters.mllp.journal import Journal
from bedside.interop.hl7v2.message import Segment, read_message
from bedside.lifecycle.hl7_feed import Hl7Feed, Round
from bedside.lifecycle.hl7_history import PatientHistory
from bedside.lifecycle.hl7_questions import Answering
from bedside.lifecycle.platform import Platform
from bedside.serve.asked_before import AskedBefore
from bedside.serve.service import Service, models_of
from bedside.wiring.fhir import outbox_of
from bedside.wiring.progress import LineProgress
from bedside.wiring.sources import journal_folder
from bedside.wiring.workspace import actor_of, open_workspace
from served import a_declaration, a_served_model

__all__ = ["NOW", "Ward", "admission", "an_oru", "observed", "the_source"]

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LACTATE, HEART_RATE = "2524-7^lactate^LN", "8867-4^heart rate^LN"
_RULE = KnownAt(after="1 d", recorded=True)


def stamp(at: datetime) -> str:
    """A moment as HL7 v2 writes it."""
    return at.astimezone(UTC).strftime("%Y%m%d%H%M%S+0000")


def the_source(**changes: Any) -> Collection:
    """What the ward sends."""
    told: dict[str, Any] = {
        "bedside": 1,
        "name": "ward",
        "title": "The ward",
        "format": "hl7v2",
        "licence": "none",
        "release_mode": "identified",
        "known_at": {
            "patient": KnownAt(after="1 d", counted_from="first", recorded=True),
            **dict.fromkeys(("encounter", "encounter_end", "observation", "report"), _RULE),
        },
    }
    return Collection(**(told | changes))


def a_head(kind: str, control: str, made: datetime, sender: str = "LAB") -> str:
    """The first segment of a message."""
    return f"MSH|^~\\&|{sender}|WEST|BEDSIDE||{stamp(made)}||{kind}|{control}|P|2.5.1"


def admission(
    control: str, *, patient: str = "7", made: datetime = NOW, born: str = "19550203"
) -> bytes:
    """An ADT^A01 about a patient."""
    lines = (
        a_head("ADT^A01^ADT_A01", control, made, "ADT"),
        f"PID|1||{patient}^^^WEST^MR||Canary^Quetzal||{born}|F",
        "PV1|1|I|ICU",
    )
    return "".join(f"{one}\r" for one in lines).encode()


def an_oru(
    control: str,
    *,
    patient: str = "7",
    made: datetime = NOW,
    lactate: float | None = 4.2,
    heart_rate: float | None = 118.0,
    order: str = "F1",
    status: str = "F",
    unit: str = "mmol/L",
) -> bytes:
    """An ORU^R01 with these values, observed half an hour before it was made."""
    told = ((LACTATE, lactate, unit), (HEART_RATE, heart_rate, "/min"))
    observations = [
        f"OBX|{at}|NM|{code}||{value:g}|{unit_of}|||||{status}|||{stamp(made - HALF_AN_HOUR)}"
        for at, (code, value, unit_of) in enumerate(told, start=1)
        if value is not None
    ]
    lines = (
        a_head("ORU^R01^ORU_R01", control, made),
        f"PID|1||{patient}^^^WEST^MR||Canary^Quetzal||19550203|F",
        f"OBR|1||{order}|24326-1^panel^LN",
        *observations,
    )
    return "".join(f"{one}\r" for one in lines).encode()


HALF_AN_HOUR = timedelta(minutes=30)


def observed(letter: Letter | bytes) -> dict[str, Segment]:
    """The observations of a result, by their codes."""
    content = letter if isinstance(letter, bytes) else letter.content or b""
    return {one.text(3): one for one in read_message(content).segments if one.name == "OBX"}


@dataclass
class Ward:
    """A workspace with a journal, and what answers it; `restart` is as another process would.

    `before` are messages that were kept before anything answered; `around` wraps the outbox.
    """

    folder: Path
    stage: Stage = Stage.LIVE
    channel: Hl7v2 = Hl7v2(messages=("ORU^R01", "ADT^A01"), receiving_application="EHR")  # noqa: RUF009
    around: Callable[[Any], Any] = lambda outbox: outbox
    before: tuple[bytes, ...] = ()
    listener: MllpOptions | None = None

    def __post_init__(self) -> None:
        self.source = the_source(listener=self.listener)
        self.platform: Platform = open_workspace(
            self.folder, actor=actor_of("test", "test"), progress=LineProgress()
        )
        self.erased: set[str] = set()
        self.outbox: Any = outbox_of(self.platform)
        self._open()

    def _open(self) -> None:
        keys = self.platform.store.data_keys
        folder = journal_folder(self.platform, self.source)
        self.journal = journal = Journal(folder, keys)
        journal.append(self.before)
        self.before = ()
        declared = a_declaration(channels=Channels(hl7v2=self.channel))
        self.served = a_served_model(
            declaration=declared, stage=self.stage, ledger=self.platform.ledger, now=NOW
        )
        self.service = Service(
            models_of([self.served.answerer], {}),
            tagging=self.platform.tag,
            before=AskedBefore(self.platform.ledger, self.platform.predictions),
        )
        place = self.platform
        self.feed = Hl7Feed(
            Answering(
                source=self.source,
                feed=Follower(folder, keys, durable=lambda: journal.place),
                history=PatientHistory(self.source, self._collected),
                service=self.service,
                outbox=self.around(self.outbox),
                ledger=place.ledger,
                predictions=place.predictions,
                receiver="mllp://127.0.0.1:2576",
                clock=SystemClock(),
                tag=place.tag,
                erased=lambda: self.erased,
                record=lambda action, details: place.ledger.append(place.actor, action, details),
            )
        )

    def _collected(self) -> Any:
        named = [one for one in self.platform.store.entries() if one.name == "ward/collected"]
        return self.platform.store.opened(named[-1]) if named else None

    def close(self) -> None:
        """End, as a process does that is told to."""
        self.service.close()
        self.journal.close()

    def restart(self) -> None:
        """End, and begin anew on the same workspace."""
        self.close()
        self._open()

    def receive(self, *messages: bytes, at: datetime = NOW) -> None:
        """Keep messages in the journal, as the listener does."""
        self.journal.append(messages, at)

    def look(self) -> Round:
        """Answer all that waits; what was done in all."""

        async def all_rounds() -> Round:
            done = Round()
            while True:
                one = await self.feed.round()
                done = replace(done + one, problem=one.problem)
                if one.problem is not None or not one.messages:
                    return done

        return asyncio.run(all_rounds())

    def letters(self) -> list[Letter]:
        """Every letter, without its content."""
        found: list[Letter] = list(self.outbox.listed(set(LetterState), most=10_000))
        return found

    def waiting(self) -> list[Letter]:
        """What is to be sent, opened."""
        later = SystemClock().now() + timedelta(days=1)
        found: list[Letter] = list(self.outbox.due("mllp://127.0.0.1:2576", later, most=10_000))
        return found

    def answers(self) -> list[dict[str, Any]]:
        """The open details of every answer in the ledger."""
        return [one.details for one in self.platform.ledger.entries() if one.action == "answer"]

"""What is known of a patient when an HL7 v2 message comes: the data set, and the feed since.

The messages go through the very steps by which they are collected: the reader of the format, the
source's own codes and rules for `known_at`, the order of versions, merges, units. So a model reads
at the bedside what it learnt from.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

import polars as pl

from bedside.core.errors import Invalid
from bedside.core.ids import subject_pseudonym
from bedside.core.records.collection import Collection
from bedside.core.records.event import EVENT_COLUMNS, Event
from bedside.core.records.received import Received
from bedside.data.collect.adding import first_contacts, kept_drafts, stored_events
from bedside.data.collect.draft import draft_of
from bedside.data.collect.facts import UTC_US, Batch, Part
from bedside.data.collect.formats.registry import reader_of
from bedside.data.collect.versions import decide, known_versions, versions_of
from bedside.data.prepare import prepare_events
from bedside.data.store.as_of import known_as
from bedside.data.store.layout import STORED_SCHEMA
from bedside.data.store.snapshot import Snapshot
from bedside.interop.hl7v2.grouping import patient_groups
from bedside.interop.hl7v2.message import Message
from bedside.interop.hl7v2.patient import prior_identifier, read_patient

__all__ = ["Known", "PatientHistory", "patients_of"]

_ABOUT = (
    "subject_id",
    "known_at",
    "code",
    "source_row",
    "replaces",
    "source_file",
    "source_offset",
)
UNREAD_BEFORE = "An earlier message about this patient could not be read; what it says is missing."
_REMEMBERED = 1024  # patients whose stored events are kept at hand


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What stood of a patient at a moment, and what is to be said beside a score.

    `others` are the codes of the numbers that nobody asks for.
    """

    events: tuple[Event, ...]
    notes: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


@dataclass(slots=True)
class _Message:
    """One message of the feed; what it says is read when it is first needed."""

    received: Received
    batch: Batch | None = None


def patients_of(message: Message) -> tuple[str, ...]:
    """The patients whom a message is about, as collecting names them; without whom it merges."""
    found = (read_patient(one.patient) for one in patient_groups(message) if one.patient)
    names = (one.identifier.name for one in found if one.identifier is not None)
    return tuple(dict.fromkeys(names))


class PatientHistory:
    """The messages of a feed by patient, and the data set that was collected from it before.

    Held in memory are the messages that were not collected yet. Not for several threads.

    Args:
        source: How the feed is read.
        snapshot: The newest state of what was collected; None: nothing was.
    """

    def __init__(self, source: Collection, snapshot: Callable[[], Snapshot | None]) -> None:
        self._source, self._newest = source, snapshot
        self._reader = reader_of(source.format)
        self._stored: Snapshot | None = None
        self._at_hand: OrderedDict[int, pl.DataFrame] = OrderedDict()
        self._messages: dict[str, list[_Message]] = {}
        self._merged: dict[str, set[str]] = {}

    def refresh(self, oldest: int) -> None:
        """Take the newest collected state, and leave the messages before `oldest` to it."""
        found = self._newest()
        if (found and found.digest) != (self._stored and self._stored.digest):
            self._at_hand.clear()
        self._stored = found
        for name, held in list(self._messages.items()):
            if held[0].received.place < oldest:
                held[:] = [one for one in held if one.received.place >= oldest]
                if not held:
                    del self._messages[name]

    def add(self, received: Received, message: Message) -> None:
        """Remember a message under everybody whom it is about."""
        names = dict.fromkeys(patients_of(message))
        for one, other in _merges(message):
            self._merged.setdefault(one, set()).add(other)
            self._merged.setdefault(other, set()).add(one)
            names |= {one: None, other: None}
        kept = _Message(received)
        for name in names:
            self._messages.setdefault(name, []).append(kept)

    def known(self, patient: str, received: Received, at: datetime, codes: set[str]) -> Known:
        """What stands of a patient when a message was received.

        Args:
            patient: As `patients_of` names them.
            received: The message; later ones do not count.
            at: When it was received.
            codes: Of the events that are asked for.

        Raises:
            Invalid: this message cannot be read, or the source does not say when a kind of fact
                becomes known (code `no_known_at`).
        """
        names = self._same_person(patient)
        held = {
            one.received.place: one
            for name in names
            for one in self._messages.get(name, ())
            if one.received.place <= received.place
        }
        batches = [self._batch(held[place], received) for place in sorted(held)]
        moments = [held[place].received.at or at for place in sorted(held)]
        stored = self._stored_of(names)
        events = self._joined(stored, batches, moments, at)
        subject = subject_pseudonym(patient, salt=self._source.pseudonym_salt)
        whole = known_as(events, at, subject)
        mine = pl.col("code").cast(pl.String).is_in(list(codes))
        others = whole.filter(~mine & pl.col("value").is_not_null())["code"]
        known = replace(
            self._prepared(whole.filter(mine)),
            others=tuple(sorted(others.cast(pl.String).unique())),
        )
        if any(one.bad for one in batches):
            known = replace(known, notes=(*known.notes, UNREAD_BEFORE))
        return known

    def _same_person(self, patient: str) -> list[str]:
        """The patient, and everybody with whom a message ever merged them."""
        found, left = {patient: None}, [patient]
        while left:
            for other in sorted(self._merged.get(left.pop(), ())):
                if other not in found:
                    found[other] = None
                    left.append(other)
        return list(found)

    def _batch(self, message: _Message, asked_by: Received) -> Batch:
        """What a message says.

        Raises:
            Invalid: it is the one that asks, and cannot be read.
        """
        if message.batch is None:
            part = Part(name="feed.hl7", content=message.received.content)
            message.batch = self._reader.collect(part, self._source, lambda _: None)
        if message.batch.bad and message.received is asked_by:
            raise Invalid(
                f"The message cannot be read: {message.batch.bad[0].reason}.",
                fix="mend the sender, or how the source is declared.",
                code="hl7_unread",
            )
        return message.batch

    def _stored_of(self, names: Iterable[str]) -> pl.DataFrame:
        frames = [pl.DataFrame(schema=STORED_SCHEMA)]
        if self._stored is not None:
            for name in names:
                frames.append(
                    self._subject(
                        self._stored, subject_pseudonym(name, salt=self._source.pseudonym_salt)
                    )
                )
        whole = pl.concat(frames)
        return whole if len(frames) < 3 else whole.unique(maintain_order=True)

    def _subject(self, snapshot: Snapshot, subject: int) -> pl.DataFrame:
        found = self._at_hand.pop(subject, None)
        if found is None:
            found = snapshot.subject(subject)
        self._at_hand[subject] = found
        if len(self._at_hand) > _REMEMBERED:
            self._at_hand.popitem(last=False)
        return found

    def _joined(
        self,
        stored: pl.DataFrame,
        batches: Sequence[Batch],
        moments: Sequence[datetime],
        now: datetime,
    ) -> pl.DataFrame:
        """The stored events and those of the feed, each version once, known when it came at last.

        The declared rule says when a fact became known; what lies here was known when it came.
        """
        if not batches:
            return stored
        base = 1 + int(stored["source_file"].max() or 0)  # type: ignore[arg-type]
        drafts = draft_of(batches, self._source, counted=False).events.with_columns(
            pl.col("source_file") + base
        )
        versions = versions_of(drafts, now)
        decided = decide(
            versions, known_versions([stored.select(_ABOUT)], versions, {}), now, renewed={}
        )
        kept = kept_drafts(drafts, decided.kept, now)
        contacts = ("subject_id", "time", "known_at", "code")
        firsts = first_contacts([stored.select(contacts)], [kept])
        came = pl.DataFrame(
            {"source_file": range(base, base + len(moments)), "_came": list(moments)},
            schema={"source_file": pl.Int32, "_came": UTC_US},
        )
        new = pl.concat([stored_events(kept, firsts, now), decided.rows])
        capped = (
            new.join(came, on="source_file", how="left", maintain_order="left")
            .with_columns(pl.min_horizontal("known_at", "_came").alias("known_at"))
            .drop("_came")
        )
        return pl.concat([stored, capped.select(stored.columns)])

    def _prepared(self, current: pl.DataFrame) -> Known:
        """In canonical units and plausible; what was set aside is told in a note."""
        shards, _ = prepare_events(lambda: [current], self._source)
        clean = pl.concat([current.clear(), *shards]).sort(
            "known_at", "time", pl.col("code").cast(pl.String), "source_row", maintain_order=True
        )
        aside = _numbers(current) - _numbers(clean)
        events = tuple(Event(**row) for row in clean.select(EVENT_COLUMNS).iter_rows(named=True))
        return Known(
            events=events,
            notes=tuple(
                f"{code} had a value out of range or in a unit that does not convert; "
                "it was left out."
                for code in sorted(aside)
            ),
        )


def _numbers(events: pl.DataFrame) -> Counter[str]:
    """How many numbers there are, by code."""
    return Counter(events.filter(pl.col("value").is_not_null())["code"].cast(pl.String))


def _merges(message: Message) -> list[tuple[str, str]]:
    """Pairs of identifiers of which a message may say that they are one person's."""
    pairs = []
    for group in patient_groups(message):
        survivor = read_patient(group.patient).identifier if group.patient else None
        gone = [prior_identifier(one, survivor) for one in group.merges]
        names = [one.name for one in (survivor, *gone) if one is not None]
        pairs += [pair for pair in pairwise(names) if pair[0] != pair[1]]
    return pairs

"""A data set told as live traffic: each patient's history as known then, asked at its own time."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from queue import Empty, Full, Queue

import polars as pl

from bedside.cohorts.question import ask
from bedside.core.clock import iso
from bedside.core.errors import Invalid, NotFound
from bedside.core.records.bundle import FEATURES, Bundle
from bedside.core.records.event import EVENT_COLUMNS, Event
from bedside.core.records.version import ModelVersion, Stage
from bedside.features.definition import feature_set_from_json
from bedside.features.inputs import as_served
from bedside.interop.open_inference.metadata import Input, inputs_of
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle
from bedside.lifecycle.replay_history import History, inputs_by_code, request_body
from bedside.lifecycle.replay_tally import Heard, Replayed, Tally
from bedside.lifecycle.respond import seen

__all__ = ["Ask", "Coming", "Questions", "Replaying", "questions_of", "replay"]

_FIRST = (Stage.LIVE, Stage.CANARY, Stage.SILENT)
TELL_EVERY = 5.0  # seconds between two lines of progress
LONGEST_PAUSE = 2.0  # seconds between two tries

Ask = Callable[[bytes], "Heard | None"]
"""Sends one question; None where the connection broke, so that nobody knows what became of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaying:
    """How a data set is replayed.

    Args:
        speed: How many times as fast as the clock; None: as fast as answers come.
        patients: So many of them, always the same ones; None: all.
        concurrency: Questions that are under way at once at most.
        run: Sets the requests of this run apart from those of another over the same data.
        patience: Seconds in which a question is asked again where no answer can be had.

    Raises:
        Invalid: nothing would be asked.
    """

    speed: float | None = None
    patients: int | None = None
    concurrency: int = 16
    run: str = ""
    patience: float = 30.0

    def __post_init__(self) -> None:
        if self.speed is not None and not 0 < self.speed < float("inf"):
            raise Invalid("That is no speed.", fix="give a number such as 3600x, or max.")
        counts = [self.concurrency, *([] if self.patients is None else [self.patients])]
        if min(counts) < 1 or self.patience <= 0:
            raise Invalid(
                "Nothing would be asked.", fix="give counts of at least 1, and some patience."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Coming:
    """A question to come: when it is asked in the data, and its request."""

    as_of: datetime
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """What a version is asked over a data set.

    Args:
        version: Whose inputs are sent.
        moments: subject_id and prediction_time of each question, by time.
        events: Of those subjects.
        inputs: By code, what an event is sent as.
        name: Gives a question its request id, by subject and time.
    """

    version: ModelVersion
    moments: pl.DataFrame
    events: pl.DataFrame
    inputs: dict[str, Input] = field(repr=False)
    name: Callable[[int, datetime], str] = field(repr=False)

    @property
    def subjects(self) -> int:
        """How many patients are asked about."""
        return self.moments["subject_id"].n_unique()

    def __iter__(self) -> Iterator[Coming]:
        """Each question with what was known by then, in the order of time."""
        frames = {
            key[0]: part
            for key, part in self.events.partition_by("subject_id", as_dict=True).items()
        }
        left = dict(self.moments.group_by("subject_id").len().iter_rows())
        histories: dict[int, History] = {}
        for subject, moment in self.moments.iter_rows():
            if subject not in histories:
                rows = frames.pop(subject).iter_rows(named=True)
                histories[subject] = History((Event(**row) for row in rows), self.inputs)
            tensors = histories[subject].tensors_at(moment)
            left[subject] -= 1
            if not left[subject]:
                del histories[subject]
            yield Coming(
                as_of=moment,
                body=request_body(
                    tensors, request_id=self.name(subject, moment), pseudonym=subject, as_of=moment
                ),
            )


def questions_of(
    platform: Platform, model: str, data: Path | None, replaying: Replaying
) -> Questions:
    """The questions that a model would have been asked over a data set.

    Nothing is kept of a table that is given here. Patients who were erased are left out.

    Args:
        platform: The workspace.
        model: Its name (of its versions, the one whose inputs the wire tells), or a version.
        data: Folder or file of a wide table; None: the collected source, or the bundled data.
        replaying: Which patients, and the name of the run.

    Raises:
        NotFound: there is no such model, version or file, or none of its versions is released.
        Invalid: the data cannot be read, or the question is never asked in them.
    """
    version = _asked_version(platform, model)
    bundle = open_bundle(platform, version)
    declaration = bundle.declaration
    events, _ = seen(platform, declaration, data)
    events = _not_erased(platform, declaration.data.pseudonym_salt, events)
    if replaying.patients is not None:
        some = events["subject_id"].unique().sort().head(replaying.patients)
        events = events.filter(pl.col("subject_id").is_in(some.implode()))
    moments = (
        ask(declaration.question, events)
        .rows.select("subject_id", "prediction_time")
        .unique()
        .sort("prediction_time", "subject_id")
    )
    if moments.is_empty():
        raise Invalid(
            "The question is never asked in these data.",
            fix=f"see where patients are lost: bedside question flow {version.name}.",
            code="nobody_asked",
        )
    inputs = inputs_by_code(_inputs(bundle))
    told = pl.col("code").cast(pl.String).is_in(list(inputs)) | pl.col("replaces").is_not_null()

    def name(subject: int, moment: datetime) -> str:
        parts = ("replay", version.name, replaying.run, str(subject), iso(moment))
        return platform.tag("\n".join(parts))

    return Questions(
        version=version,
        moments=moments,
        events=events.filter(told).select(EVENT_COLUMNS),
        inputs=inputs,
        name=name,
    )


def replay(
    platform: Platform,
    questions: Questions,
    replaying: Replaying,
    connect: Callable[[], AbstractContextManager[Ask]],
) -> Replayed:
    """Ask all of it at the speed that is wanted, and count what came.

    A question that gets no answer, because a connection broke or the server cannot answer now, is
    asked again in the same bytes under the same id, so that it is answered once. If that does not
    help for as long as patience lasts, the replay stops; the same command goes on where it was.

    Args:
        platform: The workspace, which is told of it.
        questions: What is asked.
        replaying: How.
        connect: Opens a connection; each of `concurrency` threads has its own.

    Raises:
        Refused, NotFound, Invalid: the server does not take these questions at all.
    """
    told = {"model": questions.version.name, "version": questions.version.id}
    counts = {"subjects_count": questions.subjects, "questions_count": questions.moments.height}
    platform.ledger.append(platform.actor, "replay.start", told | counts)
    tally = Tally(questions.moments.height)
    clients = _Clients(replaying, connect, tally, platform.clock.now)
    try:
        _drive(questions, replaying, clients, tally, platform.progress.note)
    finally:
        clients.close()
        done = replace(tally.result(), model=questions.version.name, subjects=questions.subjects)
        counts = {"answered_count": done.answered, "unanswered_count": done.unanswered}
        platform.ledger.append(platform.actor, "replay.stop", told | counts)
    if clients.refused is not None:
        raise clients.refused
    return done


def _drive(
    questions: Questions,
    replaying: Replaying,
    clients: "_Clients",
    tally: Tally,
    note: Callable[[str], None],
) -> None:
    """Hand over each question when it is due, and say how it goes."""
    began, first = time.monotonic(), questions.moments["prediction_time"][0]
    tell_at = began + TELL_EVERY
    for coming in questions:
        now = time.monotonic()
        if replaying.speed is not None:
            due = began + (coming.as_of - first).total_seconds() / replaying.speed
            while now < due and not clients.ended.wait(min(due - now, 1.0)):
                now = time.monotonic()
            tally.late(time.monotonic() - due)
        if now > tell_at:
            note(tally.progress())
            tell_at = now + TELL_EVERY
        if not clients.put(coming.body):
            return
    clients.finish()


class _Clients:
    """The threads that ask; each has a connection of its own."""

    def __init__(
        self,
        replaying: Replaying,
        connect: Callable[[], AbstractContextManager[Ask]],
        tally: Tally,
        now: Callable[[], datetime],
    ) -> None:
        self.ended = threading.Event()
        self.refused: Exception | None = None
        self._replaying, self._connect, self._tally, self._now = replaying, connect, tally, now
        self._queue: Queue[bytes | None] = Queue(replaying.concurrency)
        self._threads = [
            threading.Thread(target=self._run, name=f"replay-{n}", daemon=True)
            for n in range(replaying.concurrency)
        ]
        for one in self._threads:
            one.start()

    def put(self, body: bytes | None) -> bool:
        """Hand over a question; False: nothing is asked any more."""
        while not self.ended.is_set():
            try:
                self._queue.put(body, timeout=0.2)
            except Full:
                continue
            return True
        return False

    def finish(self) -> None:
        """Wait until all that was handed over is answered."""
        for _ in self._threads:
            self.put(None)
        for one in self._threads:
            one.join()

    def close(self) -> None:
        """Ask nothing more; what is under way is waited for."""
        self.ended.set()
        for one in self._threads:
            one.join()

    def _run(self) -> None:
        try:
            with self._connect() as asks:
                while not self.ended.is_set():
                    try:
                        body = self._queue.get(timeout=0.2)
                    except Empty:
                        continue
                    if body is None:
                        return
                    self._answered(asks, body)
        except Exception as error:  # told by whoever started this thread
            self.refused = self.refused or error
            self.ended.set()

    def _answered(self, asks: Ask, body: bytes) -> None:
        """Ask until there is an answer; a server that is away may come back."""
        began, tries, pause = time.monotonic(), 0, 0.05
        while True:
            heard = asks(body)
            tries += 1
            took = time.monotonic() - began
            if heard is not None and not heard.again:
                self._tally.add(heard, took, tries, self._now())
                return
            if took > self._replaying.patience:
                self._tally.give_up(heard)
                self.ended.set()
                return
            wait = pause if heard is None or heard.wait is None else heard.wait
            pause = min(2 * pause, LONGEST_PAUSE)
            time.sleep(min(wait, LONGEST_PAUSE))


def _asked_version(platform: Platform, model: str) -> ModelVersion:
    """The very version, or of a model the one that the wire describes."""
    named = platform.registry.get(model)
    if model != named.name:
        return named
    versions = platform.registry.versions(named.name)
    for stage in _FIRST:
        found = [one for one in versions if one.stage is stage]
        if found:
            return found[-1]
    raise NotFound(
        f"No version of '{named.name}' is released, so nobody would answer.",
        fix=f"run: bedside release {named.id} --stage silent.",
        code="nothing_released",
    )


def _inputs(bundle: Bundle) -> dict[str, Input]:
    features = feature_set_from_json(bundle.files[FEATURES])
    return inputs_of(as_served(bundle.declaration, features))


def _not_erased(platform: Platform, salt: str, events: pl.DataFrame) -> pl.DataFrame:
    """The events without those of patients who were erased: a file may still have them."""
    erased = platform.store.catalogue.suppressed()
    if not erased:
        return events
    gone = [one for one in events["subject_id"].unique() if platform.tag(f"{salt}:{one}") in erased]
    return events.filter(~pl.col("subject_id").is_in(gone))

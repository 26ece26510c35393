"""A year of a model in use, lived through in minutes: real patients, answers, outcomes, alarms.

The clock alone is simulated. Each day new patients of a real data set are asked about by the same
answering code as on a server, and every answer is in the ledger; what came true is noted once it
would be known; the monitor runs, and what it raises is answered as the declaration says.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import numpy as np

from bedside.core.clock import FixedClock, parse_duration
from bedside.core.errors import BedsideError, Invalid
from bedside.core.ids import canonical_json
from bedside.core.records.asked import Asked
from bedside.core.records.bundle import LEARNT, MODEL
from bedside.core.records.declaration import Declaration
from bedside.core.records.ledger import Actor, LedgerDraft
from bedside.core.records.rehearsal import Rehearsal, RehearsalEvent
from bedside.core.records.rollout import Release
from bedside.core.records.version import Stage
from bedside.lifecycle.alarms import resolve
from bedside.lifecycle.build import build
from bedside.lifecycle.live_watch import watch_live
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.promoting import promote_inside_plan
from bedside.lifecycle.rehearsal_people import People
from bedside.lifecycle.release import approve, open_bundle, release
from bedside.lifecycle.retraining import champion_of, due_for_retraining, retrain
from bedside.lifecycle.rollout import rollback
from bedside.lifecycle.suspending import resume
from bedside.monitor.shifts.injection import EventChange
from bedside.serve.answer import Answerer
from bedside.serve.made import Made, Question
from bedside.serve.served import models_of

__all__ = ["DayTold", "Rehearsed", "Year"]

PERSON = Actor(name="user:rehearsal", purpose="quality and safety")
SERVICE = Actor(name="service:bedside", purpose="quality and safety")
_ANSWERING = (Stage.LIVE, Stage.CANARY, Stage.SILENT)
_AT_ONCE = 200  # answers in one commit


@dataclass(frozen=True, slots=True, kw_only=True)
class DayTold:
    """Something that happened on a day of the rehearsal, in plain words."""

    day: int
    at: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """What a rehearsal did: its account, and how much was answered and judged."""

    days: int
    answers: int
    outcomes: int
    told: tuple[DayTold, ...]


@dataclass(slots=True, kw_only=True)
class Year:
    """One rehearsal on a workspace of its own, made for it.

    Args:
        platform: The workspace; every part of it goes by `clock`.
        clock: Is moved on, day by day.
        model: The folder of the model.
        plan: What happens.
        data: The data of the model, as for a build; None: what is bundled.
        scratch: A folder for the tables from which versions learn.
        tell: Hears of everything that happens.
    """

    platform: Platform
    clock: FixedClock
    model: Path
    plan: Rehearsal
    data: Path | None
    scratch: Path
    tell: Callable[[DayTold], None] = lambda _told: None
    told: list[DayTold] = field(default_factory=list)
    answers: int = 0
    outcomes: int = 0
    _day: int = 0
    _loaded: dict[str, Answerer] = field(default_factory=dict)
    _waiting: list[tuple[datetime, LedgerDraft]] = field(default_factory=list)
    _came: list[int] = field(default_factory=list)

    def run(self) -> Rehearsed:
        """Build, release to silence, and live through every day.

        Raises:
            Invalid: the plan names a signal that there is not, or the data are not as declared.
            Refused: the first version is refused.
        """
        begins = datetime.fromisoformat(self.plan.begins).replace(tzinfo=UTC)
        self.clock.at = begins
        people = People(self.platform, self.plan, self.model, self.data)
        self._first(people)
        for day in range(self.plan.days):
            self._day = day
            self.clock.at = begins + timedelta(days=self._day, hours=8)
            for event in (one for one in self.plan.events if one.day == self._day):
                self._happens(event, people)
            self._answer(people)
            self._note_what_came()
            self.clock.at = begins + timedelta(days=self._day + 1, minutes=30)
            self._watch(people)
        return Rehearsed(
            days=self.plan.days,
            answers=self.answers,
            outcomes=self.outcomes,
            told=tuple(self.told),
        )

    def say(self, what: str) -> None:
        """Add to the account."""
        told = DayTold(day=self._day, at=self.clock.now().date().isoformat(), what=what)
        self.told.append(told)
        self.tell(told)

    def _first(self, people: People) -> None:
        table = people.table(people.built, self.scratch / "built.parquet")
        built = build(self.platform, self.model, table)
        people.read_by(open_bundle(self.platform, built.version))
        name = "the rehearsal"
        approve(self.platform, built.version.id, name=name, meaning="fit for silent use")
        release(self.platform, built.version.id, Stage.SILENT)
        self.say(f"{built.version.id} was built from {len(people.built):,} patients; it is silent")

    def _answer(self, people: People) -> None:
        """Ask every released version about the patients of this day."""
        whose = people.of_day(self._day)
        if not whose.size:
            return
        self._came += whose.tolist()
        questions = people.questions(whose, self.changes(people.declaration))
        served = self._versions()
        for answerer in served:
            self._answered(answerer, questions, served)

    def _answered(
        self,
        answerer: Answerer,
        questions: Sequence[tuple[Asked, int, float]],
        served: list[Answerer],
    ) -> None:
        canaries = {one.name: one.canary for one in self.platform.registry.releases() if one.canary}
        (model,) = models_of(served, canaries).values()
        now, key = self.clock.now(), self.platform.tag("canary").encode()
        shown = [
            model.for_patient(key=key, subject=subject, ward=None) is answerer
            for _, subject, _ in questions
        ]
        made = answerer.make(
            [
                Question(asked=one, started=now, shown=is_shown)
                for (one, _, _), is_shown in zip(questions, shown, strict=True)
            ]
        )
        kept = [one for one in made if isinstance(one, Made)]
        for begin in range(0, len(kept), _AT_ONCE):
            self.platform.ledger.append_all([one.draft for one in kept[begin : begin + _AT_ONCE]])
        self.answers += len(kept)
        known = self.clock.now() + parse_duration(self.plan.known_after)
        for one, (_, _, label) in zip(made, questions, strict=True):
            if isinstance(one, Made) and not np.isnan(label):
                self._waiting.append((known, _noted(one, label)))

    def _versions(self) -> list[Answerer]:
        """Every version that answers now, loaded once."""
        releases = [one for one in self.platform.registry.releases() if one.stage in _ANSWERING]
        for one in releases:
            if one.version not in self._loaded:
                self._loaded[one.version] = _loaded(self.platform, one)
        return [
            self._loaded[one.version].in_stage(one.stage, suspended=one.suspended)
            for one in releases
        ]

    def _note_what_came(self) -> None:
        now = self.clock.now()
        due = [draft for at, draft in self._waiting if at <= now]
        self._waiting = [one for one in self._waiting if one[0] > now]
        for begin in range(0, len(due), _AT_ONCE):
            self.platform.ledger.append_all(due[begin : begin + _AT_ONCE])
        self.outcomes += len(due)

    def _watch(self, people: People) -> None:
        """The day is over: watch it, respond, learn on schedule, and let a challenger go on."""
        service = replace(self.platform, actor=SERVICE)
        watched = watch_live(service, people.declaration.name)
        for alarm in map(service.alarms.get, watched.raised):
            self.say(f"ALARM {alarm.id} ({alarm.severity}): {alarm.text}")
        for done in watched.done:
            self.say(f"{done.alarm}: {done.text}")
        champion = champion_of(service, people.declaration.name)
        if due_for_retraining(service, champion):
            self.learn(people, "the declared time has passed")
        self.promote(service, people.declaration.name)

    def promote(self, service: Platform, model: str) -> None:
        """Let a challenger go one step on, where the plan lets it."""
        try:
            done = promote_inside_plan(service, model)
        except BedsideError as error:
            if error.code != "no_challenger":
                raise
            return
        if done.outcome != "waits":
            self.say(f"{done.version}: {done.outcome}, {done.was} to {done.stage}: {done.why[0]}")

    def learn(self, people: People, because: str, *, wrong: float = 0.0) -> None:
        """Learn anew from the patients of the first build and those who came and are known."""
        whose = [*people.built.tolist(), *self._came]
        path = self.scratch / f"day-{self._day}.parquet"
        table = people.table(np.array(whose), path, wrong=wrong)
        try:
            done = retrain(self.platform, people.declaration.name, table, because=because)
        except BedsideError as error:
            self.say(f"not learnt anew: {error.problem}")
            return
        self.say(f"{done.version}, learnt anew, {done.outcome}: {'; '.join(done.why)}")

    def changes(self, declaration: Declaration) -> list[EventChange]:
        """What is done to events today."""
        active = [
            one
            for one in self.plan.events
            if one.then in ("rescale", "drop")
            and one.day <= self._day
            and (one.until is None or self._day < one.until)
        ]
        return [_change(declaration, one) for one in active]

    def _happens(self, event: RehearsalEvent, people: People) -> None:
        person = replace(self.platform, actor=PERSON)
        model = people.declaration.name
        try:
            _happened(self, person, model, event, people)
        except BedsideError as error:
            self.say(f"{event.then} was refused: {error.problem}")


def _happened(
    year: Year, person: Platform, model: str, event: RehearsalEvent, people: People
) -> None:
    match event.then:
        case "rescale" | "drop":
            year.say(f"HAPPENS {event.then} of {event.signal}: {event.because}")
        case "live":
            silent = champion_of(person, model).id
            approve(person, silent, name="the rehearsal", meaning=event.because, step=Stage.LIVE)
            release(person, silent, Stage.LIVE)
            year.say(f"{silent} is live, approved by a person")
        case "resume":
            done = resume(person, model, reason=event.because)
            again = "gives scores again" if done.changed else "was not suspended"
            year.say(f"{done.version} {again}: {event.because}")
        case "resolve":
            for alarm in person.alarms.all(model, unresolved=True):
                resolve(person, alarm.id, action=event.because)
                year.say(f"{alarm.id} was resolved: {event.because}")
        case "rollback":
            taken = rollback(person, model, reason=event.because)
            year.say(f"{taken.version} was rolled back; live now: {taken.live}")
        case "promote":
            year.promote(person, model)
        case "retrain" | "retrain_badly":
            wrong = event.share if event.then == "retrain_badly" else 0.0
            year.learn(people, event.because, wrong=wrong)


def _change(declaration: Declaration, event: RehearsalEvent) -> EventChange:
    signal = declaration.signals.get(event.signal)
    if signal is None:
        raise Invalid(
            f"The rehearsal changes '{event.signal}', which is no signal of the model.",
            fix=f"name one of: {', '.join(declaration.signals)}.",
            code="rehearsal_signal",
        )
    what: Literal["rescale", "drop"] = "rescale" if event.then == "rescale" else "drop"
    return EventChange(what=what, codes=tuple(signal.codes), share=event.share, factor=event.factor)


def _loaded(platform: Platform, one: Release) -> Answerer:
    bundle = open_bundle(platform, platform.registry.get(one.version))
    return Answerer(
        bundle,
        one.version,
        one.stage,
        platform.predictor_of(bundle.files[MODEL]),
        platform.explainer_of(bundle.files[LEARNT]),
        platform.ledger,
        platform.clock,
        SERVICE,
    )


def _noted(made: Made, label: float) -> LedgerDraft:
    """What came true of an answer, as `bedside prediction outcomes` notes it."""
    return LedgerDraft(
        actor=SERVICE,
        action="prediction.note",
        details={"prediction_id": made.answer.prediction_id, "kind": "outcome"},
        sealed=canonical_json({"value": label}),
        subject=made.draft.subject,
    )

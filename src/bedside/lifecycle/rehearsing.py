"""A year of a model in use, lived through in minutes: real patients, answers, outcomes, alarms.

The clock alone is simulated. Each day new patients of a real data set are asked about by the same
answering code as on a server, and every answer is in the ledger; what came true is noted once it
would be known; the monitor runs, and what it raises is answered as the declaration says.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import numpy as np

from bedside.core.clock import FixedClock, parse_duration
from bedside.core.errors import BedsideError, Invalid, Refused
from bedside.core.ids import canonical_json
from bedside.core.records.answer import Score
from bedside.core.records.asked import Asked
from bedside.core.records.bundle import LEARNT, MODEL
from bedside.core.records.declaration import Declaration
from bedside.core.records.ledger import Actor, LedgerDraft
from bedside.core.records.rehearsal import OF_EVENTS, Rehearsal, RehearsalEvent
from bedside.core.records.rollout import Release
from bedside.core.records.version import Stage
from bedside.core.records.watch import ResponseKind
from bedside.lifecycle.build import build
from bedside.lifecycle.live_watch import watch_live
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.promoting import promote_inside_plan
from bedside.lifecycle.rehearsal_account import (
    AlarmRaised,
    DayFigures,
    DayTold,
    Rehearsed,
    StageReached,
    changed,
    event_words,
    followed,
)
from bedside.lifecycle.rehearsal_acts import NAME, act
from bedside.lifecycle.rehearsal_people import People
from bedside.lifecycle.rehearsal_state import YearState
from bedside.lifecycle.release import approve, open_bundle, release
from bedside.monitor.shifts.injection import EventChange
from bedside.serve.answer import Answerer
from bedside.serve.made import Made, Question
from bedside.serve.served import models_of

__all__ = ["SERVICE", "Year"]

PERSON = Actor(name="user:rehearsal", purpose="quality and safety")
SERVICE = Actor(name="service:bedside", purpose="quality and safety")
_ANSWERING = (Stage.LIVE, Stage.CANARY, Stage.SILENT)
_AT_ONCE = 200  # answers in one commit
_MONTH = 30  # days between two words of progress


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
        keep: Is given how far it has come, once the first version is built and after each day.
        state: How far it had come, on a workspace that is as it was then; a new one begins.
    """

    platform: Platform
    clock: FixedClock
    model: Path
    plan: Rehearsal
    data: Path | None
    scratch: Path
    tell: Callable[[DayTold], None] = lambda _told: None
    keep: Callable[[YearState], None] = lambda _state: None
    state: YearState = field(default_factory=YearState)
    _day: int = 0
    _loaded: dict[str, Answerer] = field(default_factory=dict)

    def run(self) -> Rehearsed:
        """Build, release to silence, and live through every day, or those that are left.

        Raises:
            Invalid: the plan names a signal that there is not, or the data are not as declared.
            Refused: the first version is refused.
        """
        begun = time.process_time() - self.state.seconds
        begins = datetime.fromisoformat(self.plan.begins).replace(tzinfo=UTC)
        self.clock.at = begins
        people = People(self.platform, self.plan, self.model, self.data, self.scratch)
        if self.state.first:
            self._go_on(people)
        else:
            self.state.data = people.digest
            self._first(people)
            self._keep(people, begun)
        for day in range(self.state.day, self.plan.days):
            self._live_through(day, begins, people)
            self.state.day = day + 1
            self._keep(people, begun)
        return self._done(people, time.process_time() - begun)

    def _live_through(self, day: int, begins: datetime, people: People) -> None:
        self._day = day
        self.clock.at = begins + timedelta(days=day, hours=8)
        for number, event in enumerate(self.plan.events):
            if event.day == day:
                self._happens(number, event, people)
        self._answer(people)
        self._note_what_came()
        self.clock.at = begins + timedelta(days=day + 1, minutes=30)
        self._watch(people)
        if day and day % _MONTH == 0:
            self.say(f"{self.state.answers:,} answers so far, {self.state.outcomes:,} outcomes")

    def _keep(self, people: People, begun: float) -> None:
        self.state.came = people.told_came()
        self.state.seconds = time.process_time() - begun
        self.keep(self.state)

    def _go_on(self, people: People) -> None:
        """Be as after the last day that was kept.

        Raises:
            Refused: the data are not those it began with (code `rehearsal_data`).
        """
        if people.digest != self.state.data:
            raise Refused(
                "The data are not those with which this rehearsal began.",
                fix="give the same data, or a new name for another rehearsal.",
                code="rehearsal_data",
            )
        people.read_by(open_bundle(self.platform, self.platform.registry.get(self.state.first)))
        people.came_before(self.state.came)

    def say(self, what: str) -> None:
        """Add to the account."""
        told = DayTold(day=self._day, at=self.clock.now().date().isoformat(), what=what)
        self.state.told.append(told)
        self.tell(told)

    def _done(self, people: People, seconds: float) -> Rehearsed:
        state = self.state
        alarms, stages = tuple(state.alarms), tuple(state.stages)
        return Rehearsed(
            model=people.declaration.title,
            name=people.declaration.name,
            begins=self.plan.begins,
            days=self.plan.days,
            built_from=len(people.built),
            came=people.came,
            answers=state.answers,
            outcomes=state.outcomes,
            lighter=self.plan.lighter,
            told=tuple(state.told),
            events=followed(self.plan, alarms, stages, state.refused),
            alarms=alarms,
            stages=stages,
            changes=changed(self.plan),
            figures=tuple(state.figures),
            entries=sum(1 for _ in self.platform.ledger.entries()),
            ledger_faults=tuple(one.text for one in self.platform.ledger.verify()),
            seconds=round(seconds, 1),
            live_page=state.live_page,
        )

    def _first(self, people: People) -> None:
        table = people.table(people.built, self.scratch / "built.parquet")
        built = build(self.platform, self.model, table)
        self.state.first = built.version.id
        people.read_by(open_bundle(self.platform, built.version))
        approve(self.platform, built.version.id, name=NAME, meaning="fit for silent use")
        release(self.platform, built.version.id, Stage.SILENT)
        self.say(f"{built.version.id} was built from {len(people.built):,} patients; it is silent")

    def _answer(self, people: People) -> None:
        """Ask every released version about the patients of this day."""
        whose = people.come(self._active(("mix",)))
        if not whose.size:
            return
        questions = people.questions(whose, self.changes(people.declaration))
        served = self._versions()
        for place, answerer in enumerate(served):
            self._answered(answerer, questions, served, is_first=place == 0)

    def _answered(
        self,
        answerer: Answerer,
        questions: Sequence[tuple[Asked, int, float]],
        served: list[Answerer],
        *,
        is_first: bool,
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
        self.state.answers += len(kept)
        known = self.clock.now() + parse_duration(self.plan.known_after)
        for one, (_, _, label) in zip(made, questions, strict=True):
            if isinstance(one, Made) and not np.isnan(label):
                self.state.waiting.append((known, _noted(one, label)))
        if is_first:
            labels = [label for _, _, label in questions]
            self.state.figures.append(_figures(self._day, answerer.version_id, made, labels))

    def _versions(self) -> list[Answerer]:
        """Every version that answers now, loaded once; what is seen most comes first."""
        found = [one for one in self.platform.registry.releases() if one.stage in _ANSWERING]
        releases = sorted(found, key=lambda one: _ANSWERING.index(one.stage))
        self._reached(releases)
        for one in releases:
            if one.version not in self._loaded:
                self._loaded[one.version] = _loaded(self.platform, one)
        return [
            self._loaded[one.version].in_stage(one.stage, suspended=one.suspended)
            for one in releases
        ]

    def _note_what_came(self) -> None:
        now = self.clock.now()
        due = [draft for at, draft in self.state.waiting if at <= now]
        self.state.waiting = [one for one in self.state.waiting if one[0] > now]
        for begin in range(0, len(due), _AT_ONCE):
            self.platform.ledger.append_all(due[begin : begin + _AT_ONCE])
        self.state.outcomes += len(due)

    def _reached(self, releases: Sequence[Release]) -> None:
        last = {one.version: (one.stage, one.suspended) for one in self.state.stages}
        now = {one.version: (one.stage, one.suspended) for one in releases}
        gone = {
            name: (Stage.SUPERSEDED, False)
            for name, (stage, _) in last.items()
            if name not in now and stage is not Stage.SUPERSEDED
        }
        for version, (stage, suspended) in (now | gone).items():
            if last.get(version) != (stage, suspended):
                self.state.stages.append(
                    StageReached(day=self._day, version=version, stage=stage, suspended=suspended)
                )

    def _watch(self, people: People) -> None:
        """The day is over: watch it, respond, learn on schedule, and let a challenger go on."""
        service = replace(self.platform, actor=SERVICE)

        def bring(kind: ResponseKind) -> Path:
            return people.recent(self._recent()) if kind == "recalibrate" else people.known()

        watched = watch_live(service, people.declaration.name, data=bring)
        self.state.live_page = watched.page
        for alarm in map(service.alarms.get, watched.raised):
            self.state.alarms.append(AlarmRaised.of(alarm, self._day))
            self.say(f"ALARM {alarm.id} ({alarm.severity}): {alarm.text}")
        for name in watched.reopened:
            self.say(f"{name} came back, and was opened again: {service.alarms.get(name).text}")
        for name in watched.recovered:
            over = service.alarms.get(name)
            told = next(one.text for one in reversed(over.steps) if one.kind == "recovered")
            self.say(f"{name} recovered: {told}; {over.standing.removeprefix('recovered, ')}")
        for done in watched.done:
            self.say(f"{done.alarm}: {done.text}")
        self._promote(service, people.declaration.name)

    def _recent(self) -> int:
        """Days since the onset of the newest alarm: on those patients risks are to be right."""
        begins = datetime.fromisoformat(self.plan.begins)
        onset = datetime.fromisoformat(self.state.alarms[-1].onset) if self.state.alarms else begins
        return max(self._day - (onset - begins).days, _MONTH)

    def _promote(self, service: Platform, model: str) -> None:
        """Let a challenger go one step on, where the plan lets it."""
        beside = [one for one in service.registry.releases() if one.stage in _ANSWERING]
        if len(beside) < 2:  # a champion alone has no challenger
            return
        try:
            done = promote_inside_plan(service, model)
        except BedsideError as error:
            if error.code != "no_challenger":
                raise
            return
        if done.outcome != "waits":
            self.say(f"{done.version}: {done.outcome}, {done.was} to {done.stage}: {done.why[0]}")
        elif "answered in silence for" not in done.why[0] and done.why != self.state.waits:
            self.state.waits = done.why
            self.say(f"{done.version} waits: {'; '.join(done.why)}")

    def _active(self, kinds: Sequence[str]) -> list[RehearsalEvent]:
        return [
            one
            for one in self.plan.events
            if one.then in kinds
            and one.day <= self._day
            and (one.until is None or self._day < one.until)
        ]

    def changes(self, declaration: Declaration) -> list[EventChange]:
        """What is done to events today."""
        return [_change(declaration, one) for one in self._active(OF_EVENTS)]

    def _happens(self, number: int, event: RehearsalEvent, people: People) -> None:
        if event.then in (*OF_EVENTS, "mix", "quiet"):
            self.say(f"HAPPENS {event_words(event)}: {event.because}")
            return
        person = replace(self.platform, actor=PERSON)
        self.say(f"PLANNED {event_words(event)}: {event.because}")
        if event.then == "promote":
            self._promote(person, people.declaration.name)
            return
        try:
            for what in act(person, people.declaration.name, event, people):
                self.say(what)
        except BedsideError as error:
            self.state.refused[number] = error.problem
            self.say(f"{event.then} was refused: {error.problem}")


def _figures(day: int, version: str, made: Sequence[object], labels: Sequence[float]) -> DayFigures:
    """What a version answered on a day, and what comes true of it."""
    answered = [
        (one.answer.outcome, label)
        for one, label in zip(made, labels, strict=True)
        if isinstance(one, Made)
    ]
    scores = [(one, label) for one, label in answered if isinstance(one, Score)]
    known = [(one.risk, label) for one, label in scores if not np.isnan(label)]
    return DayFigures(
        day=day,
        version=version,
        answers=len(answered),
        scores=len(scores),
        alerts=sum(bool(one.alert) for one, _ in scores),
        judged=len(known),
        expected=float(sum(risk for risk, _ in known)),
        observed=float(sum(label for _, label in known)),
    )


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

"""The account of a rehearsal: what was told, what each event was followed by, and daily figures."""

from collections.abc import Sequence
from dataclasses import dataclass

from bedside.core.records.rehearsal import OF_EVENTS, Rehearsal, RehearsalEvent
from bedside.core.records.version import Stage
from bedside.core.records.watch import CAUSES, Alarm, Cause

__all__ = [
    "AlarmRaised",
    "Changed",
    "DayFigures",
    "DayTold",
    "Followed",
    "Rehearsed",
    "StageReached",
    "changed",
    "event_words",
    "followed",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class DayTold:
    """Something that happened on a day of the rehearsal, in plain words."""

    day: int
    at: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmRaised:
    """An alarm, on the day whose answers raised it."""

    day: int
    id: str
    version: str
    severity: str
    cause: Cause
    signals: tuple[str, ...]
    onset: str
    text: str

    @classmethod
    def of(cls, alarm: Alarm, day: int) -> "AlarmRaised":
        """As it was raised."""
        return cls(
            day=day,
            id=alarm.id,
            version=alarm.version,
            severity=alarm.severity,
            cause=alarm.cause,
            signals=alarm.signals,
            onset=alarm.onset,
            text=alarm.text,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StageReached:
    """A version came to a stage, or was suspended there, before the answers of a day."""

    day: int
    version: str
    stage: Stage
    suspended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """From which day to which the plan changed something, in a word or two and in whole ones."""

    day: int
    until: int
    short: str
    planned: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFigures:
    """What the version that is seen most answered on a day, and what came true of it.

    Args:
        day: Counted from 0.
        version: Its id.
        answers: Of that version.
        scores: Answers with a risk.
        alerts: Scores that alerted.
        judged: Scores whose outcome is known (later).
        expected: The sum of their risks.
        observed: How many of them came true.
    """

    day: int
    version: str
    answers: int
    scores: int
    alerts: int
    judged: int
    expected: float
    observed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """An event of the plan and what it was followed by; `met` is None where nothing is expected."""

    day: int
    planned: str
    because: str
    expected: str
    met: bool | None
    found: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """What a rehearsal did: its account, and how much was answered and judged.

    Args:
        model: The model's title.
        name: Its name.
        begins: The first day (ISO date).
        days: How many were lived through.
        built_from: How many patients the first version learnt from.
        came: How many came in the course of the year.
        answers: Of every version.
        outcomes: That were noted.
        lighter: What is otherwise than in the declaration, in words.
        told: Everything that happened, in order.
        events: Each event, and what followed.
        alarms: Every alarm.
        stages: When which version came where.
        changes: What the plan changed about the patients, and from when to when.
        figures: Of each day.
        entries: Of the ledger.
        ledger_faults: What is wrong with the ledger, in words; none: it verifies.
        seconds: How long it took, in processor time.
        page: The page that tells it; '' where none was written.
        live_page: The page of the last version in use.
    """

    model: str
    name: str
    begins: str
    days: int
    built_from: int
    came: int
    answers: int
    outcomes: int
    lighter: str
    told: tuple[DayTold, ...]
    events: tuple[Followed, ...]
    alarms: tuple[AlarmRaised, ...]
    stages: tuple[StageReached, ...]
    changes: tuple[Changed, ...]
    figures: tuple[DayFigures, ...]
    entries: int
    ledger_faults: tuple[str, ...]
    seconds: float
    page: str = ""
    live_page: str = ""

    @property
    def is_as_planned(self) -> bool:
        """Whether everything that is expected followed, and the ledger verifies."""
        return not self.ledger_faults and all(one.met is not False for one in self.events)


def followed(
    plan: Rehearsal,
    alarms: Sequence[AlarmRaised],
    stages: Sequence[StageReached],
    refused: dict[int, str],
) -> tuple[Followed, ...]:
    """What each event of the plan was followed by.

    Args:
        plan: The plan.
        alarms: Every alarm.
        stages: When which version came where.
        refused: By the number of the event, why its act was refused.
    """
    made = []
    for number, event in enumerate(plan.events):
        expected, met, found = _judged(event, alarms, stages, refused.get(number, ""))
        made.append(
            Followed(
                day=event.day,
                planned=event_words(event),
                because=event.because,
                expected=expected,
                met=met,
                found=found,
            )
        )
    return tuple(made)


def changed(plan: Rehearsal) -> tuple[Changed, ...]:
    """What the plan changes about the patients."""
    return tuple(
        Changed(
            day=one.day,
            until=plan.days if one.until is None else one.until,
            short=f"{one.then}: {one.signal.replace('_', ' ')}",
            planned=event_words(one),
        )
        for one in plan.events
        if one.then in (*OF_EVENTS, "mix")
    )


def event_words(event: RehearsalEvent) -> str:
    """What is planned, in plain words."""
    signal = event.signal.replace("_", " ")
    until = "" if event.until is None else f" until day {event.until}"
    hit = "" if event.share == 1 else f" of {event.share:.0%} of the patients"
    version = "the newest version" if event.of == "newest" else "the version in use"
    words = {
        "rescale": f"{signal} comes times {event.factor:g}{hit}{until}",
        "drop": f"{signal} does not come{hit}{until}",
        "mix": f"patients with {signal} of at least {event.at_least or 0:g} come "
        f"{event.factor:g} times as often{until}",
        "quiet": f"nothing happens{until}",
        "silent": f"a person lets {version} answer in silence",
        "live": f"a person lets {version} go live",
        "hold": "a person holds the version: it goes on in silence",
        "resume": "a person lets the version give scores again",
        "resolve": "a person resolves the open alarms",
        "recalibrate": f"a person has the risks of the last {event.recent} days calibrated anew",
        "retrain": "a person has the model learnt anew",
        "retrain_badly": "a person has the model learnt anew from a faulty extract",
        "promote": "the plan of changes is asked for the next step",
        "rollback": "a person rolls the version back",
    }
    return words[event.then]


def _judged(
    event: RehearsalEvent,
    alarms: Sequence[AlarmRaised],
    stages: Sequence[StageReached],
    refused: str,
) -> tuple[str, bool | None, str]:
    """What was expected, whether it came, and what was found; in words."""
    wanted = event.expect
    if event.then == "quiet":
        end = event.until if event.until is not None else event.day
        rang = [one for one in alarms if event.day <= one.day < end]
        found = "; ".join(f"day {one.day}: {one.id}, {CAUSES[one.cause]}" for one in rang)
        return "no alarm", not rang, found or "no alarm came"
    if wanted is None or not (wanted.cause or wanted.stage or wanted.refused):
        return "", (False if refused else None), f"it was refused: {refused}" if refused else "done"
    if wanted.refused:
        found = f"it was refused: {refused}" if refused else "it was not refused"
        return "that it is refused", bool(refused), found
    if refused:
        return _wanted_words(event), False, f"it was refused: {refused}"
    if wanted.stage:
        return _wanted_words(event), *_came_to(event, stages)
    return _wanted_words(event), *_rang(event, alarms)


def _wanted_words(event: RehearsalEvent) -> str:
    wanted = event.expect
    if wanted is None:
        return ""
    what = (
        f"a new version is {wanted.stage}"
        if wanted.stage
        else "an alarm: " + ", or ".join(CAUSES[one] for one in wanted.cause)
    )
    return f"{what}, within {wanted.within} days"


def _came_to(event: RehearsalEvent, stages: Sequence[StageReached]) -> tuple[bool, str]:
    wanted = event.expect
    if wanted is None:
        return False, ""
    before = {one.version for one in stages if one.day < event.day}
    for one in stages:
        is_new = one.version not in before and one.day >= event.day
        if is_new and one.stage.value == wanted.stage:
            late = one.day - event.day
            return late <= wanted.within, f"{one.version} was {wanted.stage} after {late} days"
    return False, f"no new version came to {wanted.stage}"


def _rang(event: RehearsalEvent, alarms: Sequence[AlarmRaised]) -> tuple[bool, str]:
    wanted = event.expect
    if wanted is None:
        return False, ""
    near = [one for one in alarms if event.day <= one.day <= event.day + wanted.within]
    for one in near:
        is_signal = event.then not in ("rescale", "drop") or event.signal in one.signals
        if one.cause in wanted.cause and is_signal:
            return True, f"{one.id} on day {one.day}, {one.day - event.day} days after: {one.text}"
    if not near:
        return False, "no alarm came in that time"
    other = "; ".join(f"day {one.day}: {CAUSES[one.cause]}" for one in near)
    return False, f"another cause was named: {other}"

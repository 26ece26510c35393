"""What people do in a rehearsal: the same verbs as on the command line, in their name."""

from collections.abc import Callable

from bedside.core.errors import Refused
from bedside.core.records.rehearsal import Happening, RehearsalEvent
from bedside.core.records.version import ModelVersion, Stage
from bedside.lifecycle.alarms import resolve
from bedside.lifecycle.challenging import challenge
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.recalibrating import recalibrate
from bedside.lifecycle.rehearsal_people import People
from bedside.lifecycle.release import approve, release
from bedside.lifecycle.retraining import champion_of, retrain
from bedside.lifecycle.rollout import hold, rollback
from bedside.lifecycle.suspending import resume

__all__ = ["NAME", "act"]

NAME = "the rehearsal"


def act(person: Platform, model: str, event: RehearsalEvent, people: People) -> list[str]:
    """Do what a person does in this event.

    Args:
        person: The workspace in the person's name.
        model: The model's name.
        event: A verb of the plan.
        people: Who came, of whom new versions learn.

    Returns:
        What was done, in plain words.

    Raises:
        BedsideError: as the verb itself.
    """
    acts: dict[Happening, Callable[[], list[str]]] = {
        "silent": lambda: _silent(person, model, event),
        "live": lambda: _live(person, model, event),
        "hold": lambda: _held(person, model, event.because),
        "resume": lambda: _resumed(person, model, event.because),
        "resolve": lambda: _resolved(person, model, event.because),
        "rollback": lambda: _rolled_back(person, model, event.because),
        "recalibrate": lambda: _recalibrated(person, model, event, people),
        "retrain": lambda: _learnt(person, model, event, people),
        "retrain_badly": lambda: _learnt(person, model, event, people),
    }
    return acts[event.then]()


def _held(person: Platform, model: str, because: str) -> list[str]:
    taken = hold(person, model, reason=because, also_live=True)
    return [f"{taken.version} was held: nobody is shown it"]


def _resumed(person: Platform, model: str, because: str) -> list[str]:
    done = resume(person, model, reason=because)
    return [f"{done.version} {'gives scores again' if done.changed else 'was not suspended'}"]


def _resolved(person: Platform, model: str, because: str) -> list[str]:
    alarms = person.alarms.all(model, unresolved=True)
    for alarm in alarms:
        resolve(person, alarm.id, action=because)
    return [f"{one.id} was resolved" for one in alarms] or ["no alarm was open"]


def _rolled_back(person: Platform, model: str, because: str) -> list[str]:
    back = rollback(person, model, reason=because)
    return [f"{back.version} was rolled back; live now: {back.live or 'none'}"]


def _meant(person: Platform, model: str, event: RehearsalEvent) -> ModelVersion:
    if event.of == "newest":
        return person.registry.versions(model)[-1]
    return champion_of(person, model)


def _silent(person: Platform, model: str, event: RehearsalEvent) -> list[str]:
    version = _meant(person, model, event)
    if version.stage is Stage.BUILT:
        approve(person, version.id, name=NAME, meaning=event.because)
    if person.registry.get(version.id).stage is Stage.APPROVED:
        release(person, version.id, Stage.SILENT)
    return [f"{version.id} is {person.registry.get(version.id).stage}, approved by a person"]


def _live(person: Platform, model: str, event: RehearsalEvent) -> list[str]:
    version = _meant(person, model, event)
    if version.stage in (Stage.BUILT, Stage.APPROVED):
        _silent(person, model, event)
    return [_released(person, version.id, event.because)]


def _released(person: Platform, version: str, why: str) -> str:
    """Approved by the live gates; where they have not passed, a person decides without them."""
    try:
        approve(person, version, name=NAME, meaning=why, step=Stage.LIVE)
        release(person, version, Stage.LIVE)
    except Refused as refused:
        lacking = refused.problem
    else:
        return f"{version} is live, approved by a person"
    approve(person, version, name=NAME, meaning=why, step=Stage.LIVE, without_evidence=why)
    release(person, version, Stage.LIVE, without_evidence=why)
    return f"{version} is live: a person decided so without the live gates ({lacking})"


def _recalibrated(person: Platform, model: str, event: RehearsalEvent, people: People) -> list[str]:
    champion = champion_of(person, model)
    data = people.recent(event.recent)
    built = recalibrate(person, champion.id, data)
    told = challenge(person, built.version, champion, data, same_ranking=True)
    return [f"{told.version}, {champion.id} recalibrated, {told.outcome}: {'; '.join(told.why)}"]


def _learnt(person: Platform, model: str, event: RehearsalEvent, people: People) -> list[str]:
    is_bad = event.then == "retrain_badly"
    data = people.known(event if is_bad else None)
    done = retrain(person, model, data, because=event.because)
    if done.outcome == "refused" and is_bad:
        raise Refused("; ".join(done.why), fix="bring an extract that is right.", code="challenger")
    return [f"{done.version}, learnt anew, {done.outcome}: {'; '.join(done.why)}"]

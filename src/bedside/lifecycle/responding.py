"""What is done about alarms, as the declaration says: each once, and only what its guard lets."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bedside.core.clock import parse_duration, parse_instant
from bedside.core.errors import BedsideError, Unavailable
from bedside.core.records.change_control import ChangeKind, ChangePlan
from bedside.core.records.declaration import Declaration
from bedside.core.records.ledger import LedgerEntry
from bedside.core.records.policy import Act, Resource
from bedside.core.records.version import SHOWN, ModelVersion
from bedside.core.records.watch import (
    SEVERITIES,
    Alarm,
    Response,
    ResponseGuard,
    ResponseKind,
    Watch,
)
from bedside.lifecycle.alarms import responded
from bedside.lifecycle.challenging import Challenge, challenge
from bedside.lifecycle.door import enter
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.recalibrating import recalibrate
from bedside.lifecycle.release import live_case, open_bundle
from bedside.lifecycle.retraining import due_for_retraining, retrain, retrained_before
from bedside.lifecycle.rollout import hold, rollback
from bedside.lifecycle.suspending import suspend

__all__ = ["Bring", "Done", "fitting", "respond", "respond_on_schedule"]

_PLANNED: dict[ResponseKind, ChangeKind] = {"recalibrate": "recalibrate", "retrain": "refit"}
_ASK = Response(when=(), then="ask")
Bring = Callable[[ResponseKind], Path]
"""Brings the data from which a new version learns, for a response of this kind."""


_ACTION = "respond"  # of the ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What was done about one alarm.

    Args:
        alarm: Its id.
        wanted: What the declaration says.
        outcome: `done`; `asked`: a person must see to it, for the reason in `text`; `later`: the
            workspace is busy or a disk is full, and the next run tries again.
        text: In plain words.
        version: The new version, where one was made.
    """

    alarm: str
    wanted: ResponseKind
    outcome: Literal["done", "asked", "later"]
    text: str
    version: str | None = None


class _Ask(Exception):
    """A person must see to it."""


def respond(
    platform: Platform,
    version: ModelVersion,
    alarms: Sequence[Alarm],
    *,
    data: Path | Bring | None = None,
) -> list[Done]:
    """Do about each alarm what the version's declaration says, the gravest first.

    The first declared response that fits an alarm counts; without one a person is asked. So it is
    where its guard forbids it or where it is refused. A response is done once for an alarm: called
    again, or after a crash in the middle, nothing is done twice. What comes back after it had
    recovered is answered again. An alarm that grew until another
    response fits gets that one too.

    Args:
        platform: The workspace.
        version: What the alarms are about.
        alarms: Those that are open or acknowledged; others are passed over.
        data: Where a new version learns, of a model that learns from files, or what brings them
            once they are needed; None: nowhere, and a person is asked to bring them.

    Raises:
        Refused: the actor may not watch versions, or the bundle is not intact.
    """
    enter(platform, Act.MONITOR, Resource(name=version.id))
    declaration = open_bundle(platform, version).declaration
    account = _Account(platform)
    done = []
    for alarm in sorted(alarms, key=lambda one: -SEVERITIES.index(one.severity)):
        if alarm.version != version.id or alarm.state in ("recovered", "resolved"):
            continue
        response = fitting(declaration.monitoring.watch, alarm)
        opened = max(one.entry for one in alarm.steps if one.kind in ("raised", "reopened"))
        every = account.of(alarm=alarm.id, wanted=response.then)
        before = [one for one in every if one.sequence > opened]
        if not before:
            doing = _Responding(platform, version, declaration, data, account)
            done.append(doing.to(alarm, response))
        elif not any(step.kind == "responded" and step.entry > opened for step in alarm.steps):
            responded(
                platform, alarm.id, text=str(before[-1].details["text"])
            )  # a crash came between
    return done


def respond_on_schedule(
    platform: Platform, version: ModelVersion, *, data: Path | Bring | None = None
) -> Done | None:
    """Learn a version anew where the declared time (`retrain_every`) has passed.

    Without data a person is asked to bring them, at each run until it was tried.

    Args:
        platform: The workspace.
        version: The version in use.
        data: As of `respond`.

    Returns:
        What was done, with `schedule` in the place of an alarm; None: it is not due.
    """
    enter(platform, Act.MONITOR, Resource(name=version.id))
    if not due_for_retraining(platform, version):
        return None
    declaration = open_bundle(platform, version).declaration
    every = declaration.monitoring.watch.retrain_every
    if data is None and not declaration.data.source:
        why = f"{every} have passed, and it learns from files, which somebody must bring"
        return _scheduled("asked", _asking(declaration, "retrain", why))
    brought = data("retrain") if callable(data) else data
    try:
        told = retrain(platform, version.name, brought, because=f"the declared {every} have passed")
    except Unavailable as error:
        return _scheduled("later", f"retrain must wait: {error.problem}")
    except BedsideError as error:
        refused = f"it was refused: {error.problem}"
        return _scheduled("asked", _asking(declaration, "retrain", refused))
    outcome: Literal["done", "asked"] = "done" if told.outcome == "silent" else "asked"
    return _scheduled(outcome, _challenge_words("retrain", told), told.version)


def _scheduled(
    outcome: Literal["done", "asked", "later"], text: str, version: str | None = None
) -> Done:
    return Done(alarm="schedule", wanted="retrain", outcome=outcome, text=text, version=version)


def fitting(watch: Watch, alarm: Alarm) -> Response:
    """The first declared response that fits an alarm; a person is asked where none does."""
    grave = SEVERITIES.index(alarm.severity)
    for one in watch.respond:
        is_meant = alarm.kind in one.when and (not one.causes or alarm.cause in one.causes)
        if is_meant and grave >= SEVERITIES.index(one.severity):
            return one
    return _ASK


@dataclass(frozen=True, slots=True)
class _Responding:
    platform: Platform
    version: ModelVersion
    declaration: Declaration
    data: Path | Bring | None
    account: "_Account"

    def to(self, alarm: Alarm, response: Response) -> Done:
        """Carry it out, and say so in the ledger and at the alarm."""
        made: str | None = None
        outcome: Literal["done", "asked", "later"] = "done"
        try:
            self._guarded(response.then, response.guard)
            text, made, is_done = self._carried_out(response.then, alarm)
            outcome = "done" if is_done else "asked"
        except Unavailable as error:
            text = f"{response.then} must wait: {error.problem}"
            return Done(alarm=alarm.id, wanted=response.then, outcome="later", text=text)
        except _Ask as reason:
            outcome, text = "asked", _asking(self.declaration, response.then, str(reason))
        except BedsideError as error:
            reason_told = f"it was refused: {error.problem}"
            outcome, text = "asked", _asking(self.declaration, response.then, reason_told)
        done = Done(alarm=alarm.id, wanted=response.then, outcome=outcome, text=text, version=made)
        self._told(alarm, done)
        return done

    def _guarded(self, then: ResponseKind, guard: ResponseGuard) -> None:
        """See that the guard lets it be done.

        Raises:
            _Ask: it does not.
        """
        if then == "ask":
            raise _Ask("")
        last = [
            parse_instant(entry.at)
            for entry in self.account.of(version=self.version.id, wanted=then)
            if entry.details["outcome"] == "done"
        ]
        if last and self.platform.clock.now() - last[-1] < parse_duration(guard.every_at_least):
            raise _Ask(f"the same was done less than {guard.every_at_least} ago")
        if guard.judged_at_least > 0:
            judged = live_case(self.platform, self.version).evidence["counts"]["judged"]
            if judged < guard.judged_at_least:
                few = "10 or fewer" if judged <= 10 else f"{judged:,}"
                raise _Ask(f"{few} judged answers are too few; {guard.judged_at_least:,} are asked")
        if then in _PLANNED and guard.within_plan and not self._is_planned(_PLANNED[then]):
            raise _Ask("the plan of changes lets people make it, not Bedside by itself")

    def _is_planned(self, kind: ChangeKind) -> bool:
        plan = self.declaration.change_control
        return isinstance(plan, ChangePlan) and any(
            one.kind == kind and one.made == "automatic" for one in plan.modifications
        )

    def _carried_out(self, then: ResponseKind, alarm: Alarm) -> tuple[str, str | None, bool]:
        """What was done in words, the version that was made, and whether it needs nobody."""
        if then in _PLANNED:
            return self._learnt(then, alarm)
        verbs: Mapping[ResponseKind, Callable[[str], str]] = {
            "hold": self._held,
            "rollback": self._rolled_back,
            "abstain": self._suspended,
        }
        return verbs[then](f"{alarm.id}: {alarm.text}"), None, True

    def _held(self, reason: str) -> str:
        if self._is_out():
            return f"{self.version.id} is shown to nobody, as it was already"
        hold(self.platform, self.version.id, reason=reason, also_live=True)
        return f"{self.version.id} was held: it goes on in silence, and nobody is shown it"

    def _rolled_back(self, reason: str) -> str:
        if self._is_out():
            return f"{self.version.id} is shown to nobody, as it was already"
        taken = rollback(self.platform, self.version.id, reason=reason)
        back = f"{taken.restored} is live again" if taken.restored else "no version came back"
        return f"{self.version.id} was rolled back; {back}"

    def _suspended(self, reason: str) -> str:
        suspend(self.platform, self.version.id, reason=reason)
        return (
            f"{self.version.id} abstains from every answer until a person lifts it: "
            f"bedside resume {self.version.id}"
        )

    def _is_out(self) -> bool:
        return self.platform.registry.get(self.version.id).stage not in SHOWN

    def _learnt(self, then: ResponseKind, alarm: Alarm) -> tuple[str, str | None, bool]:
        if self.data is None and not self.declaration.data.source:
            raise _Ask(f"it learns from files, which somebody must bring: bedside {then}")
        data = self.data(then) if callable(self.data) else self.data
        if then == "retrain":
            because = f"{alarm.id}: {alarm.text}"
            finished = retrained_before(self.platform, self.version.name, because)
            if finished is not None:  # and a crash came before it was told
                return (
                    f"{finished['version']}, learnt anew, is {finished['stage']}",
                    str(finished["version"]),
                    finished["outcome"] == "silent",
                )
            told = retrain(self.platform, self.version.name, data, because=because)
        else:
            built = recalibrate(self.platform, self.version.id, data)
            told = challenge(self.platform, built.version, self.version, data, same_ranking=True)
        return _challenge_words(then, told), told.version, told.outcome == "silent"

    def _told(self, alarm: Alarm, done: Done) -> None:
        details = {
            "alarm": alarm.id,
            "version": self.version.id,
            "model": self.version.name,
            "wanted": done.wanted,
            "outcome": done.outcome,
            "made": done.version,
            "text": done.text,
        }
        self.account.add(details)
        responded(self.platform, alarm.id, text=done.text)


class _Account:
    """What the ledger tells of responses: read once, however many alarms there are."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._entries: list[LedgerEntry] | None = None

    def of(self, **details: str) -> list[LedgerEntry]:
        """The entries about responses with all of these details, oldest first."""
        if self._entries is None:
            every = self._platform.ledger.entries()
            self._entries = [entry for entry in every if entry.action == _ACTION]
        return [one for one in self._entries if details.items() <= one.details.items()]

    def add(self, details: dict[str, Any]) -> None:
        """Tell the ledger of one more."""
        entry = self._platform.ledger.append(self._platform.actor, _ACTION, details)
        if self._entries is not None:
            self._entries.append(entry)


def _asking(declaration: Declaration, then: ResponseKind, why: str) -> str:
    owner = declaration.monitoring.watch.owner
    if then == "ask":
        return f"{owner} is asked"
    return f"{owner} is asked instead of: {then}, for {why}"


def _challenge_words(then: ResponseKind, told: Challenge) -> str:
    made = "recalibrated" if then == "recalibrate" else "learnt anew"
    ends = {
        "silent": f"answers in silence beside {told.parent}",
        "waits": "waits for a person",
        "refused": f"is refused, and {told.parent} stays",
    }
    return f"{told.version}, {made}, {ends[told.outcome]}: {'; '.join(told.why)}"

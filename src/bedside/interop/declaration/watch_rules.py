"""What the watch of a declaration must keep: its budget of false alarms, times, and responses."""

from collections.abc import Iterator

from bedside.core.clock import parse_duration
from bedside.core.errors import Invalid
from bedside.core.records.change_control import ChangeKind, ChangePlan
from bedside.core.records.declaration import Declaration
from bedside.core.records.intervention import Intervention
from bedside.core.records.watch import Recovery, Response, ResponseKind
from bedside.interop.declaration.nearest import nearest
from bedside.interop.declaration.question_rules import predicate_mistakes
from bedside.interop.declaration.yaml_records import Mistake

__all__ = ["watch_mistakes"]

_PATH = ("monitoring", "watch")
_PLANNED: dict[ResponseKind, ChangeKind] = {"recalibrate": "recalibrate", "retrain": "refit"}
_DAY = 86_400.0


def watch_mistakes(declaration: Declaration) -> Iterator[Mistake]:
    """Every rule of the watch that the declaration breaks."""
    watch = declaration.monitoring.watch
    if not 0 < watch.false_alarms < float("inf"):
        yield Mistake((*_PATH, "false_alarms"), "is no budget", "give a number above 0, such as 1")
    for name in ("per", "window"):
        yield from _duration(name, getattr(watch, name), whole_days=True)
    yield from _duration("every", watch.every)
    if watch.retrain_every is not None:
        yield from _duration("retrain_every", watch.retrain_every, whole_days=True)
    if not watch.owner.strip():
        yield Mistake((*_PATH, "owner"), "is empty", "name a person or a role")
    yield from _recovery(watch.recovery)
    for index, response in enumerate(watch.respond):
        yield from _response(declaration, index, response)
    for name, intervention in watch.interventions.items():
        yield from _intervention(declaration, name, intervention)


def _intervention(declaration: Declaration, name: str, told: Intervention) -> Iterator[Mistake]:
    path = (*_PATH, "interventions", name)
    if not told.label.strip():
        yield Mistake((*path, "label"), "is empty", "say what it is called")
    if bool(told.signal) == (told.event is not None):
        yield Mistake(path, "not exactly one way to see it", "give one of signal, event")
    elif told.event is not None:
        yield from predicate_mistakes((*path, "event"), told.event)
    elif told.signal not in declaration.signals:
        yield Mistake(
            (*path, "signal"),
            f"'{told.signal}' is not a signal",
            nearest(told.signal, list(declaration.signals)),
        )
    elif declaration.signals[told.signal].role == "outcome":
        yield Mistake((*path, "signal"), "is the outcome", "name what staff do against it")
    yield from _duration("within", told.within, path=path)
    if told.not_within is not None:
        yield from _duration("not_within", told.not_within, path=path)


def _recovery(recovery: Recovery) -> Iterator[Mistake]:
    path = (*_PATH, "recovery")
    for name in ("after", "reopen_within"):
        yield from _duration(name, getattr(recovery, name), whole_days=True, path=path)
    if recovery.patients < 1:
        yield Mistake((*path, "patients"), "is below 1", "give a count, such as 50")
    if not 0 < recovery.error < 1:
        yield Mistake((*path, "error"), "is no chance", "give a number between 0 and 1: 0.05")


def _response(declaration: Declaration, index: int, response: Response) -> Iterator[Mistake]:
    path = (*_PATH, "respond", index)
    if not response.when:
        yield Mistake((*path, "when"), "is empty", "name kinds of alarms, such as performance")
    yield from _duration(
        "every_at_least",
        response.guard.every_at_least,
        path=(*path, "guard"),
    )
    if response.guard.judged_at_least < 0:
        yield Mistake((*path, "guard", "judged_at_least"), "is below 0", "give a count")
    kind = _PLANNED.get(response.then)
    plan = declaration.change_control
    planned = isinstance(plan, ChangePlan) and any(one.kind == kind for one in plan.modifications)
    if kind is not None and response.guard.within_plan and not planned:
        yield Mistake(
            (*path, "then"),
            f"'{response.then}' is in no modification of the change control plan",
            f"plan a modification of kind {kind} under change_control, or ask a person: then: ask",
        )


def _duration(
    name: str, text: str, *, whole_days: bool = False, path: tuple[str | int, ...] = _PATH
) -> Iterator[Mistake]:
    try:
        seconds = parse_duration(text).total_seconds()
    except Invalid as error:
        yield Mistake((*path, name), error.problem.rstrip("."), "write it like 28 d")
        return
    if seconds <= 0 or (whole_days and seconds % _DAY):
        days = "whole days, such as 28 d" if whole_days else "a time above 0, such as 1 d"
        yield Mistake((*path, name), f"'{text}' is not that", f"give {days}")

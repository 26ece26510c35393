"""A rehearsal in a workspace of its own, whose clock is moved from day to day."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bedside.core.clock import FixedClock
from bedside.core.errors import Invalid, Refused
from bedside.core.ids import digest_of
from bedside.core.ports import Progress
from bedside.core.records.rehearsal import OF_EVENTS, Rehearsal
from bedside.infra.files import locked_folder
from bedside.interop.declaration.yaml_records import Mistake, read_record
from bedside.lifecycle.package import load_declaration
from bedside.lifecycle.rehearsal_account import DayTold, Rehearsed
from bedside.lifecycle.rehearsal_model import lighter_model, marked_table
from bedside.lifecycle.rehearsal_page import write_rehearsal
from bedside.lifecycle.rehearsing import SERVICE, Year
from bedside.wiring.rehearsal_keeping import EVERY, Keeping
from bedside.wiring.settings import settings_of
from bedside.wiring.workspace import open_workspace

__all__ = ["read_rehearsal", "rehearse_in"]

_GOES_ON = "it was stopped before; it goes on from the copy of this day"


def read_rehearsal(path: Path) -> Rehearsal:
    """The plan in a file.

    Raises:
        Invalid: it is not there, or not right; the line and the fix are named.
    """
    if not path.is_file():
        raise Invalid("There is no plan at that path.", fix="give its file: --plan FILE.")
    return read_record(path.read_bytes(), Rehearsal, file=path.name, mistakes=_mistakes)


def rehearse_in(
    folder: Path,
    model: Path,
    data: Path | None,
    plan: Rehearsal,
    *,
    progress: Progress,
    tell: Callable[[DayTold], None],
    every: float | None = None,
) -> Rehearsed:
    """Live through the plan in a new workspace, or go on where the same rehearsal was killed.

    Args:
        folder: Of the workspace; it must not be there yet, or be that of this rehearsal.
        model: The folder of the model.
        data: Its table; None: what is bundled.
        plan: What happens when.
        progress: Of the builds.
        tell: Hears of everything that happens, in the order of the days; of days that are lived
            through once more, again.
        every: Least processor time between two copies of the workspace, in seconds.

    Raises:
        Refused: the folder is there already, and is not of this rehearsal or it has ended (code
            `folder_exists`), or the data are others (code `rehearsal_data`).
        Unavailable: another process rehearses there.
        Invalid, Refused: as `Year.run`.
    """
    declared, source = load_declaration(model)
    about = digest_of([asdict(plan), declared.name, source.decode()])
    keeping = Keeping(folder=folder, about=about, every=EVERY if every is None else every)
    settings = settings_of(folder)
    is_here = isinstance(settings.metadata, Path) and settings.bucket is None
    if folder.exists() and not is_here:
        raise Refused(
            "A rehearsal makes its own workspace, and that folder is there already.",
            fix="give a new name; one whose database or objects lie elsewhere is not gone on with.",
            code="folder_exists",
        )
    keeping.look()
    with locked_folder(keeping.scratch):
        state = keeping.begin()
        clock = FixedClock(datetime.fromisoformat(plan.begins).replace(tzinfo=UTC))
        platform = open_workspace(folder, actor=SERVICE, progress=progress, clock=clock)
        year = Year(
            platform=platform,
            clock=clock,
            model=lighter_model(model, plan, keeping.scratch),
            plan=plan,
            data=marked_table(model, data, plan, keeping.scratch),
            scratch=keeping.scratch,
            tell=tell,
            state=state,
        )
        if state.first:
            year.tell(DayTold(day=state.day, at=_day_of(plan, state.day), what=_GOES_ON))
        if is_here:
            year.keep = keeping.keep
        done = write_rehearsal(platform, year.run())
        keeping.end()
    return done


def _day_of(plan: Rehearsal, day: int) -> str:
    return (datetime.fromisoformat(plan.begins) + timedelta(days=day)).date().isoformat()


def _mistakes(plan: Rehearsal) -> list[Mistake]:
    found = []
    try:
        datetime.fromisoformat(plan.begins)
    except ValueError:
        found.append(Mistake(("begins",), "is no day", "write it like 2026-01-01"))
    for name in ("days", "patients_per_day", "questions_per_patient", "asked_every"):
        if getattr(plan, name) < 1:
            found.append(Mistake((name,), "is below 1", "give a count"))
    if not 0 < plan.built_from < 1:
        found.append(Mistake(("built_from",), "is no share", "give a number between 0 and 1"))
    for number, event in enumerate(plan.events):
        path = ("events", number)
        if not 0 <= event.day < plan.days:
            found.append(Mistake((*path, "day"), "is no day of it", f"use 0 to {plan.days - 1}"))
        if not 0 < event.share <= 1:
            found.append(Mistake((*path, "share"), "is no share", "give a number up to 1"))
        if event.then in (*OF_EVENTS, "mix") and not event.signal:
            found.append(Mistake((*path, "signal"), "is missing", "name the signal"))
        if event.factor <= 0:
            found.append(Mistake((*path, "factor"), "is not above 0", "give a factor"))
    return found

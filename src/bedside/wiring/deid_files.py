"""Releasing files, wired: with a project's vault, or with stand-ins that end with the run."""

from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from bedside.core.clock import SystemClock, iso
from bedside.core.errors import Invalid
from bedside.infra.files import write_atomically
from bedside.lifecycle.deid_files import ReleasedFiles, check_places, release_files
from bedside.lifecycle.deid_risk import Measured, measure_file
from bedside.lifecycle.leaving import (
    THIS_RUN,
    Leaving,
    WhoseRecords,
    content_of,
    leave_zone,
    tell_left,
)
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.signed_effects import HandAsked
from bedside.privacy.fields.actions import FieldActions
from bedside.privacy.memory_vault import MemoryVault
from bedside.privacy.risk.report import RiskQuestion
from bedside.privacy.rules import ReleasePlan
from bedside.wiring.certifying import texts_of

__all__ = ["FilesRun", "measure", "release_to"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesRun:
    """What a person asks for.

    Args:
        source: A file, a folder or a ZIP archive.
        target: A new folder.
        form: Of the files.
        plan: The release mode, and what goes with it. Where its project is `THIS_RUN`, the
            stand-ins end with this run.
        salt: Of the pseudonyms of the same patients' data set.
        subject: For a table: the column with the patient's identifier.
        columns: For a table: what a column is.
        certified: The data set whose certificates say which free texts are cleaned and released.
    """

    source: Path
    target: Path
    form: str
    plan: ReleasePlan
    salt: str = "bedside"
    subject: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    certified: str = ""

    def leaving(self) -> Leaving:
        """What exactly leaves."""
        return Leaving(
            action="deidentify.files",
            form=self.form,
            content=content_of(self.source),
            plan=self.plan,
            how={
                "subject": self.subject,
                "columns": dict(sorted(self.columns.items())),
                "certified": self.certified,
            },
        )


def release_to(
    platform: Platform | None, run: FilesRun, hand: HandAsked | None = None
) -> ReleasedFiles:
    """Release a file, a folder or a ZIP archive into a new folder.

    Args:
        platform: The workspace whose door it goes through and whose ledger is told; without one
            nobody is asked.
        run: What is asked for.
        hand: Asks for what the actor signs with, where roles count.

    Raises:
        Invalid, NotFound, Refused: as `release_files` and `leave_zone`; certified without a
            workspace.
    """
    if run.certified and platform is None:
        raise Invalid("A certificate lies in a workspace.", fix="name the --project as well.")
    check_places(run.source, run.target, run.form)
    if platform is None:
        return _released(None, run)[0]
    leaving = run.leaving()
    decision = leave_zone(platform, leaving, hand)
    done, subjects = _released(platform, run)
    whose = WhoseRecords(salt=run.salt, subjects=subjects)
    told = {"written_count": done.written}
    tell_left(platform, leaving, whose, decision=decision, told=told)
    return done


def _released(platform: Platform | None, run: FilesRun) -> tuple[ReleasedFiles, set[int]]:
    """What was released, and whose records were in it."""
    alone = platform is None or run.plan.project == THIS_RUN
    vault = MemoryVault() if platform is None or alone else platform.vaults.of(run.plan.project)
    clock = SystemClock() if platform is None else platform.clock
    held = nullcontext() if platform is None or alone else platform.lock()
    with held, vault.together() as together:
        actions = FieldActions(
            plan=run.plan, vault=together, released_at=clock.now(), salt=run.salt
        )
        if run.certified and platform is not None:
            actions.cleaner = texts_of(
                platform, run.certified, run.plan.project, run.plan.mode, together
            ).cleaner
        done = release_files(
            run.source,
            run.target,
            run.form,
            actions,
            write_atomically,
            subject=run.subject,
            columns=run.columns,
        )
    return done, actions.subjects


def measure(
    source: Path,
    target: Path | None,
    question: RiskQuestion,
    subject: str,
    population: Path | None,
) -> Measured:
    """Measure a table in a file; the report lies in `target`, or beside the file.

    Raises:
        Invalid, NotFound: as `measure_file`.
    """
    where = target or source.with_name(f"{source.name.partition('.')[0]}-risk")
    made_at = iso(SystemClock().now())
    return measure_file(
        source,
        where,
        question,
        write_atomically,
        made_at=made_at,
        subject=subject,
        population=population,
    )

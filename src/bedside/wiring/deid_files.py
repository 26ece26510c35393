"""Releasing files, wired: with a project's vault, or with stand-ins that end with the run."""

from contextlib import nullcontext
from pathlib import Path

from bedside.core.clock import SystemClock, iso
from bedside.core.errors import Invalid
from bedside.core.records.policy import Act, Resource
from bedside.core.records.snapshot import Zone
from bedside.infra.files import write_atomically
from bedside.lifecycle.deid_files import ReleasedFiles, release_files
from bedside.lifecycle.deid_risk import Measured, measure_file
from bedside.lifecycle.door import enter
from bedside.lifecycle.platform import Platform
from bedside.privacy.fields.actions import FieldActions
from bedside.privacy.memory_vault import MemoryVault
from bedside.privacy.risk.report import RiskQuestion
from bedside.privacy.rules import ReleasePlan
from bedside.wiring.certifying import texts_of

__all__ = ["measure", "release_to"]


def release_to(
    platform: Platform | None,
    source: Path,
    target: Path,
    form: str,
    plan: ReleasePlan,
    salt: str = "bedside",
    subject: str = "",
    columns: dict[str, str] | None = None,
    certified: str = "",
) -> ReleasedFiles:
    """Release a file, a folder or a ZIP archive into a new folder.

    Args:
        platform: The workspace whose vault keeps the stand-ins, and whose ledger is told; without
            one they end with this run.
        source: What is released.
        target: The new folder.
        form: Of the files.
        plan: The release mode, and what goes with it.
        salt: Of the pseudonyms of the same patients' data set.
        subject: For a table: the column with the patient's identifier.
        columns: For a table: what a column is.
        certified: The data set whose certificates say which free texts are cleaned and released.

    Raises:
        Invalid, NotFound, Refused: as `release_files`; certified without a workspace.
    """
    if certified and platform is None:
        raise Invalid("A certificate lies in a workspace.", fix="name the --project as well.")
    if platform is not None:
        enter(platform, Act.DEIDENTIFY, Resource(name=plan.project, zone=Zone.IDENTIFIED))
    vault = MemoryVault() if platform is None else platform.vaults.of(plan.project)
    clock = SystemClock() if platform is None else platform.clock
    held = nullcontext() if platform is None else platform.lock()
    with held, vault.together() as together:
        actions = FieldActions(plan=plan, vault=together, released_at=clock.now(), salt=salt)
        if certified and platform is not None:
            texts = texts_of(platform, certified, plan.project, plan.mode, together)
            actions.cleaner = texts.cleaner
        done = release_files(
            source, target, form, actions, write_atomically, subject=subject, columns=columns
        )
    if platform is not None:
        told = {
            "form": form,
            "mode": plan.mode.value,
            "project": plan.project,
            "agreement": plan.agreement,
            "dossier": plan.dossier,
            "attested_by": plan.attested_by,
            "files_count": done.written,
        }
        platform.ledger.append(platform.actor, "deidentify.files", told)
    return done


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

"""`bedside deid fhir`, `hl7`, `omop`, `table`: releasing files.

With a workspace on the machine they go through its door: where roles count, two people sign.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bedside.cli.deid_data import (
    Agreement,
    AttestedBy,
    Differently,
    Dossier,
    Mode,
    pairs_of,
    plan_of,
)
from bedside.cli.deid_door import NOT_TOLD, hand_asked, opened_if_any
from bedside.cli.frame import ActorOption, JsonOption, PurposeOption, Workspace, guarded, show
from bedside.cli.passphrases import PassphraseFd, PassphraseFile

if TYPE_CHECKING:
    from bedside.lifecycle.deid_files import ReleasedFiles
    from bedside.wiring.deid_files import FilesRun

__all__ = ["fhir", "hl7", "omop", "table"]

Source = Annotated[Path, typer.Argument(help="A file, a folder, or a ZIP archive.")]
Out = Annotated[Path, typer.Option("--out", help="A new folder for what is released.")]
Project = Annotated[
    str | None,
    typer.Option(
        "--project",
        help="Whose vault in the workspace keeps the stand-ins; without it they end with this run.",
    ),
]
Salt = Annotated[
    str, typer.Option("--salt", help="The pseudonym_salt of the same patients' data set.")
]

Certified = Annotated[
    str,
    typer.Option(
        "--certified", help="The data set whose certificates let free texts out, cleaned."
    ),
]


def _released(
    form: str,
    source: Path,
    out: Path,
    plan_words: tuple[str, str | None, str, str, str, list[str] | None],
    salt: str,
    place: tuple[Path | None, str | None, str | None, bool],
    signing: tuple[Path | None, int | None],
    subject: str = "",
    columns: dict[str, str] | None = None,
    certified: str = "",
) -> None:
    mode, project, *more = plan_words
    workspace, actor, purpose, as_json = place
    with guarded(as_json):
        from dataclasses import asdict  # noqa: PLC0415

        from bedside.lifecycle.leaving import THIS_RUN  # noqa: PLC0415
        from bedside.wiring.deid_files import FilesRun, release_to  # noqa: PLC0415

        run = FilesRun(
            source=source,
            target=out,
            form=form,
            plan=plan_of(mode, project or THIS_RUN, *more),  # type: ignore[arg-type]
            salt=salt,
            subject=subject,
            columns=columns or {},
            certified=certified,
        )
        needed = project is not None or bool(certified)
        platform = opened_if_any(workspace, actor, purpose, as_json, needed=needed)
        done = release_to(platform, run, hand_asked(platform, *signing))
        lines = [] if platform is not None else [f"  {NOT_TOLD}"]
        show(asdict(done), as_json, lambda: "\n".join([*_words(done, run), *lines]))


def _words(done: "ReleasedFiles", run: "FilesRun") -> list[str]:
    return [
        f"{done.written:,} files in {run.target}, as {run.plan.mode.replace('_', ' ')}.",
        *([f"  {done.refused:,} files were no {run.form}."] if done.refused else []),
        f"  {sum(done.lost.values()):,} fields stayed behind, of "
        f"{len(done.lost):,} kinds: deidentification.json names them.",
    ]


def _command(form: str, says: str) -> Callable[..., None]:
    """The command that releases files of a form whose fields are known by their names."""

    def released(
        source: Source,
        mode: Mode,
        out: Out,
        project: Project = None,
        agreement: Agreement = "",
        dossier: Dossier = "",
        attested_by: AttestedBy = "",
        differently: Differently = None,
        salt: Salt = "bedside",
        certified: Certified = "",
        passphrase_file: PassphraseFile = None,
        passphrase_fd: PassphraseFd = None,
        workspace: Workspace = None,
        actor: ActorOption = None,
        purpose: PurposeOption = None,
        as_json: JsonOption = False,
    ) -> None:
        words = (mode, project, agreement, dossier, attested_by, differently)
        place = (workspace, actor, purpose, as_json)
        signing = (passphrase_file, passphrase_fd)
        _released(form, source, out, words, salt, place, signing, certified=certified)

    released.__name__, released.__doc__ = form, says
    return released


fhir = _command(
    "fhir", "Release FHIR R4 resources and Bundles (JSON, NDJSON); what no rule names stays behind."
)
hl7 = _command(
    "hl7", "Release HL7 v2 messages: a segment or field that no rule names comes out empty."
)
omop = _command("omop", "Release tables of the OMOP CDM (CSV, Parquet), whose ids still join.")


def table(
    source: Source,
    mode: Mode,
    out: Out,
    subject: Annotated[
        str, typer.Option("--subject", help="The column with the patient's identifier.")
    ],
    column: Annotated[
        list[str] | None,
        typer.Option("--column", help="COLUMN=KIND where its name does not say it; or =keep."),
    ] = None,
    project: Project = None,
    agreement: Agreement = "",
    dossier: Dossier = "",
    attested_by: AttestedBy = "",
    differently: Differently = None,
    salt: Salt = "bedside",
    certified: Certified = "",
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Release a table (CSV, Parquet): columns that name people, by name or by value, change."""
    words = (mode, project, agreement, dossier, attested_by, differently)
    with guarded(as_json):
        columns = pairs_of(column, "COLUMN=KIND")
    place = (workspace, actor, purpose, as_json)
    signing = (passphrase_file, passphrase_fd)
    _released("table", source, out, words, salt, place, signing, subject, columns, certified)

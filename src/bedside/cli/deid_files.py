"""`bedside deid fhir`, `hl7`, `omop`, `table`: releasing files."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

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
from bedside.cli.frame import ActorOption, JsonOption, PurposeOption, Workspace, guarded, show

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
    subject: str = "",
    columns: dict[str, str] | None = None,
    certified: str = "",
) -> None:
    mode, project, *more = plan_words
    workspace, actor, purpose, as_json = place
    with guarded(as_json):
        from dataclasses import asdict  # noqa: PLC0415

        from bedside.wiring.deid_files import release_to  # noqa: PLC0415

        plan = plan_of(mode, project or "this-run", *more)  # type: ignore[arg-type]
        platform = None
        if project is not None:
            from bedside.cli.frame import opened  # noqa: PLC0415

            platform = opened(workspace, actor, purpose or "de-identification", as_json)
        done = release_to(platform, source, out, form, plan, salt, subject, columns, certified)
        show(
            asdict(done),
            as_json,
            lambda: "\n".join(
                [
                    f"{done.written:,} files in {out}, as {mode.replace('_', ' ')}.",
                    *([f"  {done.refused:,} files were no {form}."] if done.refused else []),
                    f"  {sum(done.lost.values()):,} fields stayed behind, of "
                    f"{len(done.lost):,} kinds: deidentification.json names them.",
                ]
            ),
        )


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
        workspace: Workspace = None,
        actor: ActorOption = None,
        purpose: PurposeOption = None,
        as_json: JsonOption = False,
    ) -> None:
        words = (mode, project, agreement, dossier, attested_by, differently)
        place = (workspace, actor, purpose, as_json)
        _released(form, source, out, words, salt, place, certified=certified)

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
    _released("table", source, out, words, salt, place, subject, columns, certified)

"""`bedside deid data`: releasing a data set of the workspace."""

from typing import TYPE_CHECKING, Annotated

import typer

from bedside.cli.frame import (
    ActorOption,
    JsonOption,
    PurposeOption,
    Workspace,
    guarded,
    opened,
    show,
)
from bedside.cli.passphrases import PassphraseFd, PassphraseFile

if TYPE_CHECKING:
    from bedside.privacy.rules import ReleasePlan

__all__ = [
    "Agreement",
    "AttestedBy",
    "Differently",
    "Dossier",
    "Mode",
    "Project",
    "data",
    "pairs_of",
    "plan_of",
]

Mode = Annotated[
    str, typer.Option("--mode", help="Release mode: safe_harbor, expert or limited_dataset.")
]
Project = Annotated[
    str, typer.Option("--project", help="Whose vault keeps the stand-ins: a study, a release.")
]
Agreement = Annotated[
    str, typer.Option("--agreement", help="The data use agreement of a limited data set.")
]
Dossier = Annotated[str, typer.Option("--dossier", help="Where an expert's finding is written.")]
AttestedBy = Annotated[
    str,
    typer.Option(
        "--attested-by", help="Who says that nothing known of what is left identifies anybody."
    ),
]
Differently = Annotated[
    list[str] | None,
    typer.Option("--do", help="KIND=ACTION, such as date=year; within what the mode allows."),
]
Codes = Annotated[
    list[str] | None,
    typer.Option("--code", help="CODE=KIND: a code of yours that carries an identifier."),
]
Kept = Annotated[
    list[str] | None,
    typer.Option("--keep", help="A code that looks as if it named people, and does not."),
]


def pairs_of(written: list[str] | None, what: str) -> dict[str, str]:
    """`A=B` options as a mapping."""
    from bedside.core.errors import Invalid  # noqa: PLC0415

    found = {}
    for one in written or []:
        left, sign, right = one.rpartition("=")
        if not (left and sign and right):
            raise Invalid(f"This is no {what}.", fix=f"write it like {what}.")
        found[left] = right
    return found


def plan_of(
    mode: str,
    project: str,
    agreement: str,
    dossier: str,
    attested_by: str,
    differently: list[str] | None,
) -> "ReleasePlan":
    """The plan that the options describe."""
    from bedside.core.errors import Invalid  # noqa: PLC0415
    from bedside.core.records.release_mode import ReleaseMode  # noqa: PLC0415
    from bedside.privacy.rules import Action, ReleasePlan  # noqa: PLC0415

    told = pairs_of(differently, "KIND=ACTION")
    for word, kind in ((mode, ReleaseMode), *((one, Action) for one in told.values())):
        if word not in list(kind):
            raise Invalid(
                f"There is no such {'release mode' if kind is ReleaseMode else 'action'}.",
                fix=f"use one of: {', '.join(kind)}.",
            )
    return ReleasePlan(
        mode=ReleaseMode(mode),
        project=project,
        agreement=agreement,
        dossier=dossier,
        attested_by=attested_by,
        actions={kind: Action(action) for kind, action in told.items()},
    )


def data(
    name: Annotated[str, typer.Argument(help="An identified data set, e.g. ward/prepared.")],
    mode: Mode,
    project: Project,
    agreement: Agreement = "",
    dossier: Dossier = "",
    attested_by: AttestedBy = "",
    differently: Differently = None,
    code: Codes = None,
    keep: Kept = None,
    minimum: Annotated[
        int, typer.Option("--minimum", min=2, help="Patients who must share a text.")
    ] = 3,
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Release a data set under a release mode, as a new data set that names nobody.

    Where roles count, two people sign for it: the first by this command, which is run again after
    the other.
    """
    with guarded(as_json):
        from bedside.cli.passphrases import hand_for  # noqa: PLC0415
        from bedside.lifecycle.deidentify import Judgement, release_data  # noqa: PLC0415
        from bedside.wiring.certifying import texts_of  # noqa: PLC0415

        plan = plan_of(mode, project, agreement, dossier, attested_by, differently)
        platform = opened(workspace, actor, purpose or "de-identification", as_json)
        texts = texts_of(platform, name.partition("@")[0], plan.project, plan.mode)
        judgement = Judgement(
            minimum=minimum,
            codes=pairs_of(code, "CODE=KIND"),
            keep=tuple(keep or ()),
            certified=texts.certified,
            cleaner=texts.cleaner,
        )
        done = release_data(
            platform,
            name,
            plan,
            judgement,
            hand=lambda: hand_for(platform, passphrase_file, passphrase_fd),
        )
        told = done.report
        show(
            {**told, "page": str(done.page)},
            as_json,
            lambda: "\n".join(
                [
                    f"{told['name']}@{told['snapshot'][:12]}: {told['events']:,} events of "
                    f"{told['events_before']:,}, as {mode.replace('_', ' ')}.",
                    *(f"  stayed behind, {one['reason']}: {one['rows']:,}" for one in told["lost"]),
                    *(f"  texts stayed behind: {n:,}" for n in [told["texts_behind"]] if n),
                    *told["open"],
                    f"The report: {done.page}",
                ]
            ),
        )

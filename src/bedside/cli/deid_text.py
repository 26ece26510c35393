"""`bedside deid text` and `bedside deid train`: notes, and the labeller of what rules miss."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bedside.cli.deid_data import Agreement, AttestedBy, Dossier, Mode, plan_of
from bedside.cli.deid_door import NOT_TOLD, hand_asked, opened_if_any
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
    from bedside.lifecycle.deid_notes import NotesRun
    from bedside.lifecycle.platform import Platform

__all__ = ["text", "train"]

Language = Annotated[str, typer.Option("--language", help="Of the notes: en, es.")]
MoreLists = Annotated[
    Path | None, typer.Option("--lists", help="A folder of more names and places, .txt files.")
]


def text(
    path: Annotated[Path, typer.Argument(help="A text file, or a folder of .txt files.")],
    language: Language,
    mode: Mode,
    out: Annotated[Path, typer.Option("--out", help="A new folder for the notes with stand-ins.")],
    known: Annotated[
        Path | None,
        typer.Option("--known", help="JSON lines: of each note what the record knows."),
    ] = None,
    labeller: Annotated[
        str | None, typer.Option("--labeller", help="The digest that `deid train` printed.")
    ] = None,
    lists: MoreLists = None,
    finder: Annotated[
        list[str] | None, typer.Option("--finder", help="A plug-in, by its name.")
    ] = None,
    project: Annotated[
        str | None,
        typer.Option("--project", help="Whose vault keeps the stand-ins; drawn anew if not given."),
    ] = None,
    certified: Annotated[
        str, typer.Option("--certified", help="The data set whose certificate must count for this.")
    ] = "",
    agreement: Agreement = "",
    dossier: Dossier = "",
    attested_by: AttestedBy = "",
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find what identifies somebody in notes, and write them with stand-ins.

    Where roles count, two people sign for it; notes without a certificate leave as identified.
    """
    with guarded(as_json):
        from bedside.lifecycle.deid_notes import NotesRun, deidentify_notes  # noqa: PLC0415
        from bedside.lifecycle.leaving import THIS_RUN  # noqa: PLC0415

        run = NotesRun(
            source=path,
            out=out,
            language=language,
            plan=plan_of(mode, project or THIS_RUN, agreement, dossier, attested_by, None),
            known=known,
            labeller=labeller,
            lists=lists,
            project=project,
            finders=tuple(finder or ()),
        )
        needed = project is not None or labeller is not None or bool(certified)
        platform = opened_if_any(workspace, actor, purpose, as_json, needed=needed)
        if certified and platform is not None:
            run = _certified(run, platform, certified)
        hand = hand_asked(platform, passphrase_file, passphrase_fd)
        report = deidentify_notes(run, platform, hand)
        after = [] if platform is not None else [NOT_TOLD]
        show(report, as_json, lambda: "\n".join([_text_words(report, out), *after]))


def _certified(run: "NotesRun", platform: "Platform", data_set: str) -> "NotesRun":
    """The run with what its report says of the certificate that counts for it."""
    from dataclasses import replace  # noqa: PLC0415

    from bedside.core.errors import Invalid  # noqa: PLC0415
    from bedside.wiring.certifying import certified_notes  # noqa: PLC0415

    if run.lists is not None or run.finders:
        raise Invalid(
            "No certificate is of an engine with own lists or plug-ins.",
            fix="leave --lists and --finder out.",
        )
    notice = certified_notes(platform, data_set, run.language, run.labeller or "")
    return replace(run, certified=data_set, notice=notice)


def train(
    language: Language,
    folder: Annotated[
        Path | None, typer.Argument(help="Annotated notes: brat (.txt and .ann), or JSON lines.")
    ] = None,
    sample: Annotated[
        str | None,
        typer.Option("--sample", help="Instead: the data set whose sample was labelled here."),
    ] = None,
    kinds: Annotated[
        Path | None,
        typer.Option("--kinds", help="JSON: for each label of yours the kind of identifier."),
    ] = None,
    lists: MoreLists = None,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Steps of learning.")] = 100,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a labeller on annotated notes; it is kept sealed in the workspace."""
    with guarded(as_json):
        from bedside.core.errors import Invalid  # noqa: PLC0415
        from bedside.lifecycle.deid_notes import train_labeller  # noqa: PLC0415
        from bedside.lifecycle.note_labels import labelled_notes  # noqa: PLC0415
        from bedside.privacy.text.training import TrainingOptions, read_kinds  # noqa: PLC0415

        if (folder is None) == (sample is None):
            raise Invalid("It is not said what to train on.", fix="give a folder, or --sample.")
        platform = opened(workspace, actor, purpose or "de-identification", as_json)
        told = train_labeller(
            platform,
            labelled_notes(platform, sample) if sample is not None else folder or Path(),
            language,
            kinds=read_kinds(kinds) if kinds else None,
            lists=lists,
            options=TrainingOptions(rounds=rounds),
        )
        show(
            told,
            as_json,
            lambda: (
                f"Trained on {told['notes']:,} notes with {told['spans']:,} spans of "
                f"{len(told['labels'])} labels.\nThe labeller: {told['labeller']}\n"
                "It names words of the notes, and stays sealed in the workspace."
            ),
        )


def _text_words(report: dict[str, Any], out: Path) -> str:
    rows = [
        f"  {kind.replace('_', ' '):<18} {sum(by.values()):>7,}  "
        + ", ".join(f"{name} {count:,}" for name, count in by.items())
        for kind, by in report["kinds"].items()
    ]
    head = f"{report['identifiers']:,} identifiers in {report['notes']:,} notes were replaced."
    return "\n".join([head, *rows, f"The notes: {out}", report["notice"]])

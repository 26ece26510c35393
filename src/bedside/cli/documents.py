"""`bedside documents`: a version's documents, and what people state where no record answers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from bedside.cli.frame import (
    ActorOption,
    JsonOption,
    PurposeOption,
    Version,
    Workspace,
    guarded,
    opened,
    show,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bedside.core.records.statement import Statement
    from bedside.lifecycle.documents_statements import Said

__all__ = ["documents_app"]


class _WriteByDefault(TyperGroup):
    """`bedside documents VERSION` writes them, as `bedside documents write VERSION` does."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `write` before what is none of the commands."""
        if args and args[0] not in self.commands and args[0] != "--help":
            args = ["write", *args]
        return super().parse_args(ctx, args)


documents_app = typer.Typer(
    help="Write a version's documents from its evidence, list the gaps, and fill them.",
    cls=_WriteByDefault,
    no_args_is_help=True,
)
Since = Annotated[
    str | None,
    typer.Option(
        "--since", help="First day of the reports on monitoring; by itself, of the last 90."
    ),
]
Until = Annotated[str | None, typer.Option("--until", help="Last day of them; today if not given.")]


@documents_app.command("write")
def write(
    version: Version,
    workspace: Workspace = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="Write each page as PDF too.")] = False,
    since: Since = None,
    until: Until = None,
    as_json: JsonOption = False,
) -> None:
    """Write every document of a version from its evidence, and list the gaps and who fills them.

    The word `write` may be left out.
    """
    with guarded(as_json):
        from bedside.cli.documents_words import documents_json, documents_words  # noqa: PLC0415
        from bedside.lifecycle.documents import write_documents  # noqa: PLC0415
        from bedside.wiring.documents import around_of  # noqa: PLC0415

        platform = opened(workspace, None, "overview", as_json)
        done = write_documents(
            platform, version, around=around_of(platform), pdf=pdf, since=since, until=until
        )
        show(documents_json(done), as_json, lambda: documents_words(done))


@documents_app.command("fill")
def fill(
    version: Version,
    field: Annotated[
        str | None, typer.Argument(help="DOCUMENT.ITEM, such as hti1.2 or tripod_ai.3a.")
    ] = None,
    text: Annotated[str | None, typer.Option("--text", help="What is stated.")] = None,
    by: Annotated[
        str, typer.Option("--by", help="Who states it, with their office; shown in the document.")
    ] = "",
    answers: Annotated[
        Path | None, typer.Option("--from", help="A YAML file: by, and answers by field.")
    ] = None,
    blank: Annotated[
        Path | None, typer.Option("--blank", help="Write such a file of the gaps there are.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="State of this version what was stated of another.")
    ] = False,
    taken_back: Annotated[
        bool, typer.Option("--take-back", help="Take back what was stated last.")
    ] = False,
    since: Since = None,
    until: Until = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write down what a person states to a gap; it stands in the document as theirs, not as shown.

    It is kept sealed in the ledger and counts for this version; of the next one it is asked again.
    """
    with guarded(as_json):
        from bedside.cli.documents_words import blank_yaml  # noqa: PLC0415
        from bedside.lifecycle.documents_statements import open_items  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "governance", as_json)
        if blank is not None:
            content, many = blank_yaml(version, open_items(platform, version))
            _new_file(blank, content)
            told = {"file": str(blank), "gaps": many}
            show(told, as_json, lambda: f"{many} gaps to fill: {blank}")
            return
        wanted = _wanted(field, text, by, answers, again=again or taken_back)
        wanted = [_of_days(one, since, until) for one in wanted]
        done = _stated(platform, version, wanted, taken_back=taken_back)
        show(
            {"statements": [_statement(one) for one in done], "taken_back": taken_back},
            as_json,
            lambda: _words(done, taken_back),
        )


def _of_days(said: "Said", since: str | None, until: str | None) -> "Said":
    """The same, of these days."""
    from dataclasses import replace  # noqa: PLC0415

    return replace(said, since=since, until=until)


def _wanted(
    field: str | None, text: str | None, by: str, answers: Path | None, *, again: bool
) -> "list[Said]":
    """What is to be stated: one answer, or those of a file."""
    from bedside.core.errors import Invalid, NotFound  # noqa: PLC0415
    from bedside.interop.statement_file import read_statement_file  # noqa: PLC0415
    from bedside.lifecycle.documents_statements import Said  # noqa: PLC0415

    if (answers is None) == (field is None) or (field is not None and (text is None) != again):
        raise Invalid(
            "It is not said what is stated, or it is said twice.",
            fix="give FIELD with --text, --again or --take-back; or a file with --from.",
        )
    if field is not None:
        return [Said(field=field, text=text, by=by)]
    if answers is None or not answers.is_file():
        raise NotFound("There is no such file.", fix="give the path of one.")
    told = read_statement_file(answers.read_bytes(), file=answers.name)
    name = by or told.by
    return [Said(field=f, text=t, by=name) for f, t in told.answers.items() if t.strip()]


def _stated(
    platform: Any, version: str, wanted: "Sequence[Said]", *, taken_back: bool
) -> "list[Statement]":
    from bedside.lifecycle.documents_statements import state_all, take_back  # noqa: PLC0415

    if taken_back:
        return [take_back(platform, version, one) for one in wanted]
    return state_all(platform, version, wanted)


def _new_file(path: Path, content: str) -> None:
    from bedside.core.errors import Invalid, Unavailable  # noqa: PLC0415

    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(content)
    except FileExistsError:
        raise Invalid("There is such a file already.", fix="give a new name.") from None
    except OSError:
        raise Unavailable("The file cannot be written.", fix="check the folder.") from None


def _statement(one: "Statement") -> dict[str, Any]:
    return {
        "field": one.field,
        "version": one.version,
        "text": one.text,
        "by": one.by,
        "actor": one.actor,
        "at": one.at,
        "entry": one.entry,
    }


def _words(done: "Sequence[Statement]", taken_back: bool) -> str:
    said = "taken back" if taken_back else "stated"
    rows = [f"{one.field} of {one.version}: {said}, by {one.by}." for one in done]
    return "\n".join([*rows, "Write the documents again to see it: bedside documents MODEL."])

"""`bedside compare` and `bedside history`: versions beside each other, and over time."""

from pathlib import Path
from typing import Annotated

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

__all__ = ["compare", "history"]

_NAMED = "NAME@DIGEST, the start of it, or a model's name."


def compare(
    first: Annotated[str, typer.Argument(help=_NAMED)],
    second: Annotated[str, typer.Argument(help=_NAMED)],
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Folder or file of patients for both; else those held out."),
    ] = None,
    folder: Annotated[
        str | None,
        typer.Option("--folder", help="The model's folder, where the source is declared beside."),
    ] = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare two versions of one question on the same patients, and how they were made."""
    with guarded(as_json):
        from bedside.cli.compare_words import compared_json, compared_words  # noqa: PLC0415
        from bedside.lifecycle.comparing import compare_versions  # noqa: PLC0415
        from bedside.wiring.elsewhere import collect_elsewhere  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "validation", as_json)
        for version in (first, second):
            collect_elsewhere(platform, version, data, folder)
        done = compare_versions(platform, first, second, data)
        show(compared_json(done), as_json, lambda: compared_words(done))


def history(
    model: Annotated[str, typer.Argument(help="A model's name, or one of its versions.")],
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell the versions of a model over time: from what, how good, who approved, where proven."""
    with guarded(as_json):
        from bedside.cli.compare_words import history_json, history_words  # noqa: PLC0415
        from bedside.lifecycle.history import history as verb  # noqa: PLC0415

        done = verb(opened(workspace, actor, purpose or "overview", as_json), model)
        show(history_json(done), as_json, lambda: history_words(done))

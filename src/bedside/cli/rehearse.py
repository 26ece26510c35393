"""`bedside rehearse`: a year of a model in use, lived through in minutes."""

from pathlib import Path
from typing import Annotated

import typer

from bedside.cli.frame import Data, Folder, JsonOption, guarded, show

__all__ = ["rehearse"]


def rehearse(
    folder: Folder,
    plan: Annotated[Path, typer.Option("--plan", help="What happens on which day, as YAML.")],
    to: Annotated[
        Path, typer.Option("--to", help="The workspace that it makes; or its own, to go on.")
    ],
    data: Data = None,
    as_json: JsonOption = False,
) -> None:
    """Live through a year of a model in use on a simulated clock, with real patients and answers.

    The account lies in the ledger of the new workspace, as of any other, and on a page beside its
    reports. Exit status 1: something that the plan expects was not found, or not answered so.
    """
    with guarded(as_json):
        import sys  # noqa: PLC0415
        from dataclasses import asdict  # noqa: PLC0415

        from bedside.cli.rehearse_words import rehearsed_words  # noqa: PLC0415
        from bedside.usecases import folder_of  # noqa: PLC0415
        from bedside.wiring.progress import LineProgress  # noqa: PLC0415
        from bedside.wiring.rehearsing import read_rehearsal, rehearse_in  # noqa: PLC0415

        done = rehearse_in(
            to,
            folder_of(folder),
            data,
            read_rehearsal(plan),
            progress=LineProgress(),
            tell=lambda one: print(f"day {one.day:>3}  {one.at}  {one.what}", file=sys.stderr),
        )
        told = asdict(done) | {"is_as_planned": done.is_as_planned}
        show(told, as_json, lambda: rehearsed_words(done, to))
    if not done.is_as_planned:
        raise typer.Exit(code=1)

"""What every command shares: its options, its errors on standard error, its one JSON document."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from bedside.core.errors import BedsideError, Invalid, NotFound, Refused, Unavailable

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from bedside.core.ports import Progress
    from bedside.lifecycle.platform import Platform

__all__ = [
    "ActorOption",
    "Data",
    "Folder",
    "JsonOption",
    "PurposeOption",
    "Version",
    "Workspace",
    "guarded",
    "opened",
    "opened_for",
    "progress_of",
    "show",
    "show_done",
]

Workspace = Annotated[
    Path | None, typer.Option("--workspace", help="Folder of the workspace.", show_default=False)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
ActorOption = Annotated[
    str | None, typer.Option("--actor", help="Who acts; your user name if not given.")
]
PurposeOption = Annotated[
    str | None, typer.Option("--purpose", help="For which purpose; the command's own if not given.")
]
Version = Annotated[str, typer.Argument(help="NAME@DIGEST, the start of it, or a model's name.")]
Folder = Annotated[str, typer.Argument(help="A model's folder, or the name of a use case.")]
Data = Annotated[Path | None, typer.Option("--data", help="Folder or file of the data.")]
Done = TypeVar("Done", bound="DataclassInstance")
_CODES: dict[type[BedsideError], int] = {Invalid: 2, NotFound: 3, Refused: 4, Unavailable: 5}


def opened(workspace: Path | None, actor: str | None, purpose: str, as_json: bool) -> "Platform":
    """The platform of a workspace, once its policies permit what this command does.

    Raises:
        Refused: they do not, or the actor is somebody for whom this user may not act.
    """
    from bedside.cli.doors import act_of_this  # noqa: PLC0415
    from bedside.lifecycle.door import enter, enter_for  # noqa: PLC0415
    from bedside.wiring.settings import default_workspace  # noqa: PLC0415
    from bedside.wiring.workspace import actor_of, open_workspace  # noqa: PLC0415

    act = act_of_this()
    platform = open_workspace(
        workspace or default_workspace(),
        actor=actor_of(actor, purpose),
        progress=progress_of(as_json),
    )
    enter_for(platform, actor_of(None, purpose).name)
    enter(platform, act)
    return platform


def opened_for(
    folder: str,
    data: Path | None,
    workspace: Path | None,
    actor: str | None,
    purpose: str | None,
    as_json: bool,
) -> "tuple[Platform, Path, Path | None]":
    """The platform and the folder of a model, once what its source brings is collected.

    The third is what is left of `data` for the verb itself: those of a model of one wide table.
    """
    from bedside.usecases import folder_of  # noqa: PLC0415
    from bedside.wiring.sources import collect_for  # noqa: PLC0415

    platform = opened(workspace, actor, purpose or "model development", as_json)
    place = folder_of(folder)
    return platform, place, collect_for(platform, place, data)


def progress_of(as_json: bool) -> "Progress":
    """Live bars for a person, plain lines for a program."""
    from bedside.wiring.progress import BarProgress, LineProgress  # noqa: PLC0415

    return BarProgress() if sys.stderr.isatty() and not as_json else LineProgress()


@contextmanager
def guarded(as_json: bool) -> Iterator[None]:
    """Turn our errors into plain words and an exit code from 2 to 5."""
    try:
        yield
    except BedsideError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        if as_json:
            print(json.dumps({"error": error.problem, "fix": error.fix, "code": error.code}))
        known = (code for kind, code in _CODES.items() if isinstance(error, kind))
        raise typer.Exit(next(known, 1)) from None
    except KeyboardInterrupt:
        print("Stopped. Finished steps are kept: run the same command to go on.", file=sys.stderr)
        raise typer.Exit(130) from None


def show(document: dict[str, Any], as_json: bool, words: Callable[[], str]) -> None:
    """Print the document as JSON, or its words."""
    print(json.dumps(document, ensure_ascii=False) if as_json else words())


def show_done(done: Done, as_json: bool, words: Callable[[Done], str]) -> None:
    """Print what a verb did: its fields as JSON, or its words."""
    from dataclasses import asdict  # noqa: PLC0415

    show(asdict(done), as_json, lambda: words(done))

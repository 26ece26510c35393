"""`bedside suspend`, `resume`, `retrain` and `promote`: what is done about an alarm."""

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
    show_done,
)

__all__ = ["promote", "resume", "retrain", "suspend"]

Model = Annotated[str, typer.Argument(help="A model's name, or one of its versions.")]


def suspend(
    model: Model,
    reason: Annotated[
        str, typer.Option("--reason", help="Why; kept in the ledger.")
    ] = "no reason given",
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a version abstain from every answer until a person resumes it."""
    with guarded(as_json):
        from bedside.cli.respond_words import suspended_words  # noqa: PLC0415
        from bedside.lifecycle.suspending import suspend as verb  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "quality and safety", as_json)
        done = verb(platform, model, reason=reason)
        show_done(done, as_json, suspended_words)


def resume(
    model: Model,
    reason: Annotated[str, typer.Option("--reason", help="What was found; kept in the ledger.")],
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a suspended version give scores again."""
    with guarded(as_json):
        from bedside.cli.respond_words import suspended_words  # noqa: PLC0415
        from bedside.lifecycle.suspending import resume as verb  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "release", as_json)
        done = verb(platform, model, reason=reason)
        show_done(done, as_json, suspended_words)


def retrain(
    model: Annotated[str, typer.Argument(help="A model's name.")],
    because: Annotated[str, typer.Option("--because", help="Why; kept in the ledger.")],
    data: Annotated[
        Path | None,
        typer.Option("--data", help="The folder with the data, or one file, old and new cases."),
    ] = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Learn the model anew on newer data, by the declaration of the version in use.

    The new version is judged against the one in use on the same patients, whom neither has learnt
    from. It answers in silence by itself only inside the plan of changes of the version in use.
    """
    with guarded(as_json):
        from bedside.cli.respond_words import retrained_words  # noqa: PLC0415
        from bedside.lifecycle.retraining import retrain as verb  # noqa: PLC0415
        from bedside.lifecycle.retraining import retrained_told  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "model development", as_json)
        done = verb(platform, model, data, because=because)
        show(retrained_told(done), as_json, lambda: retrained_words(done))


def promote(
    model: Annotated[str, typer.Argument(help="A model's name.")],
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Newer patients, of whom both are asked once more."),
    ] = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Move a challenger one step on, where the signed plan of changes lets that go by itself."""
    with guarded(as_json):
        from bedside.cli.respond_words import promoted_words  # noqa: PLC0415
        from bedside.lifecycle.promoting import promote_inside_plan as verb  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "release", as_json)
        done = verb(platform, model, data)
        show_done(done, as_json, promoted_words)

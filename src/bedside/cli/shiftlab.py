"""`bedside shiftlab`: known shifts over held-out patients, and what the monitor makes of them."""

from typing import Annotated

import typer

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

__all__ = ["shiftlab"]


def shiftlab(
    version: Version,
    quick: Annotated[
        bool, typer.Option("--quick", help="A look in less than a minute: a few runs of each.")
    ] = False,
    quarters: Annotated[int, typer.Option(help="Undisturbed quarters.")] = 200,
    trials: Annotated[int, typer.Option(help="Hospitals in which each shift happens.")] = 20,
    per_day: Annotated[float, typer.Option(help="New patients a day.")] = 16.0,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="A kind of shift; several times.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Everything that is drawn follows from it.")] = 1,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Shift a version's held-out patients on purpose, and see what its monitor finds."""
    with guarded(as_json):
        from dataclasses import replace  # noqa: PLC0415

        from bedside.cli.shiftlab_words import laboratory_words  # noqa: PLC0415
        from bedside.lifecycle.shiftlab import LabOptions, shift_laboratory  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "validation", as_json)
        options = LabOptions(quarters=quarters, trials=trials) if not quick else LabOptions.quick()
        options = replace(options, per_day=per_day, seed=seed, kinds=tuple(only or ()))
        done = shift_laboratory(platform, version, options)
        show(done.told, as_json, lambda: laboratory_words(done.told))

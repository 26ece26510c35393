"""`bedside evaluate` and `bedside recalibrate`: a built version on other patients than its own."""

from pathlib import Path
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

__all__ = ["evaluate", "recalibrate"]

Data = Annotated[
    Path | None,
    typer.Option("--data", help="Folder or file with the data of other patients."),
]
Folder = Annotated[
    str | None,
    typer.Option("--folder", help="The model's folder, where the source is declared beside it."),
]


def evaluate(
    version: Version,
    data: Data = None,
    only_part: Annotated[
        list[str] | None,
        typer.Option("--only-part", help="figures, case_mix or recalibration; several times."),
    ] = None,
    folder: Folder = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge a built version on other patients, without fitting anything to them."""
    with guarded(as_json):
        from bedside.cli.evaluate_words import evaluated_json, evaluated_words  # noqa: PLC0415
        from bedside.develop.evaluate.external import PARTS  # noqa: PLC0415
        from bedside.lifecycle.evaluating import evaluate_version  # noqa: PLC0415
        from bedside.wiring.elsewhere import collect_elsewhere  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "validation", as_json)
        collect_elsewhere(platform, version, data, folder)
        done = evaluate_version(platform, version, data, parts=tuple(only_part or PARTS))
        show(evaluated_json(done), as_json, lambda: evaluated_words(done))


def recalibrate(
    version: Version,
    data: Data = None,
    folder: Folder = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Register a new version that ranks as this one, with its risks set right on other patients."""
    with guarded(as_json):
        from bedside.cli.evaluate_words import recalibrated_words  # noqa: PLC0415
        from bedside.cli.words import built_json  # noqa: PLC0415
        from bedside.lifecycle.recalibrating import recalibrate as verb  # noqa: PLC0415
        from bedside.wiring.elsewhere import collect_elsewhere  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "model development", as_json)
        collect_elsewhere(platform, version, data, folder)
        built = verb(platform, version, data)
        told = {**built_json(built), "recalibration": built.evidence["recalibration"]}
        show(told, as_json, lambda: recalibrated_words(built))

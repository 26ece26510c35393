"""`bedside export` and `bedside import`: versions for MLflow, and models from it."""

from pathlib import Path
from typing import Annotated

import typer

from bedside.cli.frame import (
    ActorOption,
    Data,
    JsonOption,
    PurposeOption,
    Version,
    Workspace,
    guarded,
    opened,
    opened_for,
    show,
    show_done,
)

__all__ = ["export", "import_model"]


def export(
    version: Version,
    to: Annotated[Path, typer.Option("--to", help="The folder to make.")],
    form: Annotated[str, typer.Option("--as", help="mlflow.")] = "mlflow",
    register: Annotated[
        str | None,
        typer.Option("--register", help="Register it under this name at the MLflow server too."),
    ] = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a version as the folder of an MLflow model, which scores the same."""
    with guarded(as_json):
        from bedside.cli.mlflow_words import exported_words  # noqa: PLC0415
        from bedside.core.errors import Invalid  # noqa: PLC0415
        from bedside.lifecycle.exporting import export_mlflow  # noqa: PLC0415

        if form != "mlflow":
            raise Invalid("A version is exported as mlflow alone.", fix="write --as mlflow.")
        platform = opened(workspace, actor, purpose or "release", as_json)
        done = export_mlflow(platform, version, to, register=register)
        show_done(done, as_json, exported_words)


def import_model(
    folder: Annotated[Path, typer.Argument(help="The folder of an MLflow model.")],
    declaration: Annotated[
        str,
        typer.Option("--declaration", help="The folder with the bedside.yaml that it is for."),
    ],
    data: Data = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge, package and register a model that was learnt elsewhere, without running its code."""
    with guarded(as_json):
        from bedside.cli.mlflow_words import imported_words  # noqa: PLC0415
        from bedside.cli.words import built_json  # noqa: PLC0415
        from bedside.lifecycle.importing import import_mlflow  # noqa: PLC0415

        platform, place, found = opened_for(declaration, data, workspace, actor, purpose, as_json)
        built = import_mlflow(platform, folder, place, found)
        told = {**built_json(built), "imported": built.evidence["training"]["imported"]}
        show(told, as_json, lambda: imported_words(built))

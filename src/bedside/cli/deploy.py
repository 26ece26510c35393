"""`bedside deploy`: a released version, written so that it runs elsewhere."""

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
    show_done,
)

__all__ = ["deploy_app"]

deploy_app = typer.Typer(help="Run a version in another place.", no_args_is_help=True)


@deploy_app.callback()
def deploy() -> None:
    """Run a version in another place."""


@deploy_app.command("export")
def export(
    version: Version,
    to: Annotated[Path, typer.Option("--to", help="The folder to make.")],
    form: Annotated[
        str, typer.Option("--as", help="containerfile, compose, helm, oci (an image) or all.")
    ] = "containerfile",
    wheels: Annotated[
        Path | None,
        typer.Option("--wheels", help="Folder of wheels to pack: building needs no network then."),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option("--base", help="The image to stand on; oci:DIR:TAG takes one from a folder."),
    ] = None,
    canary_key: Annotated[
        Path | None,
        typer.Option("--canary-key", help="New file for the key that draws a canary's patients."),
    ] = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a released version with a server that only scores, and how to run it."""
    with guarded(as_json):
        from bedside.cli.deploy_words import deployed_words, forms_of  # noqa: PLC0415
        from bedside.lifecycle.deploying import export_version  # noqa: PLC0415
        from bedside.wiring.images import image_builder  # noqa: PLC0415

        done = export_version(
            opened(workspace, actor, purpose or "release", as_json),
            version,
            to,
            forms_of(form),
            wheels=wheels,
            base=base,
            builder=image_builder(),
            canary_key=canary_key,
        )
        show_done(done, as_json, deployed_words)

"""`bedside replay`: a data set streamed to a server as live traffic."""

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
    show_done,
)

__all__ = ["replay"]


def replay(
    model: Annotated[str, typer.Argument(help="A model's name, or one of its versions.")],
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Folder or file of a table; else what was collected."),
    ] = None,
    server: Annotated[
        str, typer.Option("--server", help="On this machine, or BEDSIDE_REPLAY_SERVER.")
    ] = "http://127.0.0.1:8080",
    token_file: Annotated[
        Path | None,
        typer.Option("--token-file", help="Holds the token; else BEDSIDE_REPLAY_TOKEN does."),
    ] = None,
    speed: Annotated[
        str, typer.Option("--speed", help="Times as fast as the clock, e.g. 3600x; or max.")
    ] = "max",
    patients: Annotated[
        int | None, typer.Option("--patients", min=1, help="So many; always the same ones.")
    ] = None,
    concurrency: Annotated[
        int, typer.Option("--concurrency", min=1, max=256, help="Requests under way at most.")
    ] = 16,
    run: Annotated[
        str, typer.Option("--run", help="A name that sets this run's requests apart from another.")
    ] = "",
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask a server about each patient of a data set, at each moment, with what was known then."""
    with guarded(as_json):
        from bedside.cli.replay_words import replayed_words, speed_of  # noqa: PLC0415
        from bedside.lifecycle.replay import Replaying  # noqa: PLC0415
        from bedside.wiring.replaying import replay_on, replay_server  # noqa: PLC0415

        replaying = Replaying(
            speed=speed_of(speed), patients=patients, concurrency=concurrency, run=run
        )
        where = replay_server(server, token_file)
        platform = opened(workspace, actor, purpose or "quality and safety", as_json)
        done = replay_on(platform, where, model, data, replaying)
        show_done(done, as_json, replayed_words)
        if not done.is_whole:
            raise typer.Exit(5)

"""`bedside fhir`: watch a FHIR server, and see what was written to it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bedside.cli.frame import (
    ActorOption,
    JsonOption,
    Workspace,
    guarded,
    opened,
    show,
    show_done,
)

if TYPE_CHECKING:
    from bedside.lifecycle.fhir_watch import Round

__all__ = ["fhir_app"]

fhir_app = typer.Typer(
    help="Watch a FHIR server, ask a model about whoever changed, and write back.",
    no_args_is_help=True,
)
Server = Annotated[
    str | None,
    typer.Option("--server", help="Where its API begins; BEDSIDE_FHIR_SERVER if not given."),
]


@fhir_app.command()
def watch(
    model: Annotated[str, typer.Argument(help="The name of a released model.")],
    server: Server = None,
    since: Annotated[
        str | None,
        typer.Option("--since", help="Where the very first look begins; now if not given."),
    ] = None,
    every: Annotated[str, typer.Option("--every", help="The wait between two looks.")] = "30 s",
    once: Annotated[bool, typer.Option("--once", help="Look once, and stop.")] = False,
    workspace: Workspace = None,
    actor: ActorOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look for patients who changed, answer for each, and write the shown scores back."""
    with guarded(as_json):
        import sys  # noqa: PLC0415

        from bedside.cli.fhir_words import round_words  # noqa: PLC0415
        from bedside.wiring.fhir import Looking  # noqa: PLC0415
        from bedside.wiring.fhir import watch as verb  # noqa: PLC0415

        platform = opened(workspace, actor, "treatment", as_json)
        looking = Looking(server=server, since=since, every=every, once=once)

        def tell(done: "Round") -> None:
            sent = done.delivery
            if not once and (done.changed or done.problem or sent.sent or sent.stopped):
                print(round_words(done), file=sys.stderr, flush=True)

        done = verb(platform, model, looking, tell)
        show_done(done, as_json, round_words)
        if once and (done.problem or done.delivery.stopped):
            raise typer.Exit(5)


@fhir_app.command()
def outbox(
    every: Annotated[bool, typer.Option("--all", help="Show what was sent, too.")] = False,
    workspace: Workspace = None,
    as_json: JsonOption = False,
) -> None:
    """List what waits for the FHIR server, and what a person has to look at."""
    with guarded(as_json):
        from bedside.cli.fhir_words import letter_json, outbox_words  # noqa: PLC0415
        from bedside.wiring.fhir import letters  # noqa: PLC0415

        platform = opened(workspace, None, "overview", as_json)
        found = letters(platform, every=every)
        told = {"letters": [letter_json(one) for one in found]}
        show(told, as_json, lambda: outbox_words(found, every=every))


@fhir_app.command()
def resend(
    server: Server = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send again what the FHIR server did not take, and all else that is due."""
    with guarded(as_json):
        from dataclasses import asdict  # noqa: PLC0415

        from bedside.cli.fhir_words import delivery_words  # noqa: PLC0415
        from bedside.wiring.fhir import resend as verb  # noqa: PLC0415

        platform = opened(workspace, actor, "treatment", as_json)
        revived, done = verb(platform, server)
        told = {"revived": revived, **asdict(done)}
        show(told, as_json, lambda: f"Dead before: {revived}. {delivery_words(done)}")
        if done.stopped:
            raise typer.Exit(5)


@fhir_app.command()
def key(
    new: Annotated[
        Path | None,
        typer.Option("--new", help="Make the key first, in this file; there must be none yet."),
    ] = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the public half of our key for a FHIR server, to be registered there."""
    with guarded(as_json):
        from bedside.cli.fhir_words import key_words  # noqa: PLC0415
        from bedside.wiring.fhir_key import registration  # noqa: PLC0415

        platform = opened(workspace, actor, "key management", as_json)
        told = registration(platform, new)
        show(told.public, as_json, lambda: key_words(told))

"""`bedside hl7`: answer HL7 v2 messages, and see the results on their way to the receiver."""

from typing import TYPE_CHECKING, Annotated

import typer

from bedside.cli.frame import ActorOption, JsonOption, Workspace, guarded, opened, show

if TYPE_CHECKING:
    from bedside.wiring.hl7_serving import Told

__all__ = ["hl7_app"]

hl7_app = typer.Typer(
    help="Answer HL7 v2 messages, and see the results on their way to the receiver.",
    no_args_is_help=True,
)


@hl7_app.command()
def serve(
    source: Annotated[
        str, typer.Argument(help="The folder of a source of HL7 v2 messages, or its name.")
    ],
    workspace: Workspace = None,
    actor: ActorOption = None,
    as_json: JsonOption = False,
) -> None:
    """Receive HL7 v2 messages, ask the models that declare them, and send the results."""
    with guarded(as_json):
        import sys  # noqa: PLC0415

        from bedside.cli.hl7_words import told_words  # noqa: PLC0415
        from bedside.lifecycle.collect import load_source  # noqa: PLC0415
        from bedside.usecases import source_of  # noqa: PLC0415
        from bedside.wiring.hl7_serving import answer_feed  # noqa: PLC0415

        platform = opened(workspace, actor, "treatment", as_json)

        def started(host: str, port: int, receiver: str) -> None:
            platform.progress.note(
                f"Listening for HL7 v2 messages on {host}, port {port}; results go to {receiver}."
            )

        def tell(told: "Told") -> None:
            print(told_words(told), file=sys.stderr, flush=True)

        done = answer_feed(platform, load_source(source_of(source)), started, tell)
        show(done.as_json(), as_json, lambda: told_words(done))


@hl7_app.command()
def outbox(
    every: Annotated[bool, typer.Option("--all", help="Show what was sent, too.")] = False,
    workspace: Workspace = None,
    as_json: JsonOption = False,
) -> None:
    """List the results that wait for the receiver, and what a person has to look at."""
    with guarded(as_json):
        from bedside.cli.fhir_words import letter_json, outbox_words  # noqa: PLC0415
        from bedside.wiring.hl7v2 import letters  # noqa: PLC0415

        found = letters(opened(workspace, None, "overview", as_json), every=every)
        show(
            {"letters": [letter_json(one) for one in found]},
            as_json,
            lambda: outbox_words(found, every=every).replace("bedside fhir", "bedside hl7"),
        )


@hl7_app.command()
def resend(
    workspace: Workspace = None,
    actor: ActorOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send again the results that the receiver did not take, and all else that is due."""
    with guarded(as_json):
        from dataclasses import asdict  # noqa: PLC0415

        from bedside.cli.fhir_words import delivery_words  # noqa: PLC0415
        from bedside.wiring.hl7v2 import resend as verb  # noqa: PLC0415

        revived, done = verb(opened(workspace, actor, "treatment", as_json))
        told = {"revived": revived, **asdict(done)}
        show(told, as_json, lambda: f"Dead before: {revived}. {delivery_words(done)}")
        if done.later or done.dead:
            raise typer.Exit(5)

"""`bedside hl7`: the results on their way to an HL7 v2 receiver."""

from typing import Annotated

import typer

from bedside.cli.frame import ActorOption, JsonOption, Workspace, guarded, opened, show

__all__ = ["hl7_app"]

hl7_app = typer.Typer(help="Results on their way to an HL7 v2 receiver.", no_args_is_help=True)


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

"""`bedside alerts`: which threshold fits the staff."""

from typing import Annotated

import typer

from bedside.cli.frame import (
    JsonOption,
    Version,
    Workspace,
    guarded,
    opened,
    show,
)

__all__ = ["alerts"]


def alerts(
    version: Version,
    beds: Annotated[
        int | None, typer.Option("--beds", help="Occupied beds; as declared if not given.")
    ] = None,
    capacity: Annotated[
        float | None,
        typer.Option("--capacity", help="Alerts the staff can follow up in 24 h."),
    ] = None,
    snooze: Annotated[
        str | None,
        typer.Option("--snooze", help='Peace for a patient after an alert, such as "6 h".'),
    ] = None,
    workspace: Workspace = None,
    as_json: JsonOption = False,
) -> None:
    """Say which alert threshold and snooze fit the staff, from a version's own evidence."""
    with guarded(as_json):
        from bedside.cli.evidence_words import burden_json, burden_words  # noqa: PLC0415
        from bedside.lifecycle.burden import simulate  # noqa: PLC0415

        done = simulate(
            opened(workspace, None, "overview", as_json),
            version,
            beds=beds,
            capacity=capacity,
            snooze=snooze,
        )
        show(burden_json(done), as_json, lambda: burden_words(done))

"""`bedside prediction`: what was answered, why, what came of it, and the same answer again."""

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
    show,
    show_done,
)

__all__ = ["prediction_app"]

prediction_app = typer.Typer(
    help="Recorded predictions: find, show and replay them, judge and export them.",
    no_args_is_help=True,
)

Since = Annotated[
    str | None,
    typer.Option("--since", help="Recorded then or later, e.g. 2026-01-31T08:00:00Z."),
]
Until = Annotated[str | None, typer.Option("--until", help="Recorded before then.")]


@prediction_app.command("list")
def list_(
    model: Annotated[str | None, typer.Option("--model", help="The name of a model.")] = None,
    version: Annotated[
        str | None, typer.Option("--version", help="NAME@DIGEST, or the start of it.")
    ] = None,
    since: Since = None,
    until: Until = None,
    outcome: Annotated[
        str | None, typer.Option("--outcome", help="score, abstention or failure.")
    ] = None,
    shown: Annotated[
        bool | None, typer.Option("--shown/--not-shown", help="Whether somebody was shown it.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many at most.")] = 20,
    workspace: Workspace = None,
    as_json: JsonOption = False,
) -> None:
    """List recorded predictions, newest first."""
    with guarded(as_json):
        from dataclasses import asdict  # noqa: PLC0415

        from bedside.cli.predictions_words import instant, listed_words, outcome_named  # noqa: PLC0415

        platform = opened(workspace, None, "overview", as_json)
        found = list(
            platform.predictions.find(
                model=model,
                version=None if version is None else platform.registry.get(version).id,
                since=instant(since),
                until=instant(until),
                outcome=outcome_named(outcome),
                shown=shown,
                limit=limit,
            )
        )
        show({"predictions": [asdict(one) for one in found]}, as_json, lambda: listed_words(found))


@prediction_app.command("show")
def show_(
    prediction: Annotated[str, typer.Argument(help="The id of a prediction.")],
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print all that is kept of a prediction, and answer its question again: the same bytes?"""
    with guarded(as_json):
        from bedside.cli.predictions_words import shown_json, shown_words  # noqa: PLC0415
        from bedside.lifecycle.prediction_replay import recorded, replay  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "audit", as_json)
        found = recorded(platform, prediction)
        again = replay(platform, found)
        show(shown_json(found, again), as_json, lambda: shown_words(found, again))
        if again.differs:
            raise typer.Exit(4)


@prediction_app.command()
def outcomes(
    version: Version,
    data: Data = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Note what came true on every prediction of a version, as newer data tell it."""
    with guarded(as_json):
        from bedside.cli.predictions_words import outcomes_words  # noqa: PLC0415
        from bedside.lifecycle.predictions import outcomes as verb  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "monitoring", as_json)
        done = verb(platform, version, data)
        show_done(done, as_json, outcomes_words)


@prediction_app.command()
def interventions(
    version: Version,
    data: Data = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Note on every alert whether a declared intervention followed it, as newer data tell it."""
    with guarded(as_json):
        from bedside.cli.predictions_words import interventions_words  # noqa: PLC0415
        from bedside.lifecycle.interventions import find_interventions  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "monitoring", as_json)
        done = find_interventions(platform, version, data)
        show_done(done, as_json, interventions_words)


@prediction_app.command()
def export(
    version: Version,
    to: Annotated[Path, typer.Option("--to", help="A Parquet file that is not there yet.")],
    mode: Annotated[
        str, typer.Option("--mode", help="The release mode: limited_dataset or identified.")
    ],
    since: Since = None,
    until: Until = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the predictions of a version, their features and outcomes, for research."""
    with guarded(as_json):
        from bedside.cli.predictions_words import exported_words  # noqa: PLC0415
        from bedside.core.clock import parse_instant  # noqa: PLC0415
        from bedside.lifecycle.prediction_export import export_predictions  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "research", as_json)
        done = export_predictions(
            platform,
            version,
            to,
            mode=mode,
            since=None if since is None else parse_instant(since),
            until=None if until is None else parse_instant(until),
        )
        show_done(done, as_json, exported_words)

"""`bedside features`: what a model looks at, and what it saw of one subject."""

from typing import Annotated

import typer

from bedside.cli.frame import (
    ActorOption,
    JsonOption,
    PurposeOption,
    Workspace,
    guarded,
    opened,
    show,
    show_done,
)

__all__ = ["features_app"]

features_app = typer.Typer(
    help="Features in clinical words: list them, or explain one subject's.", no_args_is_help=True
)

Model = Annotated[
    str,
    typer.Argument(
        help="A version (NAME@DIGEST), a model's name or folder, or the name of a use case."
    ),
]


@features_app.command("list")
def list_(
    model: Model,
    workspace: Workspace = None,
    as_json: JsonOption = False,
) -> None:
    """List every feature of a model in plain words, with its unit and its window."""
    with guarded(as_json):
        from dataclasses import asdict  # noqa: PLC0415

        from bedside.cli.features_words import listed_words  # noqa: PLC0415
        from bedside.lifecycle.explain_features import listed_features  # noqa: PLC0415
        from bedside.usecases import folder_of  # noqa: PLC0415

        platform = opened(workspace, None, "overview", as_json)
        found = listed_features(platform, model, folder_of(model))
        show(
            {"features": [asdict(one) for one in found]},
            as_json,
            lambda: listed_words(found),
        )


@features_app.command("explain")
def explain_(
    model: Model,
    subject: Annotated[str, typer.Option("--subject", help="The identifier that the source uses.")],
    at: Annotated[
        str, typer.Option("--at", help="As it was known then, e.g. 2026-01-31T08:00:00Z.")
    ],
    is_pseudonym: Annotated[
        bool, typer.Option("--pseudonym", help="The subject is given as a pseudonym.")
    ] = False,
    feature: Annotated[
        str | None, typer.Option("--feature", help="One feature, with every record behind it.")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data", help="A snapshot of prepared events; that of the build if not given."
        ),
    ] = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what each feature was for a subject at a moment, and from which raw record it came."""
    with guarded(as_json):
        from bedside.cli.features_words import explained_words, in_depth_words  # noqa: PLC0415
        from bedside.core.clock import parse_instant  # noqa: PLC0415
        from bedside.lifecycle.explain_features import explain_features  # noqa: PLC0415
        from bedside.usecases import folder_of  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "audit", as_json)
        told = explain_features(
            platform,
            model,
            folder_of(model),
            subject,
            parse_instant(at),
            is_pseudonym=is_pseudonym,
            data=data,
            only=feature,
        )
        words = explained_words if feature is None else in_depth_words
        show_done(told, as_json, words)

"""`bedside score`: a version on every row of a data set at once."""

from pathlib import Path
from typing import Annotated

import typer

from bedside.cli.evaluate import Data, Folder
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

__all__ = ["score"]


def score(
    version: Version,
    data: Data = None,
    rows: Annotated[
        Path | None,
        typer.Option(
            "--rows",
            help="A plain table (.parquet or .csv) instead: a row for each question, a column "
            "for each input.",
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option("--to", help="Also write a plain Parquet file; this is an export."),
    ] = None,
    reasons: Annotated[
        bool, typer.Option("--reasons", help="Say what moved each score, which takes longer.")
    ] = False,
    folder: Folder = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score every row that a version's question asks for, and keep the result sealed."""
    with guarded(as_json):
        from bedside.cli.score_words import scored_json, scored_words  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "treatment", as_json)
        if rows is None:
            from bedside.lifecycle.scoring import score_version  # noqa: PLC0415
            from bedside.wiring.elsewhere import collect_elsewhere  # noqa: PLC0415

            collect_elsewhere(platform, version, data, folder)
            done = score_version(platform, version, data, reasons=reasons, to=to)
        else:
            from bedside.lifecycle.scoring_rows import score_rows  # noqa: PLC0415

            _alone(data, folder)
            done = score_rows(platform, version, rows, reasons=reasons, to=to)
        show(scored_json(done), as_json, lambda: scored_words(done))


def _alone(data: Path | None, folder: str | None) -> None:
    """See that nothing else is said of where the questions are."""
    from bedside.core.errors import Invalid  # noqa: PLC0415

    if data is not None or folder is not None:
        raise Invalid(
            "--rows already says what is scored.",
            fix="leave --data and --folder out, or leave --rows out.",
        )

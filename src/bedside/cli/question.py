"""`bedside question`: who is asked about, when, and what must come true."""

from typing import Annotated

import typer

from bedside.cli.frame import (
    ActorOption,
    Data,
    Folder,
    JsonOption,
    PurposeOption,
    Workspace,
    guarded,
    opened_for,
    show,
)

__all__ = ["question_app"]

question_app = typer.Typer(
    help="The question of a model: read it, check it, see who is left out.", no_args_is_help=True
)


@question_app.command("show")
def show_(
    folder: Folder,
    aces: Annotated[bool, typer.Option("--aces", help="Print it as an ACES task file.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Print the question in plain words, or as the task file that ACES reads."""
    with guarded(as_json):
        from bedside.cli.question_words import aces_words  # noqa: PLC0415
        from bedside.cohorts.question_words import question_words  # noqa: PLC0415
        from bedside.interop.aces import write_aces  # noqa: PLC0415
        from bedside.lifecycle.package import load_declaration  # noqa: PLC0415
        from bedside.usecases import folder_of  # noqa: PLC0415

        question = load_declaration(folder_of(folder))[0].question
        if aces:
            content, losses = write_aces(question)
            told = {"aces": content.decode(), "losses": list(losses)}
            show(told, as_json, lambda: aces_words(content, losses))
            return
        lines = question_words(question)
        show({"question": lines}, as_json, lambda: "\n".join(lines))


@question_app.command("check")
def check_(
    folder: Folder,
    data: Data = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read the question, and count how often each of its predicates is met in the data."""
    with guarded(as_json):
        from dataclasses import asdict  # noqa: PLC0415

        from bedside.cli.question_words import check_words  # noqa: PLC0415
        from bedside.lifecycle.package import load_declaration  # noqa: PLC0415
        from bedside.lifecycle.question import check_question  # noqa: PLC0415

        platform, place, left = opened_for(folder, data, workspace, actor, purpose, as_json)
        counts = check_question(platform, load_declaration(place)[0], left)
        show({"predicates": [asdict(one) for one in counts]}, as_json, lambda: check_words(counts))
        if any(one.events == 0 for one in counts):
            raise typer.Exit(3)


@question_app.command("flow")
def flow_(
    folder: Folder,
    data: Data = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer the question, and say who was left out at each step, whole and by subgroup."""
    with guarded(as_json):
        from dataclasses import asdict  # noqa: PLC0415

        from bedside.cli.question_words import flow_words  # noqa: PLC0415
        from bedside.lifecycle.package import load_declaration  # noqa: PLC0415
        from bedside.lifecycle.question import flow_question  # noqa: PLC0415

        platform, place, left = opened_for(folder, data, workspace, actor, purpose, as_json)
        flowed = flow_question(platform, load_declaration(place)[0], left)
        told = {
            "steps": [asdict(step) for step in flowed.steps],
            "labels": flowed.labels,
            "page": str(flowed.page),
        }
        show(told, as_json, lambda: flow_words(flowed))

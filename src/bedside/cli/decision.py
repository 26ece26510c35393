"""`bedside decision`: what is to be decided, who has signed, and what is missing."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from bedside.cli.frame import (
    ActorOption,
    JsonOption,
    PurposeOption,
    Workspace,
    guarded,
    opened,
    show,
)
from bedside.cli.passphrases import PassphraseFd, PassphraseFile

if TYPE_CHECKING:
    from bedside.cli.decision_words import Row
    from bedside.lifecycle.platform import Platform

__all__ = ["decision_app"]

decision_app = typer.Typer(
    help="Decisions that need signatures: models, releases of data, policies, break-glass.",
    no_args_is_help=True,
)
Id = Annotated[str, typer.Argument(help="D-… of the decision, or the start of it.")]


@decision_app.command("list")
def list_(
    every: Annotated[bool, typer.Option("--all", help="Those that are done or withdrawn, too.")] = (
        False
    ),
    rules: Annotated[
        bool, typer.Option("--rules", help="Say which decision needs which signatures instead.")
    ] = False,
    workspace: Workspace = None,
    as_json: JsonOption = False,
) -> None:
    """List what waits for signatures or is in force, and emergencies that wait for a review."""
    with guarded(as_json):
        from bedside.cli.decision_words import decision_json, list_words, rules_words  # noqa: PLC0415
        from bedside.governance.decision_rules import shipped_rules  # noqa: PLC0415

        platform = opened(workspace, None, "overview", as_json)
        if rules:
            kinds = list(shipped_rules())
            told = {"rules": [one.value for one in kinds]}
            show(told, as_json, lambda: rules_words(list(shipped_rules().values())))
            return
        found = [row for row in _rows(platform) if every or row[1].state in ("open", "in force")]
        show(
            {"decisions": [decision_json(row) for row in found]},
            as_json,
            lambda: list_words(found),
        )


@decision_app.command("show")
def show_(decision: Id, workspace: Workspace = None, as_json: JsonOption = False) -> None:
    """Show a decision: the exact record, each signature with name, time, zone and meaning."""
    with guarded(as_json):
        from bedside.cli.decision_words import decision_json, decision_words  # noqa: PLC0415

        platform = opened(workspace, None, "overview", as_json)
        row = _row(platform, decision)
        show(decision_json(row), as_json, lambda: decision_words(row))


@decision_app.command("sign")
def sign(
    decision: Id,
    meaning: Annotated[
        str, typer.Option("--meaning", help="authorship, review, approval or responsibility.")
    ] = "approval",
    words: Annotated[str, typer.Option("--words", help="What you say beside it.")] = "",
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sign a decision with your own key; its passphrase is asked for each time.

    A step of a model takes effect with its last signature.
    """
    with guarded(as_json):
        from bedside.cli.decision_words import decision_json, decision_words  # noqa: PLC0415
        from bedside.cli.passphrases import hand_for  # noqa: PLC0415
        from bedside.core.errors import Invalid  # noqa: PLC0415
        from bedside.core.records.signature import Meaning  # noqa: PLC0415
        from bedside.lifecycle.decision_effects import sign as verb  # noqa: PLC0415

        if meaning not in list(Meaning):
            raise Invalid("A signature has no such meaning.", fix=f"use {', '.join(Meaning)}.")
        platform = opened(workspace, actor, purpose or "approval", as_json)
        hand = hand_for(platform, passphrase_file, passphrase_fd)
        verb(platform, decision, hand, meaning=Meaning(meaning), words=words)
        row = _row(platform, decision)
        show(decision_json(row), as_json, lambda: decision_words(row))


@decision_app.command("withdraw")
def withdraw(
    decision: Id,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the ledger.")],
    whole: Annotated[
        bool, typer.Option("--whole", help="The whole decision, not your signature alone.")
    ] = False,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take your signature back, or as a privacy officer or who opened it the whole decision.

    What has taken effect is not undone; nothing further may rest on it.
    """
    with guarded(as_json):
        from bedside.cli.decision_words import decision_json, decision_words  # noqa: PLC0415
        from bedside.lifecycle.deciding import (  # noqa: PLC0415
            book_of,
            decision_named,
            withdraw_decision,
        )

        platform = opened(workspace, actor, purpose or "approval", as_json)
        found = decision_named(book_of(platform), decision)
        withdraw_decision(platform, found, reason=reason, whole=whole)
        row = _row(platform, decision)
        show(decision_json(row), as_json, lambda: decision_words(row))


@decision_app.command("delegate")
def delegate(
    role: Annotated[str, typer.Argument(help="A role of yours, such as privacy_officer.")],
    to: Annotated[str, typer.Option("--to", help="To whom: user:NAME.")],
    until: Annotated[str, typer.Option("--until", help="Until when: 2027-01-31, within a year.")],
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let somebody sign in your role until a day; you sign that, and can take it back."""
    with guarded(as_json):
        from bedside.cli.decision_words import decision_json, decision_words  # noqa: PLC0415
        from bedside.cli.passphrases import hand_for  # noqa: PLC0415
        from bedside.lifecycle.deciding import delegate as verb  # noqa: PLC0415
        from bedside.lifecycle.deciding import workspace_hand  # noqa: PLC0415
        from bedside.lifecycle.people import role_named  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "approval", as_json)
        hand = hand_for(platform, passphrase_file, passphrase_fd) or workspace_hand(platform)
        made, _ = verb(platform, to, role_named(role), _day(until), hand)
        row = _row(platform, made.id)
        show(decision_json(row), as_json, lambda: decision_words(row))


def _rows(platform: "Platform") -> "list[Row]":
    from bedside.lifecycle.deciding import as_shown, book_of, standing_in  # noqa: PLC0415

    book = book_of(platform)
    return [
        (
            as_shown(platform, one),
            standing_in(platform, book, one),
            book.signed.get(one.id, ()),
        )
        for one in book.decisions.values()
    ]


def _row(platform: "Platform", written: str) -> "Row":
    from bedside.lifecycle.deciding import book_of, decision_named  # noqa: PLC0415

    found = decision_named(book_of(platform), written)
    return next(row for row in _rows(platform) if row[0].id == found.id)


def _day(written: str) -> datetime:
    from bedside.core.errors import Invalid  # noqa: PLC0415

    try:
        return datetime.strptime(written, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise Invalid("This is no day.", fix="write it like 2027-01-31.") from None

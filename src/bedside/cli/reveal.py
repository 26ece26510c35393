"""`bedside reveal`: break-glass. What it shows is shown once, and written down nowhere."""

from typing import TYPE_CHECKING, Annotated, Any

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
    from bedside.lifecycle.reveal import Revealed

__all__ = ["reveal"]


def reveal(
    pseudonym: Annotated[int, typer.Argument(help="The number under which they were released.")],
    project: Annotated[str, typer.Option("--project", help="Whose vault knows it.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; sealed in the ledger.")],
    emergency: Annotated[
        bool,
        typer.Option("--emergency", help="Nobody can be waited for; it is told and reviewed."),
    ] = False,
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find out who a pseudonym is: with a second person's signature, or in an emergency.

    Run it, have another person sign within 30 minutes, and run it again: it reveals once. It leaves
    with 4 while it waits. An emergency reveals at once and for an hour, tells every privacy
    officer, and stays open in `bedside decision list` until another of them has signed its review.
    """
    with guarded(as_json):
        from bedside.cli.passphrases import hand_for  # noqa: PLC0415
        from bedside.lifecycle.reveal import Wanted  # noqa: PLC0415
        from bedside.lifecycle.reveal import reveal as verb  # noqa: PLC0415

        wanted = Wanted(pseudonym=pseudonym, project=project, reason=reason)
        platform = opened(workspace, actor, purpose or "treatment", as_json)
        hand = hand_for(platform, passphrase_file, passphrase_fd)
        found = verb(platform, wanted, hand, emergency=emergency)
        show(_json(found), as_json, lambda: _words(found))
        if found.waits_for is not None:
            raise typer.Exit(4)


def _json(found: "Revealed") -> dict[str, Any]:
    return {
        "decision": found.decision,
        "waits_for": found.waits_for,
        "subject": None if found.subject is None else str(found.subject),
        "values": [
            {"kind": kind, "value": value, "stand_in": stand_in}
            for kind, value, stand_in in found.values
        ],
        "review": found.review,
        "not_told": found.not_told,
    }


def _words(found: "Revealed") -> str:
    if found.waits_for is not None:
        return (
            f"Nothing is revealed yet; {found.waits_for}.\n"
            f"Within 30 minutes, another person: bedside decision sign {found.decision}\n"
            "Then run this command again."
        )
    lines = [f"In the identified zone this is {found.subject}."]
    lines += [
        f"  {kind}: {value}  (released as {stand_in})" for kind, value, stand_in in found.values
    ]
    if not found.values:
        lines.append("  The vault keeps no value of theirs; look them up by that number.")
    lines.append(f"It rests on decision {found.decision}, and stands in the ledger without values.")
    if found.review is not None:
        lines.append(
            f"Every privacy officer is told. It is open for an hour, and the review "
            f"{found.review} waits for one of them."
        )
    if found.not_told is not None:
        lines.append(f"{found.not_told} The message lies in the outbox of the workspace.")
    return "\n".join(lines)

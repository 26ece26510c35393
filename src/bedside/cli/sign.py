"""`bedside sign`: each person's own signing key, enrolled, granted, taken back."""

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
    from bedside.core.records.decision import Signer

__all__ = ["sign_app"]

sign_app = typer.Typer(
    help="The keys with which people sign decisions, each with their own.", no_args_is_help=True
)
Person = Annotated[str, typer.Argument(help="user:NAME, or oidc:SUBJECT of who signs in.")]


@sign_app.command("enrol")
def enrol(
    name: Annotated[str, typer.Option("--name", help="Your printed name.")],
    again: Annotated[
        bool, typer.Option("--again", help="Make a new key in the place of the one there is.")
    ] = False,
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make your signing key, sealed under a passphrase, and register its public half.

    The passphrase is asked for at the terminal and kept nowhere. The key signs once an
    administrator has granted it.
    """
    with guarded(as_json):
        from bedside.cli.passphrases import asked_passphrase  # noqa: PLC0415
        from bedside.core.errors import Refused  # noqa: PLC0415
        from bedside.lifecycle.signers import enrol as verb  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "approval", as_json)
        who = platform.actor.name
        if platform.signing_keys.has(who) and not again:
            raise Refused(
                "You have a signing key here.",
                fix="use it; --again makes a new one, which must be granted again.",
                code="enrolled",
            )
        secret = asked_passphrase(passphrase_file, passphrase_fd, new=True)
        signer = verb(platform, name, platform.signing_keys.make(who, secret))
        show(
            _json(signer),
            as_json,
            lambda: (
                f"{signer.printed_name} ({who}) has the key {signer.key[:16]}.\n"
                f"Next: an administrator sees who you are, and runs\n"
                f"  bedside sign grant {who} --key {signer.key[:16]}"
            ),
        )


@sign_app.command("grant")
def grant(
    person: Person,
    key: Annotated[
        str | None, typer.Option("--key", help="The beginning of their key, as they told you.")
    ] = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say that a key belongs to this person, whose identity you have seen, and may sign."""
    with guarded(as_json):
        from bedside.lifecycle.signers import grant_signer  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "access", as_json)
        done = grant_signer(platform, person, key=key)
        show(
            _json(done),
            as_json,
            lambda: f"{done.printed_name} ({person}) may sign with the key {done.key[:16]}.",
        )


@sign_app.command("revoke")
def revoke(
    person: Person,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a key back, your own or as an administrator somebody's: it signs nothing more."""
    with guarded(as_json):
        from bedside.lifecycle.signers import revoke_signer  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or "access", as_json)
        done = revoke_signer(platform, person)
        show(_json(done), as_json, lambda: f"The key of {person} signs nothing from now on.")


@sign_app.command("list")
def list_(workspace: Workspace = None, as_json: JsonOption = False) -> None:
    """List who may sign, under which printed name, with which key."""
    with guarded(as_json):
        from bedside.cli.decision_words import signers_words  # noqa: PLC0415
        from bedside.lifecycle.signers import signers_of  # noqa: PLC0415

        found = signers_of(opened(workspace, None, "overview", as_json))
        told = {"signers": [_json(one) for one in found]}
        show(told, as_json, lambda: signers_words(found))


def _json(signer: "Signer") -> dict[str, Any]:
    from bedside.core.clock import iso  # noqa: PLC0415

    return {
        "who": signer.who,
        "printed_name": signer.printed_name,
        "key": signer.key,
        "enrolled": iso(signer.enrolled),
        "granted": None if signer.granted is None else iso(signer.granted),
        "granted_by": signer.granted_by,
        "revoked": None if signer.revoked is None else iso(signer.revoked),
    }

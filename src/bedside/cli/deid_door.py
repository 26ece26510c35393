"""What the commands share that let files out: whose door they go through, and who signs."""

from pathlib import Path
from typing import TYPE_CHECKING

from bedside.cli.frame import opened

if TYPE_CHECKING:
    from bedside.lifecycle.platform import Platform
    from bedside.lifecycle.signed_effects import HandAsked

__all__ = ["NOT_TOLD", "hand_asked", "opened_if_any"]

NOT_TOLD = "No workspace: nobody was asked, and no ledger tells of it."


def opened_if_any(
    workspace: Path | None, actor: str | None, purpose: str | None, as_json: bool, *, needed: bool
) -> "Platform | None":
    """The workspace whose door files go through; None where there is none on this machine.

    Leaving `--workspace` out leads past no door: the user's own workspace counts where it is there.

    Args:
        workspace: As given.
        actor: Who acts.
        purpose: What for; de-identification if nobody says another.
        as_json: Whether a program reads what comes.
        needed: Whether something of it is asked for, such as a project's vault; then it is made.

    Raises:
        Refused: its policies do not permit it.
    """
    from bedside.wiring.settings import default_workspace  # noqa: PLC0415

    if not needed and workspace is None and not default_workspace().is_dir():
        return None
    return opened(workspace, actor, purpose or "de-identification", as_json)


def hand_asked(
    platform: "Platform | None", file: Path | None, descriptor: int | None
) -> "HandAsked | None":
    """What asks the actor for their passphrase, once a signature is needed."""
    from bedside.cli.passphrases import hand_for  # noqa: PLC0415

    return None if platform is None else lambda: hand_for(platform, file, descriptor)

"""Asking for the passphrase of a signing key: by prompt, by a descriptor or by a private file.

It is never an option of the command line, where others on the machine could read it.
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bedside.lifecycle.deciding import Hand
    from bedside.lifecycle.platform import Platform

__all__ = ["PassphraseFd", "PassphraseFile", "asked_passphrase", "hand_for"]

PassphraseFile = Annotated[
    Path | None,
    typer.Option("--passphrase-file", help="A file that you alone can read, with your passphrase."),
]
PassphraseFd = Annotated[
    int | None,
    typer.Option("--passphrase-fd", help="The number of an open descriptor that gives it."),
]
_MOST = 4096


def asked_passphrase(file: Path | None, descriptor: int | None, *, new: bool = False) -> str:
    """The passphrase, asked for at the terminal if it comes from nowhere else.

    Raises:
        Invalid: there is no terminal to ask at, or no such descriptor.
        NotFound, Refused: as `passphrase_in`.
    """
    from bedside.core.errors import Invalid  # noqa: PLC0415
    from bedside.wiring.signing import passphrase_from  # noqa: PLC0415

    if file is not None:
        return passphrase_from(file)
    if descriptor is not None:
        try:
            return os.read(descriptor, _MOST).decode(errors="replace").rstrip("\n")
        except OSError:
            raise Invalid("There is no such descriptor.", fix="open it for reading.") from None
    if not sys.stdin.isatty():
        raise Invalid(
            "A signature needs its signer's passphrase, and there is no terminal to ask at.",
            fix="run it at a terminal, or give --passphrase-file FILE (mode 0600).",
            code="passphrase",
        )
    told: str = typer.prompt(
        "New passphrase" if new else "Your passphrase, to sign",
        hide_input=True,
        confirmation_prompt=new,
        err=True,
    )
    return told


def hand_for(platform: "Platform", file: Path | None, descriptor: int | None) -> "Hand | None":
    """What the actor signs with; None: the workspace's key, while it is one person's own.

    Somebody who has a granted key signs with it, also where no roles count yet.

    Raises:
        NotFound, Refused: there is no key here, or it does not open.
    """
    from bedside.lifecycle.deciding import book_of  # noqa: PLC0415
    from bedside.wiring.signing import hand_of  # noqa: PLC0415

    granted = book_of(platform).signer(platform.actor.name, platform.clock.now())
    if granted is None and not platform.people.is_strict():
        return None
    if granted is None or not platform.signing_keys.has(platform.actor.name):
        _refuse(granted is None)
    return hand_of(platform, asked_passphrase(file, descriptor))


def _refuse(not_granted: bool) -> None:
    from bedside.core.errors import Refused  # noqa: PLC0415

    if not_granted:
        raise Refused(
            "Roles count here, so each person signs with a key of their own; yours is not granted.",
            fix="make one: bedside sign enrol; an administrator then runs bedside sign grant.",
            code="signer_not_granted",
        )
    raise Refused(
        "Your signing key is not on this machine.",
        fix="sign where it is (BEDSIDE_SIGNING_KEYS), or enrol a new one: bedside sign enrol "
        "--again.",
        code="no_signing_key",
    )

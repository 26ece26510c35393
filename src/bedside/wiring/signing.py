"""What signs: people's keys on this machine, and the key of a workspace that is one person's."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from bedside.core.ports import ByteVerifier
from bedside.core.ports.signing import KeyInHand, Notifier, SigningKeys

if TYPE_CHECKING:
    from bedside.infra.keys.secrets import Secrets
    from bedside.lifecycle.deciding import Hand
    from bedside.lifecycle.platform import Platform
    from bedside.wiring.settings import Settings

__all__ = ["SigningParts", "hand_of", "passphrase_from", "signing_of"]


class SigningParts(TypedDict):
    """What a platform needs to sign, to check signatures and to tell people."""

    signing_keys: SigningKeys
    seal: Callable[[], KeyInHand]
    verifier_of: Callable[[bytes], ByteVerifier]
    notifier: Notifier


def signing_of(settings: "Settings", secrets: "Secrets") -> SigningParts:
    """The keys of the people on this machine, and the workspace's own."""
    from bedside.core.clock import SystemClock  # noqa: PLC0415
    from bedside.infra.keys.ed25519 import Ed25519Signer, Ed25519Verifier  # noqa: PLC0415
    from bedside.infra.keys.person import PersonKeys  # noqa: PLC0415
    from bedside.infra.notifying import notifier_of  # noqa: PLC0415

    return SigningParts(
        signing_keys=PersonKeys(Path(settings.signing_keys or _default_folder())),
        seal=lambda: Ed25519Signer(secrets.secret("decisions")),
        verifier_of=Ed25519Verifier,
        notifier=notifier_of(settings.folder / "outbox", settings.mail, SystemClock()),
    )


def hand_of(platform: "Platform", passphrase: str) -> "Hand":
    """The hand of the platform's actor, with both components: who they are, and what they know.

    Raises:
        NotFound, Refused: as `SigningKeys.unlocked`.
    """
    from bedside.core.records.signature import Signing  # noqa: PLC0415
    from bedside.lifecycle.deciding import Hand  # noqa: PLC0415

    return Hand(
        signer=platform.signing_keys.unlocked(platform.actor.name, passphrase),
        method=Signing.PASSPHRASE,
        session=os.urandom(8).hex(),
        zone=platform.clock.now().astimezone().strftime("%Z %z"),
    )


def passphrase_from(path: Path) -> str:
    """The passphrase in a file that its owner alone can read."""
    from bedside.infra.keys.person import passphrase_in  # noqa: PLC0415

    return passphrase_in(path)


def _default_folder(environment: Mapping[str, str] = os.environ) -> str:
    base = environment.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return str(Path(base) / "bedside" / "signing")

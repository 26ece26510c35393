"""The signing key of each person, in a file of their own, sealed under their passphrase."""

import base64
import json
import os
import unicodedata
from pathlib import Path

from bedside.core.errors import Invalid, NotFound, Refused
from bedside.core.ids import canonical_json, digest_bytes
from bedside.infra.files import write_atomically
from bedside.infra.keys import passphrase as sealing
from bedside.infra.keys import private
from bedside.infra.keys.ed25519 import Ed25519Signer

__all__ = ["SHORTEST", "PersonKeys", "passphrase_in"]

SHORTEST = 12
"""Letters of a passphrase, at least (NIST SP 800-63B asks for 8)."""

_FORMAT = "bedside-person-key/1"


class PersonKeys:
    """The SigningKeys port on a folder that its owner alone can reach.

    Args:
        folder: Made with mode 0700 on first use; others who sign on this machine have their own.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def make(self, person: str, passphrase: str) -> Ed25519Signer:
        """Make a key and keep it sealed; see the port."""
        secret = _checked(passphrase)
        private.made_private(self._folder)
        seed = os.urandom(32)
        inner = canonical_json({"person": person, "seed": base64.b64encode(seed).decode()})
        box = sealing.sealed(inner, secret, sealing.new_salt())
        write_atomically(
            self._path(person), canonical_json({"format": _FORMAT, "box": box}), mode=0o600
        )
        return Ed25519Signer(seed)

    def has(self, person: str) -> bool:
        """Whether a key of this person is kept here."""
        return self._path(person).exists()

    def unlocked(self, person: str, passphrase: str) -> Ed25519Signer:
        """The key, to sign with; see the port."""
        path = self._path(person)
        found = private.read_private(path)
        if found is None:
            raise NotFound(
                "There is no signing key of this person here.",
                fix="make one: bedside sign enrol.",
                code="no_signing_key",
            )
        try:
            told = json.loads(found[1])
            if told["format"] != _FORMAT:
                raise ValueError
            secret = unicodedata.normalize("NFC", passphrase)
            inner = json.loads(sealing.opened(told["box"], secret)[0])
            if inner["person"] != person:
                raise ValueError
            return Ed25519Signer(base64.b64decode(inner["seed"], validate=True))
        except Refused:
            raise Refused(
                "The signing key does not open with this passphrase. Nothing was signed.",
                fix="try again; if it is lost, enrol a new key: bedside sign enrol --again.",
                code="wrong_passphrase",
            ) from None
        except (KeyError, TypeError, ValueError, Invalid):
            raise private.damaged(path.name) from None

    def _path(self, person: str) -> Path:
        return self._folder / f"{digest_bytes(person.encode())[:32]}.json"


def passphrase_in(path: Path) -> str:
    """The passphrase in a file that its owner alone can read, for programs that sign in tests.

    Raises:
        NotFound: there is no such file.
        Refused: others can reach it, or it is a link (code `key_exposed`).
    """
    found = private.read_private(path)
    if found is None:
        raise NotFound("There is no such file of a passphrase.", fix="give its path.")
    return found[1].decode(errors="replace").rstrip("\n")


def _checked(passphrase: str) -> str:
    told = unicodedata.normalize("NFC", passphrase)
    if len(told.strip()) < SHORTEST:
        raise Invalid(
            f"A passphrase has at least {SHORTEST} letters.",
            fix="take several words that nobody else would put together.",
            code="passphrase",
        )
    return told

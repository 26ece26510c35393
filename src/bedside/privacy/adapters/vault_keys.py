"""The keys of one project's vault: they name, and they wrap and seal."""

import hmac
import json
import os
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bedside.core.errors import Refused
from bedside.core.ids import canonical_json
from bedside.core.records.identifier import IdentifierKind

__all__ = ["ProjectKeys", "SubjectKey", "new_key"]

NONCE = 12  # bytes, AES-GCM
_NOBODY = b"nobody"


def new_key() -> bytes:
    """32 bytes of the operating system's own source."""
    return os.urandom(32)


@dataclass(frozen=True, slots=True)
class SubjectKey:
    """A subject's random key, and the tag under which the database keeps it."""

    tag: str
    key: bytes = field(repr=False)

    def seal(self, told: Any, label: str) -> bytes:
        """The JSON of something, encrypted; it opens with the same label alone."""
        nonce = os.urandom(NONCE)
        return nonce + self._cipher.encrypt(nonce, canonical_json(told), self._label(label))

    def open(self, sealed: Any, label: str) -> Any:
        """What was sealed.

        Raises:
            Refused: it is not as it was written (code `vault_broken`).
        """
        try:
            told = self._cipher.decrypt(sealed[:NONCE], sealed[NONCE:], self._label(label))
            return json.loads(told)
        except (InvalidTag, TypeError, ValueError):
            raise broken() from None

    def tag_of(self, what: str, kind: IdentifierKind, value: str) -> str:
        """By what a value, or a stand-in, of the subject is found."""
        naming = hmac.digest(self.key, b"bedside-vault/1 naming", "sha256")
        return hmac.digest(naming, f"{what} {kind} {value}".encode(), "sha256").hex()

    @property
    def _cipher(self) -> AESGCM:
        return AESGCM(hmac.digest(self.key, b"bedside-vault/1 sealing", "sha256"))

    def _label(self, label: str) -> bytes:
        return f"bedside-vault/1 {self.tag} {label}".encode()


class ProjectKeys:
    """What one project's secret is used for.

    Args:
        project: Its name, which everything sealed is bound to.
        secret: 32 bytes, of this project alone.
    """

    def __init__(self, project: str, secret: bytes) -> None:
        self._project = project.encode()
        self._naming = hmac.digest(secret, b"bedside-vault/1 naming", "sha256")
        self._wrapping = AESGCM(hmac.digest(secret, b"bedside-vault/1 wrapping", "sha256"))

    def subject_tag(self, subject: int | None) -> str:
        """By what a subject is found."""
        return self._tag(b"subject " + (_NOBODY if subject is None else b"%d" % subject))

    def pseudonym_tag(self, pseudonym: int) -> str:
        """By what a pseudonym is found."""
        return self._tag(b"pseudonym %d" % pseudonym)

    def taken_tag(self, kind: IdentifierKind, stand_in: str) -> str:
        """By what a stand-in is found that differs in all of the project."""
        return self._tag(f"taken {kind} {stand_in}".encode())

    def proof(self, tag: str, at: Any) -> str:
        """What shows that this vault forgot a subject, and nobody else took the key away."""
        return self._tag(f"forgotten {tag} {at}".encode())

    def was_forgotten(self, tag: str, at: Any, proof: Any) -> bool:
        """Whether the proof is this vault's own."""
        return isinstance(proof, str) and hmac.compare_digest(proof, self.proof(tag, at))

    def wrap(self, key: SubjectKey) -> bytes:
        """A subject's key, encrypted."""
        nonce = os.urandom(NONCE)
        return nonce + self._wrapping.encrypt(nonce, key.key, self._bound(key.tag))

    def unwrap(self, wrapped: Any, tag: str) -> SubjectKey:
        """A subject's key.

        Raises:
            Refused: it was changed, or is another subject's or project's (code `vault_broken`).
        """
        try:
            opened = self._wrapping.decrypt(wrapped[:NONCE], wrapped[NONCE:], self._bound(tag))
        except (InvalidTag, TypeError, ValueError):
            raise broken() from None
        return SubjectKey(tag, opened)

    def _tag(self, what: bytes) -> str:
        return hmac.digest(self._naming, self._project + b" " + what, "sha256").hex()

    def _bound(self, tag: str) -> bytes:
        return b"bedside-vault/1 " + self._project + b" " + tag.encode()


def broken() -> Refused:
    """The error of a row that is not as it was written."""
    return Refused(
        "What the vault keeps of a subject is not as it was written.",
        fix="restore the workspace from a backup: bedside restore.",
        code="vault_broken",
    )

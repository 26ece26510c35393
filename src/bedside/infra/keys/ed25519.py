"""Signatures of bytes with Ed25519, behind the ByteSigner port."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bedside.core.errors import Invalid, Refused

__all__ = ["Ed25519Signer"]


class Ed25519Signer:
    """The ByteSigner port on one key pair.

    Args:
        seed: 32 secret bytes, from which both halves follow.

    Raises:
        Invalid: the seed does not have 32 bytes.

    Source: RFC 8032 (Ed25519).

    >>> signer = Ed25519Signer(bytes(32))
    >>> signer.verify(b"a manifest", signer.sign(b"a manifest"))
    """

    def __init__(self, seed: bytes) -> None:
        if len(seed) != 32:
            raise Invalid("A signing key is made from 32 bytes.", fix="take a secret of 32 bytes.")
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self._public = self._private.public_key()

    @property
    def private_key(self) -> Ed25519PrivateKey:
        """The private half."""
        return self._private

    @property
    def public_key_bytes(self) -> bytes:
        """The public half, 32 bytes."""
        return self._public.public_bytes_raw()

    def sign(self, content: bytes) -> bytes:
        """The signature of the bytes, 64 bytes; the same each time."""
        return self._private.sign(content)

    def verify(self, content: bytes, signature: bytes) -> None:
        """Check it.

        Raises:
            Refused: the bytes were changed, or another key signed them (code `bad_signature`).
        """
        try:
            self._public.verify(signature, content)
        except InvalidSignature:
            raise Refused(
                "A signature does not hold: the bytes were changed, or another key signed them.",
                fix="do not use them; restore them from a backup, or make them again.",
                code="bad_signature",
            ) from None

"""Signatures of bytes with Ed25519, behind the ByteSigner port."""

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from bedside.core.errors import Invalid, Refused

__all__ = ["Ed25519Signer", "Ed25519Verifier", "public_pem"]


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
        _verify(self._public, content, signature)


class Ed25519Verifier:
    """The ByteVerifier port on the public half alone.

    Args:
        public: 32 bytes.

    Raises:
        Invalid: they are no such key.
    """

    def __init__(self, public: bytes) -> None:
        try:
            self._public = Ed25519PublicKey.from_public_bytes(public)
        except ValueError:
            raise _no_key() from None

    @classmethod
    def from_pem(cls, content: bytes) -> "Ed25519Verifier":
        """The key in a PEM file.

        Raises:
            Invalid: there is no public Ed25519 key in it.
        """
        try:
            found = serialization.load_pem_public_key(content)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise _no_key() from None
        if not isinstance(found, Ed25519PublicKey):
            raise _no_key()
        return cls(found.public_bytes_raw())

    @property
    def public_key_bytes(self) -> bytes:
        """The public half, 32 bytes."""
        return self._public.public_bytes_raw()

    def verify(self, content: bytes, signature: bytes) -> None:
        """Check it; as `Ed25519Signer.verify`."""
        _verify(self._public, content, signature)


def public_pem(public: bytes) -> bytes:
    """A public key of 32 bytes as PEM (RFC 8410)."""
    return Ed25519PublicKey.from_public_bytes(public).public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _verify(public: Ed25519PublicKey, content: bytes, signature: bytes) -> None:
    try:
        public.verify(signature, content)
    except InvalidSignature:
        raise Refused(
            "A signature does not hold: the bytes were changed, or another key signed them.",
            fix="do not use them; restore them from a backup, or make them again.",
            code="bad_signature",
        ) from None


def _no_key() -> Invalid:
    return Invalid(
        "That is not a public key of Ed25519.",
        fix="give the file that bedside site key wrote.",
        code="not_a_key",
    )

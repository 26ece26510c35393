"""Ed25519 over notes: whether a signature by somebody's public key holds."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

__all__ = ["holds"]


def holds(public: bytes, content: bytes, signature: bytes) -> bool:
    """Whether the owner of 32 public bytes signed the content.

    Source: RFC 8032 (Ed25519).
    """
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, content)
    except (InvalidSignature, ValueError):
        return False
    return True

"""What a browser carries for a while and can neither read nor change."""

from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken

__all__ = ["SealedState"]


class SealedState:
    """The Seal of a login, by Fernet (AES-128-CBC with HMAC-SHA256, and the time it was made).

    Args:
        key: 32 bytes, the same in every process of a server.
    """

    def __init__(self, key: bytes) -> None:
        self._seal = Fernet(urlsafe_b64encode(key))

    def close(self, content: bytes) -> str:
        """The content, sealed."""
        return self._seal.encrypt(content).decode()

    def open(self, sealed: str, *, seconds: int) -> bytes | None:
        """The content; None: it is not ours, was changed, or is older than so many seconds."""
        try:
            return self._seal.decrypt(sealed, ttl=seconds)
        except InvalidToken:
            return None

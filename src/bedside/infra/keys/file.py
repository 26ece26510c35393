"""Keys in files of the workspace, readable by their owner alone.

No passphrase yet: whoever can read the owner's files can read the keys. A key service comes later.
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bedside.core.errors import Refused
from bedside.infra.files import disk_trouble

__all__ = ["FileKeys"]


class FileKeys:
    """The keys of one workspace, made on first use.

    Args:
        folder: Where they lie; made with mode 0700.

    Raises:
        Refused: somebody else can read a key file.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def derive(self, purpose: str) -> bytes:
        """A 32-byte key for one purpose, derived from the data key (HKDF, RFC 5869)."""
        root = self._kept("data.key", lambda: os.urandom(32))
        return HKDF(hashes.SHA256(), 32, salt=None, info=purpose.encode()).derive(root)

    def ledger_key(self) -> Ed25519PrivateKey:
        """The key that signs the head of the ledger."""
        raw = self._kept("ledger.key", lambda: os.urandom(32))
        return Ed25519PrivateKey.from_private_bytes(raw)

    def signing_key_path(self) -> Path:
        """The PEM file of the EC P-256 key that signs bundles."""
        self._kept("signing.pem", _new_signing_key)
        return self._folder / "signing.pem"

    def public_key_path(self) -> Path:
        """The PEM file of its public half."""
        def public() -> bytes:
            private = serialization.load_pem_private_key(
                self.signing_key_path().read_bytes(), password=None
            )
            return private.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )

        self._kept("signing.pub", public)
        return self._folder / "signing.pub"

    def _kept(self, name: str, make: Callable[[], bytes]) -> bytes:
        path = self._folder / name
        try:
            if not path.exists():
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                _claim(path, make())
            if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise Refused(
                    f"The key file {name} can be read by others.", fix=f"chmod 600 {name}."
                )
            return path.read_bytes()
        except OSError as error:
            raise disk_trouble(error) from None


def _claim(path: Path, content: bytes) -> None:
    """Put a new key in place; when two processes race, the first one's key stays."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


def _new_signing_key() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )

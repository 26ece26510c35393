"""OpenSSF model-signing behind the Signer port: EC P-256, offline, a sigstore bundle beside."""

from importlib import import_module
from pathlib import Path
from typing import Any

from bedside.core.errors import Refused

__all__ = ["OpenSsfSigner"]


class OpenSsfSigner:
    """Signs every file of a folder, and checks such a signature.

    Args:
        private_key: PEM file of an EC P-256 key.
        public_key: PEM file of its public half.
    """

    def __init__(self, private_key: Path, public_key: Path) -> None:
        self._private, self._public = private_key, public_key

    def sign(self, folder: str, signature: str) -> None:
        """Sign every file of `folder`; write the signature to the file `signature`."""
        signing: Any = import_module("model_signing.signing")  # slow to import
        signing.Config().use_elliptic_key_signer(private_key=self._private).sign(folder, signature)

    def verify(self, folder: str, signature: str) -> None:
        """Check it.

        Raises:
            Refused: there is no signature, a file differs, or another key made it.
        """
        verifying: Any = import_module("model_signing.verifying")  # slow to import
        if not Path(signature).is_file():
            raise Refused(
                "The bundle has no signature.",
                fix="build it again, or fetch its signature from where it was made.",
                code="unsigned",
            )
        try:
            verifying.Config().use_elliptic_key_verifier(public_key=self._public).verify(
                folder, signature
            )
        except Exception as error:
            raise Refused(
                f"The bundle's signature does not hold ({type(error).__name__}).",
                fix="do not use it; fetch or build it again.",
                code="bad_signature",
            ) from None

"""OpenSSF model-signing behind the Signer port: EC P-256, offline, a sigstore bundle beside."""

import base64
import json
import os
import re
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from tempfile import mkstemp
from typing import Any

from bedside.core.disk import disk_trouble
from bedside.core.errors import Refused
from bedside.core.ids import digest_bytes

__all__ = ["OpenSsfSigner"]

_NAMED = re.compile(r"Hash mismatch for \\?'(.+?)\\?': |(?:Extra|Missing) files[^:]*: ([^\"]+)")
_LARGEST = 1 << 24  # bytes in a signature


class OpenSsfSigner:
    """Signs every file of a folder, and checks such a signature. Neither needs a network.

    The signature is written beside the folder and never into it, because an ECDSA signature is
    different each time and the folder must stay the same to the byte.

    Args:
        private_key: PEM file of an EC P-256 key; None where signatures are only checked.
        public_key: PEM file of its public half, the one key that is trusted.
        password: What the private key is encrypted with; None if it is not.

    Source: OpenSSF Model Signing v1.0; DSSE v1; in-toto Statement v1.
    """

    def __init__(
        self, private_key: Path | None, public_key: Path, *, password: str | None = None
    ) -> None:
        self._private, self._public = private_key, public_key
        self._password = password

    def sign(self, folder: str, signature: str) -> None:
        """Sign every file of `folder`; write the signature to the file `signature`.

        Raises:
            Refused: it cannot be signed, e.g. because the folder holds a symbolic link.
            Unavailable: the disk is full or refuses; no partial signature is left.
        """
        signing: Any = import_module("model_signing.signing")  # slow to import
        signer = signing.Config().set_hashing_config(_hashing())
        target = Path(signature)
        try:
            handle, name = mkstemp(dir=target.parent, prefix=".part-")
            os.close(handle)
        except OSError as error:
            raise disk_trouble(error) from None
        try:
            # The library says text and hands it on to where only bytes are taken.
            password = None if self._password is None else self._password.encode()
            signer.use_elliptic_key_signer(private_key=self._private, password=password).sign(
                Path(folder), Path(name)
            )
            with open(name, "rb") as file:
                os.fsync(file.fileno())
            os.replace(name, target)
        except OSError as error:
            raise disk_trouble(error) from None
        except (TypeError, ValueError):
            raise Refused(
                "The bundle cannot be signed.",
                fix="use an EC P-256 key with its own password, and a folder without links.",
                code="cannot_sign",
            ) from None
        finally:
            with suppress(FileNotFoundError):
                os.unlink(name)

    def verify(self, folder: str, signature: str) -> None:
        """Check it.

        Raises:
            Refused: there is no signature (code `unsigned`), it is not by our key
                (`bad_signature`), or a file was changed, added or removed (`bundle_tampered`).
            Unavailable: the disk refuses.
        """
        verifying: Any = import_module("model_signing.verifying")  # slow to import
        self._check_outside(_read(Path(signature)))
        verifier = verifying.Config().set_hashing_config(_hashing())
        try:
            verifier.use_elliptic_key_verifier(public_key=self._public).verify(
                Path(folder), Path(signature)
            )
        except OSError as error:
            raise disk_trouble(error) from None
        except Exception as error:  # whatever the library says of a stranger's bytes, it means no
            raise _answer(str(error)) from None

    def public_key(self) -> bytes:
        """The key that signatures are checked with, as PEM.

        Raises:
            Refused: it is not there (code `unsigned`).
            Unavailable: the disk refuses.
        """
        return _read(self._public)

    def _check_outside(self, content: bytes) -> None:
        """Check what the library lets pass: another key is only warned of, files are skipped.

        The statement is read here before its signature is checked; `verify` does that next.
        """
        try:
            bundle = json.loads(content)
            key = bundle["verificationMaterial"]["publicKey"]["hint"]
            statement = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
            how = statement["predicate"]["serialization"]
            every_file = how["method"] == "files" and not (
                how.get("ignore_paths") or how.get("allow_symlinks")
            )
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise _bad("It cannot be read.") from None
        if key != digest_bytes(_read(self._public)):
            raise _bad("It was made with another key.")
        if not every_file:
            raise _bad("It does not cover every file.")


def _hashing() -> Any:
    """Every file counts: the library's own default skips `.git*`."""
    hashing: Any = import_module("model_signing.hashing")
    config = hashing.Config().use_file_serialization(
        hashing_algorithm="sha256", max_workers=2, allow_symlinks=False
    )
    return config.set_ignored_paths(paths=[], ignore_git_paths=False)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except FileNotFoundError:
        raise Refused(
            "The bundle has no signature.",
            fix="build it again, or fetch its signature from where it was made.",
            code="unsigned",
        ) from None
    except OSError as error:
        raise disk_trouble(error) from None
    if len(content) > _LARGEST:
        raise _bad("It is too large.")
    return content


def _answer(message: str) -> Refused:
    names = ", ".join(one or several for one, several in _NAMED.findall(message))
    if names:
        return Refused(
            f"The bundle is not as it was signed: {names}.",
            fix="do not use it; fetch or build it again.",
            code="bundle_tampered",
        )
    return _bad("It is not by this key over these files.")


def _bad(why: str) -> Refused:
    return Refused(
        f"The bundle's signature does not hold. {why}",
        fix="do not use it; fetch or build it again.",
        code="bad_signature",
    )

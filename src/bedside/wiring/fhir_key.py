"""Our own key for FHIR servers: made where it is to lie, and its public half for whom it is for."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bedside.core.disk import disk_trouble
from bedside.core.errors import Invalid
from bedside.data.adapters.fhir_server.client_key import ClientKey
from bedside.lifecycle.platform import Platform
from bedside.wiring.fhir_settings import read_key

__all__ = ["Registration", "registration"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What a server has to know of us: a JSON Web Key Set, which is no secret.

    `file` holds the private key; `is_new`: it was made now.
    """

    file: str
    public: dict[str, Any]
    algorithm: str
    is_new: bool


def registration(
    platform: Platform, new: Path | None = None, environment: Mapping[str, str] = os.environ
) -> Registration:
    """The public half of the key that BEDSIDE_FHIR_KEY names, or of one that is made now.

    Args:
        platform: Its ledger keeps that a key was made, and under which id.
        new: Where to make one.
        environment: Where the variables stand.

    Raises:
        Invalid: no key is named, it cannot be read or is of another kind (code `key_unfit`), or
            there is a file of the new one's name (`key_exists`).
        Unavailable: the disk refuses.
    """
    content = read_key(environment) if new is None else ClientKey.generated()
    key = ClientKey(content, environment.get("BEDSIDE_FHIR_KEY_ID"))
    if new is not None:
        _keep(new, content)
        told = {"key_id": key.key_id, "algorithm": key.algorithm}
        platform.ledger.append(platform.actor, "fhir.key", told)
    return Registration(
        file=environment["BEDSIDE_FHIR_KEY"] if new is None else str(new),
        public=key.public_set(),
        algorithm=key.algorithm,
        is_new=new is not None,
    )


def _keep(file: Path, content: bytes) -> None:
    """Write the key for its owner alone, and never over another one: that may be registered."""
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(handle, "wb") as written:
            written.write(content)
            written.flush()
            os.fsync(written.fileno())
    except FileExistsError:
        raise Invalid(
            "There is a file of this name, and a key is never written over.",
            fix="give another name to --new, or leave it out and set BEDSIDE_FHIR_KEY to the file.",
            code="key_exists",
        ) from None
    except OSError as error:
        raise disk_trouble(error) from None

"""What a server that only scores is told by its environment: read here and nowhere else."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bedside.core.errors import Invalid
from bedside.interop.cds_hooks.clients import FILE
from bedside.serve.run import Exposure
from bedside.wiring.access_file import FILE as ACCESS_FILE
from bedside.wiring.settings import Settings, settings_of

__all__ = ["SCORING_VARIABLES", "ScoringSettings", "scoring_settings"]

SCORING_VARIABLES = {
    "BEDSIDE_RELEASE": "the folder of the release: bundles, signatures, key; never written to",
    "BEDSIDE_STATE": "the folder for the ledger and the keys; the only one that is written to",
    "BEDSIDE_HOST": "the address to serve on; 127.0.0.1 if not set",
    "BEDSIDE_PORT": "a port from 1 to 65535; 8080 if not set",
    "BEDSIDE_TOKEN_SHA256_FILE": "the file with the SHA-256 of the token that callers send",
    "BEDSIDE_KEY_PASSPHRASE_FILE": "the file with the passphrase that seals the key file",
    "BEDSIDE_CANARY_KEY_FILE": "the file with the canary key of the workspace that exported it",
    "BEDSIDE_CDS_CLIENTS": "the folder with cds_clients.json and the key sets that it names",
    "BEDSIDE_ACCESS": "the folder with access.json: the issuer of tokens, and how often is asked",
    "BEDSIDE_COMPILED": "the folder with machine code of this release, kept when it was built",
    "BEDSIDE_DATABASE_FILE": "the file with the URL of the PostgreSQL for the ledger",
    "BEDSIDE_ALLOWED_HOSTS": "host names that requests may be addressed to, joined by commas",
    "BEDSIDE_TLS_CERTIFICATE": "the PEM file of the certificate, with BEDSIDE_TLS_KEY",
    "BEDSIDE_TLS_KEY": "the PEM file of its private key",
    "BEDSIDE_BEHIND_PROXY": "1 says that only a proxy that ends TLS can reach this server",
}
"""Every variable that a server that only scores reads, beside those of the key service."""

_FROM_FILES = {
    "BEDSIDE_KEY_PASSPHRASE_FILE": "BEDSIDE_KEY_PASSPHRASE",
    "BEDSIDE_DATABASE_FILE": "BEDSIDE_DATABASE",
}
_SHA256 = re.compile(r"[0-9a-f]{64}")
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_LARGEST = 4096  # bytes in a file with one secret


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringSettings:
    """What a scoring server is made of.

    Args:
        release: The folder of the release, read only.
        state: The folder for what is kept, by `workspace`.
        token_sha256: The digest of the token that callers send.
        allowed_hosts: Host names beside loopback.
        exposure: What protects it beyond loopback.
        canary_key: Draws the patients of a canary; None: a key of its own.
        cds_clients: The folder with `cds_clients.json`; None: in `state`.
        access: The folder with `access.json`; None: in `state`.
        workspace: Where keys and ledger are, as any workspace's settings say it.
    """

    release: Path
    state: Path
    token_sha256: str = field(repr=False)
    host: str = "127.0.0.1"
    port: int = 8080
    allowed_hosts: tuple[str, ...] = ()
    exposure: Exposure = field(default_factory=Exposure)
    canary_key: bytes | None = field(default=None, repr=False)
    cds_clients: Path | None = None
    access: Path | None = None
    workspace: Settings = field(repr=False)


def scoring_settings(environment: Mapping[str, str] = os.environ) -> ScoringSettings:
    """Read them.

    Raises:
        Invalid: one is missing or is not as it must be (code `setting`); its value is not repeated.
    """
    told = {name: environment[name] for name in SCORING_VARIABLES if environment.get(name)}
    state = Path(_needed(told, "BEDSIDE_STATE"))
    whole = dict(environment)
    for name, variable in _FROM_FILES.items():
        if name in told:
            whole[variable] = _content(told, name)
    token = _content(told, "BEDSIDE_TOKEN_SHA256_FILE").lower()
    if _SHA256.fullmatch(token) is None:
        raise _wrong("BEDSIDE_TOKEN_SHA256_FILE")
    hosts = tuple(one for one in told.get("BEDSIDE_ALLOWED_HOSTS", "").lower().split(",") if one)
    if not all(_HOST.fullmatch(one) for one in hosts):
        raise _wrong("BEDSIDE_ALLOWED_HOSTS")
    return ScoringSettings(
        release=Path(_needed(told, "BEDSIDE_RELEASE")),
        state=state,
        token_sha256=token,
        host=told.get("BEDSIDE_HOST", "127.0.0.1"),
        port=_port(told),
        allowed_hosts=hosts,
        exposure=_exposure(told),
        canary_key=_canary_key(told),
        cds_clients=_folder_with(told, "BEDSIDE_CDS_CLIENTS", FILE),
        access=_folder_with(told, "BEDSIDE_ACCESS", ACCESS_FILE),
        workspace=settings_of(state, whole),
    )


def _needed(told: Mapping[str, str], name: str) -> str:
    if name not in told:
        raise _wrong(name)
    return told[name]


def _content(told: Mapping[str, str], name: str) -> str:
    """The one line in the file that a variable names."""
    try:
        with Path(_needed(told, name)).open("rb") as file:
            content = file.read(_LARGEST + 1)
        text = content.decode().strip()
    except (OSError, ValueError):
        raise _wrong(name) from None
    if not text or len(content) > _LARGEST or "\n" in text:
        raise _wrong(name)
    return text


def _canary_key(told: Mapping[str, str]) -> bytes | None:
    name = "BEDSIDE_CANARY_KEY_FILE"
    if name not in told:
        return None
    text = _content(told, name)
    if _SHA256.fullmatch(text) is None:
        raise _wrong(name)
    return bytes.fromhex(text)


def _folder_with(told: Mapping[str, str], name: str, file: str) -> Path | None:
    """A folder that is named and holds no such file must not pass for nobody being let in."""
    if name not in told:
        return None
    folder = Path(told[name])
    if not (folder / file).is_file():
        raise _wrong(name)
    return folder


def _port(told: Mapping[str, str]) -> int:
    text = told.get("BEDSIDE_PORT", "8080")
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:
        raise _wrong("BEDSIDE_PORT")
    return int(text)


def _exposure(told: Mapping[str, str]) -> Exposure:
    """What protects it; half of a certificate and its key protects nothing."""
    pair = [told.get(name) for name in ("BEDSIDE_TLS_CERTIFICATE", "BEDSIDE_TLS_KEY")]
    if (pair[0] is None) != (pair[1] is None):
        raise _wrong("BEDSIDE_TLS_KEY" if pair[1] is None else "BEDSIDE_TLS_CERTIFICATE")
    proxy = told.get("BEDSIDE_BEHIND_PROXY", "")
    if proxy not in ("", "0", "1"):
        raise _wrong("BEDSIDE_BEHIND_PROXY")
    paths = [None if one is None else Path(one) for one in pair]
    return Exposure(certificate=paths[0], key=paths[1], behind_proxy=proxy == "1")


def _wrong(name: str) -> Invalid:
    return Invalid(
        f"The environment variable {name} is missing or not as it must be.",
        fix=f"set it to {SCORING_VARIABLES[name]}.",
        code="setting",
    )

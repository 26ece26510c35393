"""What a workspace is made of: read from the environment once, here and nowhere else."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from bedside.core.errors import Invalid

__all__ = ["S3_PLACE", "VARIABLES", "Settings", "default_workspace", "settings_of"]

VARIABLES = {
    "BEDSIDE_WORKSPACE": "the folder of the workspace, where --workspace is not given",
    "BEDSIDE_DATABASE": "postgresql://… for the metadata; a SQLite file of its own if not set",
    "BEDSIDE_OBJECTS": "s3://BUCKET/PREFIX for the encrypted files; its own folder if not set",
    "BEDSIDE_S3_ENDPOINT": "the address of an S3 server that is not Amazon's",
    "BEDSIDE_KEYS": "vault+https://HOST:PORT/MOUNT or awskms:REGION; a key file if not set",
    "BEDSIDE_KEYS_PREFIX": "sets the keys of this workspace apart from others in the key service",
    "BEDSIDE_KMS_ENDPOINT": "the address of a KMS server that is not Amazon's",
    "BEDSIDE_VAULT_TOKEN": "the token for Vault or OpenBao",
    "BEDSIDE_KEY_PASSPHRASE": "seals the key file; it lies open, mode 0600, if not set",
    "BEDSIDE_FHIR_KEY": "the file with our private key for the FHIR server that is collected from",
    "BEDSIDE_SOURCE_DATABASE": "the URL of the OMOP database that is collected from",
    "BEDSIDE_CHECKPOINT_PLACES": "where checkpoints of the ledger go: folders, s3://BUCKET/PREFIX",
    "BEDSIDE_CHECKPOINT_EVERY": "how often a server makes one, e.g. '1000 entries or 5 min'",
    "BEDSIDE_WITNESSES": "who cosigns them: NAME+ID+KEY, with commas between them",
    "BEDSIDE_BEHIND_PROXY": "1 says that a proxy that ends TLS is the only way in",
    "BEDSIDE_OIDC_SECRET": "the secret of our client at the OpenID provider",
    "BEDSIDE_SIGNING_KEYS": "the folder of your own signing key; your configuration if not set",
    "BEDSIDE_MAIL": "smtp://USER:PASSWORD@HOST:587?from=ADDRESS&to=ADDRESS, told of emergencies",
    "BEDSIDE_ENGINE": "local, local:WORKERS or ray:ADDRESS",
    "BEDSIDE_RAY_TOKEN": "the token of the Ray cluster",
    "MLFLOW_TRACKING_URI": "the address of an MLflow server that is told of each build",
    "BEDSIDE_MLFLOW_PLAIN": "1 allows plain http to an MLflow server beyond this machine",
    "BEDSIDE_RAY_REMOTE": "1 allows a Ray cluster beyond this machine; read the how-to first",
}
"""Every variable that Bedside reads, and what it means."""

S3_PLACE = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/([a-z0-9][a-z0-9_/-]*))?")
_ENGINE = re.compile(r"local(?::([1-9][0-9]?))?|ray:(.+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Which adapters a workspace uses; secrets never show in its text.

    Args:
        folder: Of the workspace.
        database: A PostgreSQL URL, or None for a SQLite file in the folder.
        bucket, prefix, s3_endpoint: Of the S3 store; no bucket means the folder.
        keys: `file`, `vault` or `awskms`.
        key_address: Of Vault, or the region of KMS.
        workers: Of the local engine; 0 means as many as there are cores.
        ray: The address of a Ray cluster, or None.
        fhir_key: The path of the private key for a FHIR server.
        source_database: The URL of the database that is collected from.
        tracking: The address of an MLflow server, or None; it is judged when it is first called,
            so that no other command stops at it.
        tracking_plain: Whether that may be plain http beyond this machine.
        checkpoint_places, checkpoint_every, witnesses: As they were written; read by
            `checkpoint_settings`.
        signing_keys: The folder with the signing keys of who works here, or None.
        mail: The mail server that is told of emergencies, as it was written.
    """

    folder: Path
    database: str | None = field(default=None, repr=False)
    bucket: str | None = None
    prefix: str = "bedside"
    s3_endpoint: str | None = None
    keys: str = "file"
    key_address: str | None = None
    key_mount: str = "transit"
    keys_prefix: str = "bedside"
    kms_endpoint: str | None = None
    vault_token: str | None = field(default=None, repr=False)
    passphrase: str | None = field(default=None, repr=False)
    workers: int = 0
    ray: str | None = None
    ray_token: str = field(default="", repr=False)
    ray_remote: bool = False
    fhir_key: str | None = None
    source_database: str | None = field(default=None, repr=False)
    tracking: str | None = field(default=None, repr=False)
    tracking_plain: bool = False
    checkpoint_places: str = ""
    checkpoint_every: str = ""
    witnesses: str = ""
    signing_keys: str | None = None
    mail: str | None = field(default=None, repr=False)

    @property
    def metadata(self) -> str | Path:
        """Where the metadata lie: the URL of a server, or a file in the folder."""
        return self.database or self.folder / "bedside.sqlite"


def default_workspace(environment: Mapping[str, str] = os.environ) -> Path:
    """The workspace in the user's data directory."""
    named = environment.get("BEDSIDE_WORKSPACE")
    if named:
        return Path(named)
    base = environment.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "bedside"


def settings_of(folder: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of a workspace.

    Raises:
        Invalid: a variable is not as it must be; its value is not repeated.
    """
    told = {name: environment[name] for name in VARIABLES if environment.get(name)}
    parts: dict[str, object] = {}
    if "BEDSIDE_DATABASE" in told:
        if urlsplit(told["BEDSIDE_DATABASE"]).scheme != "postgresql":
            raise _wrong("BEDSIDE_DATABASE")
        parts["database"] = told["BEDSIDE_DATABASE"]
    if "BEDSIDE_OBJECTS" in told:
        found = S3_PLACE.fullmatch(told["BEDSIDE_OBJECTS"].rstrip("/"))
        if found is None:
            raise _wrong("BEDSIDE_OBJECTS")
        parts |= {"bucket": found.group(1), "prefix": found.group(2) or "bedside"}
    if "BEDSIDE_ENGINE" in told:
        found = _ENGINE.fullmatch(told["BEDSIDE_ENGINE"])
        if found is None:
            raise _wrong("BEDSIDE_ENGINE")
        parts |= {"workers": int(found.group(1) or 0), "ray": found.group(2)}
    parts |= _key_settings(told.get("BEDSIDE_KEYS"))
    for name, variable in (
        ("s3_endpoint", "BEDSIDE_S3_ENDPOINT"),
        ("kms_endpoint", "BEDSIDE_KMS_ENDPOINT"),
        ("keys_prefix", "BEDSIDE_KEYS_PREFIX"),
        ("vault_token", "BEDSIDE_VAULT_TOKEN"),
        ("ray_token", "BEDSIDE_RAY_TOKEN"),
        ("passphrase", "BEDSIDE_KEY_PASSPHRASE"),
        ("fhir_key", "BEDSIDE_FHIR_KEY"),
        ("source_database", "BEDSIDE_SOURCE_DATABASE"),
        ("tracking", "MLFLOW_TRACKING_URI"),
        ("checkpoint_places", "BEDSIDE_CHECKPOINT_PLACES"),
        ("checkpoint_every", "BEDSIDE_CHECKPOINT_EVERY"),
        ("witnesses", "BEDSIDE_WITNESSES"),
        ("signing_keys", "BEDSIDE_SIGNING_KEYS"),
        ("mail", "BEDSIDE_MAIL"),
    ):
        if variable in told:
            parts[name] = told[variable]
    remote = told.get("BEDSIDE_RAY_REMOTE") == "1"
    plain = told.get("BEDSIDE_MLFLOW_PLAIN") == "1"
    return Settings(folder=folder, ray_remote=remote, tracking_plain=plain, **parts)  # type: ignore[arg-type]


def _key_settings(where: str | None) -> dict[str, object]:
    if where is None:
        return {}
    if where.startswith("awskms:"):
        return {"keys": "awskms", "key_address": where.removeprefix("awskms:")}
    if where.startswith(("vault+https://", "vault+http://")):
        address = urlsplit(where.removeprefix("vault+"))
        mount = address.path.strip("/") or "transit"
        return {
            "keys": "vault",
            "key_address": f"{address.scheme}://{address.netloc}",
            "key_mount": mount,
        }
    raise _wrong("BEDSIDE_KEYS")


def _wrong(name: str) -> Invalid:
    return Invalid(
        f"The environment variable {name} is not as it must be.",
        fix=f"set it to {VARIABLES[name]}.",
        code="setting",
    )

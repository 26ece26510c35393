"""The key service that the settings name."""

from typing import Any

from bedside.core.clock import Clock
from bedside.core.ports import KeyService
from bedside.wiring.settings import Settings

__all__ = ["keys_of"]


def keys_of(settings: Settings, clock: Clock) -> KeyService:
    """The key service that the settings name."""
    if settings.keys == "vault":
        from bedside.infra.keys.vault import VaultKeys  # noqa: PLC0415

        return VaultKeys(
            settings.key_address or "",
            settings.vault_token or "",
            mount=settings.key_mount,
            prefix=settings.keys_prefix,
        )
    if settings.keys == "awskms":
        from bedside.infra.keys.aws import AwsKeys  # noqa: PLC0415

        options: dict[str, Any] = {"region_name": settings.key_address}
        if settings.kms_endpoint:
            options["endpoint_url"] = settings.kms_endpoint
        return AwsKeys(options, settings.keys_prefix)
    from bedside.infra.keys.keyring import FileKeyring  # noqa: PLC0415

    path = settings.folder / "keys" / "keyring.json"
    return FileKeyring(path, passphrase=settings.passphrase, clock=clock)

"""The vaults of a workspace: one for each project, in its database, under its key service."""

from typing import TYPE_CHECKING

from bedside.core.clock import Clock
from bedside.core.ports.vault import Vault, Vaults

if TYPE_CHECKING:
    from bedside.infra.database.opening import Database
    from bedside.infra.keys.secrets import Secrets
    from bedside.lifecycle.platform import Platform

__all__ = ["vault_of", "vaults_of"]


def vaults_of(engine: "Database", secrets: "Secrets", clock: Clock) -> Vaults:
    """The vaults in a database; each project's secret is wrapped by the key `vault`."""
    from bedside.infra.database.opening import writing  # noqa: PLC0415
    from bedside.infra.database.traces import clear_traces  # noqa: PLC0415
    from bedside.privacy.adapters.sql_vault import SqlVaults  # noqa: PLC0415

    return SqlVaults(
        engine,
        writing=writing,
        clear=clear_traces,
        clock=clock,
        secret_of=lambda project: secrets.secret(f"vault-{project}", key="vault"),
    )


def vault_of(platform: "Platform", project: str) -> Vault:
    """The vault of a project, made on first use.

    Raises:
        Invalid: its name is not lower-case letters and digits joined by hyphens.
        Refused: its key was destroyed (code `key_destroyed`).
    """
    return platform.vaults.of(project)

"""Who may ask the servers of a workspace: its clients, its issuer, and how often they may."""

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from bedside.core.errors import Invalid
from bedside.core.ports.access import Clients
from bedside.core.records.client import Client
from bedside.core.records.policy import Act, Resource
from bedside.lifecycle.door import enter
from bedside.lifecycle.people import note_sign_in
from bedside.lifecycle.platform import Platform
from bedside.serve.run import Exposure
from bedside.wiring.access_file import read_access
from bedside.wiring.callers import (
    AccessWiring,
    Asked,
    CallerParts,
    ClientDesk,
    callers_of,
    clients_in,
)
from bedside.wiring.settings import settings_of

__all__ = [
    "AccessWiring",
    "Asked",
    "access_of",
    "add_client",
    "clients_of",
    "exposure_of",
    "list_clients",
    "revoke_client",
    "rotate_client",
]


def access_of(platform: Platform, environment: Mapping[str, str] = os.environ) -> AccessWiring:
    """Clients of the database, and what `access.json` in the workspace says, wired and started.

    Raises:
        Invalid: the file is not as it must be, or gives roles to groups where none count yet.
    """
    database = settings_of(platform.folder).database
    parts = CallerParts(
        folder=platform.folder,
        clients=clients_of(platform),
        sessions=database or platform.folder / "sessions.sqlite",
        clock=platform.clock,
        tag=platform.tag,
        record=lambda action, told: platform.ledger.append(platform.actor, action, told),
        admit=partial(note_sign_in, platform),
    )
    _check_groups(platform)
    return callers_of(parts, environment)


def _check_groups(platform: Platform) -> None:
    """Groups give roles only where roles count: else a stranger would hold every one."""
    issuer = read_access(platform.folder).issuer
    if issuer is not None and issuer.groups and not platform.people.is_strict():
        raise Invalid(
            "access.json gives roles to groups, and nobody holds a role here yet, so that "
            "everybody holds every role.",
            fix="give the first by hand: bedside access grant user:YOU administrator.",
            code="access_file",
        )


def clients_of(platform: Platform) -> Clients:
    """The clients of a workspace."""
    return clients_in(settings_of(platform.folder).metadata)


def exposure_of(
    certificate: Path | None,
    key: Path | None,
    client_ca: Path | None,
    environment: Mapping[str, str] = os.environ,
) -> Exposure:
    """What protects requests, as it was asked for.

    Raises:
        Invalid: a certificate comes without its key, or the other way round, or neither is there
            for a CA of the clients.
    """
    if (certificate is None) != (key is None) or (client_ca is not None and key is None):
        raise Invalid(
            "TLS needs a certificate and its key.", fix="give --tls-cert and --tls-key.", code="tls"
        )
    proxy = environment.get("BEDSIDE_BEHIND_PROXY") == "1"
    return Exposure(certificate=certificate, key=key, client_ca=client_ca, behind_proxy=proxy)


def add_client(platform: Platform, asked: Asked) -> tuple[Client, str | None]:
    """Let a client in; its token, which is shown this once, where it is known by one.

    Raises:
        Invalid: the name or a scope is none.
        Refused: a client of this name or certificate is there.
    """
    _enter(platform, asked.name)
    return _desk(platform).add(asked)


def rotate_client(platform: Platform, name: str) -> tuple[Client, str]:
    """Give a client another token, which is shown this once; the one before opens nothing more.

    Raises:
        NotFound: there is no such client.
        Refused: it is known by its certificate.
    """
    _enter(platform, name)
    return _desk(platform).rotate(name)


def revoke_client(platform: Platform, name: str) -> Client:
    """Let a client in no more: running servers know it within a second.

    Raises:
        NotFound: there is no such client.
    """
    _enter(platform, name)
    return _desk(platform).revoke(name)


def list_clients(platform: Platform) -> list[Client]:
    """Every client, oldest first; those that were revoked too."""
    return _desk(platform).all()


def _enter(platform: Platform, name: str) -> None:
    enter(platform, Act.MANAGE_ACCESS, Resource(name=f"client:{name}"))


def _desk(platform: Platform) -> ClientDesk:
    return ClientDesk(
        clients_of(platform),
        clock=platform.clock,
        record=lambda action, told: platform.ledger.append(platform.actor, action, told),
    )

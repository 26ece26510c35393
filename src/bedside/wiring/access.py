"""Who may ask the servers of a workspace: its clients, its issuer, and how often they may."""

from dataclasses import dataclass
from datetime import timedelta

from bedside.core.errors import NotFound
from bedside.core.ports.access import Clients
from bedside.core.records.client import Client
from bedside.infra.database.opening import open_database, writing
from bedside.lifecycle.platform import Platform
from bedside.serve.adapters.sql_clients import SqlClients
from bedside.serve.auth import first_run_token
from bedside.wiring.settings import settings_of

__all__ = ["Asked", "add_client", "clients_of", "list_clients", "revoke_client", "rotate_client"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A client that is to be let in: `subject` is of its certificate; without, it gets a token."""

    name: str
    scopes: frozenset[str]
    subject: str | None = None
    lasts: timedelta | None = None


def clients_of(platform: Platform) -> Clients:
    """The clients of a workspace."""
    settings = settings_of(platform.folder)
    engine = open_database(settings.database or platform.folder / "bedside.sqlite")
    return SqlClients(engine, writing=writing)


def add_client(platform: Platform, asked: Asked) -> tuple[Client, str | None]:
    """Let a client in; its token, which is shown this once, where it is known by one.

    The ledger tells of it before it counts: a change that is not recorded is not made.

    Raises:
        Invalid: the name or a scope is none.
        Refused: a client of this name or certificate is there.
    """
    token, digest = (None, None) if asked.subject is not None else first_run_token()
    now = platform.clock.now()
    client = Client(
        name=asked.name,
        scopes=asked.scopes,
        token_sha256=digest,
        subject=asked.subject,
        added=now,
        expires=None if asked.lasts is None else now + asked.lasts,
    )
    told = {"client": client.name, "scopes": sorted(client.scopes)}
    platform.ledger.append(platform.actor, "access.add", told)
    clients_of(platform).add(client)
    return client, token


def rotate_client(platform: Platform, name: str) -> tuple[Client, str]:
    """Give a client another token, which is shown this once; the one before opens nothing more.

    Raises:
        NotFound: there is no such client.
        Refused: it is known by its certificate.
    """
    clients = clients_of(platform)
    if _good(clients, name).subject is None:
        platform.ledger.append(platform.actor, "access.rotate", {"client": name})
    token, digest = first_run_token()
    return clients.renew(name, digest), token


def revoke_client(platform: Platform, name: str) -> Client:
    """Let a client in no more: running servers know it within a second.

    Raises:
        NotFound: there is no such client.
    """
    clients = clients_of(platform)
    _good(clients, name)
    platform.ledger.append(platform.actor, "access.revoke", {"client": name})
    return clients.revoke(name, platform.clock.now())


def list_clients(platform: Platform) -> list[Client]:
    """Every client, oldest first; those that were revoked too."""
    return clients_of(platform).all()


def _good(clients: Clients, name: str) -> Client:
    for one in clients.all():
        if one.name == name and one.revoked is None:
            return one
    raise NotFound("There is no such client.", fix="see them all: bedside access list.")

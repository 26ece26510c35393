"""Who may ask the servers of a workspace: its clients, its issuer, and how often they may."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from bedside.core.errors import Invalid, NotFound
from bedside.core.ports.access import Clients
from bedside.core.records.client import Client
from bedside.core.records.policy import Act, Resource
from bedside.data.adapters.fhir_server.prefetch import fetch_document
from bedside.infra.database.opening import open_database, writing
from bedside.lifecycle.door import enter
from bedside.lifecycle.platform import Platform
from bedside.serve.adapters.fetched_keys import FetchedKeys
from bedside.serve.adapters.oidc_keys import OidcKeys
from bedside.serve.adapters.oidc_provider import OidcProvider
from bedside.serve.adapters.sealed_state import SealedState
from bedside.serve.adapters.sql_clients import SqlClients
from bedside.serve.adapters.sql_sessions import SqlSessions
from bedside.serve.auth import Authenticator, KnownClients, first_run_token
from bedside.serve.login import Login
from bedside.serve.oidc import IssuerTokens
from bedside.serve.rate_limits import RateLimits
from bedside.serve.run import Exposure
from bedside.wiring.access_file import AccessFile, read_access
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A client that is to be let in: `subject` is of its certificate; without, it gets a token."""

    name: str
    scopes: frozenset[str]
    subject: str | None = None
    lasts: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessWiring:
    """What a server adds for its callers: who knows them, who lets people in, how often."""

    authenticators: tuple[Authenticator, ...]
    limits: RateLimits = field(default_factory=RateLimits)
    login: Login | None = None
    hosts: tuple[str, ...] = ()


def access_of(platform: Platform, environment: Mapping[str, str] = os.environ) -> AccessWiring:
    """Clients of the database, and what `access.json` in the workspace says, wired and started.

    Raises:
        Invalid: the file is not as it must be.
    """
    told = read_access(platform.folder)
    known = KnownClients(clients_of(platform), clock=platform.clock)
    known.start()
    limits = RateLimits(told.rates)
    if told.issuer is None:
        return AccessWiring(authenticators=(known,), limits=limits)
    provider = OidcProvider(
        told.issuer.issuer,
        client_id=told.issuer.client_id,
        secret=environment.get("BEDSIDE_OIDC_SECRET") or None,
        fetch=partial(fetch_document, clock=platform.clock, certificates=told.certificates),
    )
    keys = FetchedKeys(provider.key_set, "issuer", read=OidcKeys)
    keys.begin()
    tokens = IssuerTokens(told.issuer, signatures=keys, clock=platform.clock)
    host = None if told.base is None else urlsplit(told.base).hostname
    return AccessWiring(
        authenticators=(known, tokens),
        limits=limits,
        login=_login(platform, told, provider, keys),
        hosts=() if host is None else (host,),
    )


def _login(
    platform: Platform, told: AccessFile, provider: OidcProvider, keys: FetchedKeys
) -> Login | None:
    if told.issuer is None or told.issuer.client_id is None or told.base is None:
        return None
    database = settings_of(platform.folder).database
    place = open_database(database or platform.folder / "sessions.sqlite")
    return Login(
        told.issuer,
        provider=provider,
        signatures=keys,
        sessions=SqlSessions(place, writing=writing, clock=platform.clock),
        base=told.base,
        seal=SealedState(bytes.fromhex(platform.tag("login"))),
        clock=platform.clock,
        record=lambda action, who: platform.ledger.append(platform.actor, action, {"who": who}),
    )


def clients_of(platform: Platform) -> Clients:
    """The clients of a workspace."""
    settings = settings_of(platform.folder)
    engine = open_database(settings.metadata)
    return SqlClients(engine, writing=writing)


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

    The ledger tells of it before it counts: a change that is not recorded is not made.

    Raises:
        Invalid: the name or a scope is none.
        Refused: a client of this name or certificate is there.
    """
    enter(platform, Act.MANAGE_ACCESS, Resource(name=f"client:{asked.name}"))
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
    enter(platform, Act.MANAGE_ACCESS, Resource(name=f"client:{name}"))
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
    enter(platform, Act.MANAGE_ACCESS, Resource(name=f"client:{name}"))
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

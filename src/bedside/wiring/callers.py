"""Who may ask a server, wired: its clients, its issuer, and how often they may.

Nothing of a workspace is asked for here, so a server that only scores has it, too.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from bedside.core.clock import Clock
from bedside.core.errors import Invalid, NotFound
from bedside.core.ports.access import Clients
from bedside.core.records.client import Client
from bedside.data.adapters.fhir_server.prefetch import fetch_document
from bedside.infra.database.opening import open_database, writing
from bedside.serve.adapters.fetched_keys import FetchedKeys
from bedside.serve.adapters.oidc_keys import OidcKeys
from bedside.serve.adapters.oidc_provider import OidcProvider
from bedside.serve.adapters.sealed_state import SealedState
from bedside.serve.adapters.sql_clients import SqlClients
from bedside.serve.adapters.sql_sessions import SqlSessions
from bedside.serve.auth import Authenticator, KnownClients, first_run_token
from bedside.serve.login import Admit, Login
from bedside.serve.oidc import IssuerTokens
from bedside.serve.rate_limits import RateLimits
from bedside.wiring.access_file import AccessFile, read_access

__all__ = ["AccessWiring", "Asked", "CallerParts", "ClientDesk", "callers_of", "clients_in"]
__all__ += ["lasts_of"]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerParts:
    """What knowing callers asks of a server.

    Args:
        folder: Where `access.json` may be.
        clients: Those who are known by a token or a certificate.
        sessions: The database of who is signed in.
        clock: Says what time it is.
        tag: A keyed digest of this server's, in hexadecimal digits.
        record: Writes to the ledger.
        admit: Notes who signed in and the roles that groups give; None: groups give nothing.
    """

    folder: Path
    clients: Clients
    sessions: str | Path
    clock: Clock
    tag: Callable[[str], str]
    record: Callable[[str, dict[str, object]], object]
    admit: Admit | None = None


def lasts_of(told: str) -> timedelta:
    """How long a client or a role is to last: `12h`, `90d`.

    Raises:
        Invalid: it is no such time.
    """
    found = re.fullmatch(r"([1-9][0-9]{0,4})([hd])", told)
    if found is None:
        raise Invalid("--expires is no time that passes.", fix="write hours or days: 12h or 90d.")
    number = int(found.group(1))
    return timedelta(days=number) if found.group(2) == "d" else timedelta(hours=number)


def clients_in(database: str | Path) -> Clients:
    """The clients that a database knows."""
    return SqlClients(open_database(database), writing=writing)


def callers_of(parts: CallerParts, environment: Mapping[str, str] = os.environ) -> AccessWiring:
    """Clients of the database, and what `access.json` says, wired and started.

    Raises:
        Invalid: the file is not as it must be.
    """
    told = read_access(parts.folder)
    known = KnownClients(parts.clients, clock=parts.clock)
    known.start()
    limits = RateLimits(told.rates)
    if told.issuer is None:
        return AccessWiring(authenticators=(known,), limits=limits)
    provider = OidcProvider(
        told.issuer.issuer,
        client_id=told.issuer.client_id,
        secret=environment.get("BEDSIDE_OIDC_SECRET") or None,
        fetch=partial(fetch_document, clock=parts.clock, certificates=told.certificates),
    )
    keys = FetchedKeys(provider.key_set, "issuer", read=OidcKeys)
    keys.begin()
    tokens = IssuerTokens(told.issuer, signatures=keys, clock=parts.clock)
    host = None if told.base is None else urlsplit(told.base).hostname
    return AccessWiring(
        authenticators=(known, tokens),
        limits=limits,
        login=_login(parts, told, provider, keys),
        hosts=() if host is None else (host,),
    )


def _login(
    parts: CallerParts, told: AccessFile, provider: OidcProvider, keys: FetchedKeys
) -> Login | None:
    if told.issuer is None or told.issuer.client_id is None or told.base is None:
        return None
    return Login(
        told.issuer,
        provider=provider,
        signatures=keys,
        sessions=SqlSessions(open_database(parts.sessions), writing=writing, clock=parts.clock),
        base=told.base,
        seal=SealedState(bytes.fromhex(parts.tag("login"))),
        clock=parts.clock,
        record=lambda action, who: parts.record(action, {"who": who}),
        admit=parts.admit,
    )


class ClientDesk:
    """Lets clients in and out. The ledger tells of each change before it counts.

    Args:
        clients: Where they are kept.
        clock: Says what time it is.
        record: Writes to the ledger.
    """

    def __init__(
        self,
        clients: Clients,
        *,
        clock: Clock,
        record: Callable[[str, dict[str, object]], object],
    ) -> None:
        self._clients, self._clock, self._record = clients, clock, record

    def add(self, asked: Asked) -> tuple[Client, str | None]:
        """Let a client in; its token, which is shown this once, where it is known by one.

        Raises:
            Invalid: the name or a scope is none.
            Refused: a client of this name or certificate is there.
        """
        token, digest = (None, None) if asked.subject is not None else first_run_token()
        now = self._clock.now()
        client = Client(
            name=asked.name,
            scopes=asked.scopes,
            token_sha256=digest,
            subject=asked.subject,
            added=now,
            expires=None if asked.lasts is None else now + asked.lasts,
        )
        self._record("access.add", {"client": client.name, "scopes": sorted(client.scopes)})
        self._clients.add(client)
        return client, token

    def rotate(self, name: str) -> tuple[Client, str]:
        """Give a client another token, which is shown this once; the one before opens nothing more.

        Raises:
            NotFound: there is no such client.
            Refused: it is known by its certificate.
        """
        if self._good(name).subject is None:
            self._record("access.rotate", {"client": name})
        token, digest = first_run_token()
        return self._clients.renew(name, digest), token

    def revoke(self, name: str) -> Client:
        """Let a client in no more: running servers know it within a second.

        Raises:
            NotFound: there is no such client.
        """
        self._good(name)
        self._record("access.revoke", {"client": name})
        return self._clients.revoke(name, self._clock.now())

    def all(self) -> list[Client]:
        """Every client, oldest first; those that were revoked too."""
        return self._clients.all()

    def _good(self, name: str) -> Client:
        for one in self.all():
            if one.name == name and one.revoked is None:
                return one
        raise NotFound("There is no such client.", fix="see them all: bedside access list.")

"""CDS Hooks wired: who may call, which FHIR servers are asked, and what a card links to."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from bedside.core.clock import Clock
from bedside.core.errors import BedsideError, Invalid
from bedside.core.ports import Ledger
from bedside.core.ports.books import Predictions
from bedside.core.ports.cds_hooks import FindPrediction, KnownPrediction, ReplayStore, Signatures
from bedside.core.records.cds_client import CdsAccess, CdsClient
from bedside.data.adapters.fhir_server.prefetch import ListedServers, fetch_document
from bedside.infra.database.opening import open_database, writing
from bedside.interop.cds_hooks.clients import FILE, read_clients
from bedside.interop.sealed_answer import opened_answer
from bedside.serve.adapters.fetched_keys import FetchedKeys
from bedside.serve.adapters.jose_keys import JoseKeys
from bedside.serve.adapters.sql_replay import SqlReplay
from bedside.serve.auth import Authenticator
from bedside.serve.cds_hooks import CdsParts
from bedside.serve.cds_jwt import CdsClients
from bedside.serve.model_card import CardLinks

__all__ = ["CdsWiring", "cds_of", "finding"]

_LARGEST = 1 << 20  # bytes of a file of settings


@dataclass(frozen=True, slots=True, kw_only=True)
class CdsWiring:
    """What a server adds for CDS Hooks.

    `authenticators` know the clients, and whoever opens a link on a card; `hosts` is the name under
    which clients call.
    """

    parts: CdsParts
    authenticators: tuple[Authenticator, ...] = ()
    hosts: tuple[str, ...] = ()


def cds_of(
    folder: Path,
    *,
    clock: Clock,
    tag: Callable[[str], str],
    database: str | Path | None = None,
    find: FindPrediction | None = None,
) -> CdsWiring:
    """What `cds_clients.json` in the workspace says, wired; without it, nobody more gets in.

    Args:
        folder: Of the workspace.
        clock: Says what time it is.
        tag: A keyed digest of this workspace, in hexadecimal digits.
        database: The PostgreSQL of a team, where the servers share what tokens were used; or a file
            for them, where nothing is written to the folder.
        find: Finds a prediction by its id.

    Raises:
        Invalid: the file, or a key set that it names, is not as it must be.
    """
    path = folder / FILE
    access = read_clients(_content(path)) if path.is_file() else CdsAccess()
    source = None
    if access.fhir_servers:
        source = ListedServers(access.fhir_servers, clock=clock, certificates=access.certificates)
    links = None
    if access.base is not None:
        links = CardLinks(access.base, bytes.fromhex(tag("model-card")), clock)
    known: list[Authenticator] = [] if links is None else [links]
    if access.clients and access.base is not None:
        clients = CdsClients(
            access.clients,
            signatures={one.name: _keys(one, folder, access, clock) for one in access.clients},
            replay=_replay(folder, database, clock),
            base=access.base,
            clock=clock,
        )
        known.insert(0, clients)
    host = urlsplit(access.base).hostname if access.base is not None else None
    return CdsWiring(
        parts=CdsParts(source=source, find=find, links=links),
        authenticators=tuple(known),
        hosts=() if host is None else (host,),
    )


def finding(predictions: Predictions, ledger: Ledger) -> Callable[[str], KnownPrediction | None]:
    """Finds a prediction through the ledger's index, and whom it is about in its sealed part."""

    def find(prediction_id: str) -> KnownPrediction | None:
        try:
            found = predictions.get(prediction_id)
        except BedsideError:
            return None
        try:
            subject = opened_answer(ledger.unseal(found.sequence)).get("subject")
        except (BedsideError, ValueError):
            subject = None
        return KnownPrediction(
            model=found.model,
            version=found.version,
            subject=subject if isinstance(subject, int) else None,
            shown=found.shown,
        )

    return find


def _keys(client: CdsClient, folder: Path, access: CdsAccess, clock: Clock) -> Signatures:
    if client.jwks is not None:
        return JoseKeys(_content(folder / client.jwks))
    fetch = partial(fetch_document, client.jku or "", clock=clock, certificates=access.certificates)
    keys = FetchedKeys(fetch, client.name)
    keys.begin()
    return keys


def _replay(folder: Path, database: str | Path | None, clock: Clock) -> ReplayStore:
    where = database if database is not None else folder / "cds_replay.sqlite"
    return SqlReplay(open_database(where), writing=writing, clock=clock)


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes() if path.stat().st_size <= _LARGEST else b""
    except OSError:
        content = b""
    if not content:
        raise Invalid(
            f"The file '{path.name}' of the workspace cannot be read, or is too large.",
            fix="check its name in cds_clients.json and its permissions.",
            code="cds_clients",
        )
    return content

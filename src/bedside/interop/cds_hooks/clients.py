"""`cds_clients.json`, read and checked: who may call CDS Hooks services, and how it is known."""

import re

import msgspec

from bedside.core.errors import Invalid
from bedside.core.records.caller import Action
from bedside.core.records.cds_client import CdsAccess, CdsClient
from bedside.core.web_address import WebAddress
from bedside.interop.strict_json import decode

__all__ = ["FILE", "read_clients"]

FILE = "cds_clients.json"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_MODEL = re.compile(r"[a-z][a-z0-9_]{0,63}|\*")
_KEY_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}\.json")
_ACTIONS = ("describe", "infer", "feedback")


class _Client(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    issuer: str
    models: dict[str, tuple[str, ...]]
    jku: str | None = None
    jwks: str | None = None
    tenants: tuple[str, ...] = ()


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    public_base: str | None = None
    clients: tuple[_Client, ...] = ()
    fhir_servers: tuple[str, ...] = ()
    certificates: str | None = None


_DECODER = msgspec.json.Decoder(_File)


def read_clients(content: bytes) -> CdsAccess:
    """Read the file.

    `models` of a client names, by model (`*` for every one), what it may do there: `describe`,
    `infer`, `feedback`.

    Raises:
        Invalid: it is not JSON, has an unknown member, an address that may not be called, a scope
            that is none, no key or two for a client, or two clients of one name or issuer.
    """
    told = decode(_DECODER, content, FILE)
    base = None
    if told.public_base is not None:
        base = WebAddress.read(told.public_base, what="public_base").url.rstrip("/")
        if "?" in base:
            raise _wrong("public_base", "is not the beginning of an address", "leave out the ?")
    if told.clients and base is None:
        raise _wrong(
            "public_base", "is not given", "name the address under which clients call this server"
        )
    servers = tuple(
        WebAddress.read(one, what=f"fhir_servers[{index}]").url.rstrip("/")
        for index, one in enumerate(told.fhir_servers)
    )
    clients = tuple(_client(one, f"clients[{index}]") for index, one in enumerate(told.clients))
    for key in ("name", "issuer"):
        if len({getattr(one, key) for one in clients}) < len(clients):
            raise _wrong("clients", f"two have the same {key}", "give each its own")
    return CdsAccess(
        base=base, clients=clients, fhir_servers=servers, certificates=told.certificates
    )


def _client(told: _Client, where: str) -> CdsClient:
    if not _NAME.fullmatch(told.name):
        raise _wrong(f"{where}.name", "is not a name", "use small letters, digits, . _ and -")
    if not told.issuer:
        raise _wrong(f"{where}.issuer", "is empty", "give the iss of its tokens")
    if (told.jku is None) == (told.jwks is None):
        raise _wrong(where, "does not have one key set", "give jku: its address, or jwks: a file")
    if told.jku is not None:
        WebAddress.read(told.jku, what=f"{where}.jku")
    if told.jwks is not None and not _KEY_FILE.fullmatch(told.jwks):
        raise _wrong(
            f"{where}.jwks", "is not a file beside this one", "name it alone, ending in .json"
        )
    return CdsClient(
        name=told.name,
        issuer=told.issuer,
        scopes=frozenset(_scopes(told, where)),
        jku=told.jku,
        jwks=told.jwks,
        tenants=frozenset(told.tenants),
    )


def _scopes(told: _Client, where: str) -> list[str]:
    scopes = []
    for model, actions in told.models.items():
        if not _MODEL.fullmatch(model):
            raise _wrong(f"{where}.models", "names what is no model", "use its name, or *")
        for action in actions:
            if action not in _ACTIONS:
                raise _wrong(
                    f"{where}.models", "names what is no action", f"use: {', '.join(_ACTIONS)}"
                )
            scopes.append(f"{Action(action).value}/{model}")
    return scopes


def _wrong(where: str, problem: str, fix: str) -> Invalid:
    return Invalid(f"{FILE}: {where} {problem}.", fix=f"{fix}.", code="cds_clients")

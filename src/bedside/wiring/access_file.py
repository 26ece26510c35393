"""`access.json` of a workspace: its issuer, its names, and how often may be asked."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from bedside.core.errors import Invalid
from bedside.core.records.issuer import Issuer
from bedside.core.records.policy import Role
from bedside.core.web_address import WebAddress
from bedside.interop.strict_json import decode
from bedside.serve.rate_limits import Rate, Rates

__all__ = ["FILE", "AccessFile", "read_access"]

FILE = "access.json"
_LARGEST = 1 << 20  # bytes
Table = dict[str, tuple[str, ...]]


class _Issuer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    issuer: str
    audience: str
    client_id: str | None = None
    clients: tuple[str, ...] = ()
    roles: Table = {}
    roles_claim: str = "roles"
    scopes: Table = {}
    groups: Table = {}
    groups_claim: str = "groups"
    groups_scope: str = ""


class _Rate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    per_second: float
    burst: int


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    public_base: str | None = None
    issuer: _Issuer | None = None
    rates: dict[str, _Rate] = {}
    certificates: str | None = None


_DECODER = msgspec.json.Decoder(_File)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessFile:
    """What it says; `base` is the public address of this server, for signing in by a browser."""

    base: str | None = None
    issuer: Issuer | None = None
    rates: Rates = field(default_factory=Rates)
    certificates: str | None = None


def read_access(folder: Path) -> AccessFile:
    """Read it; without it, only what is in the database counts.

    Raises:
        Invalid: it is not as it must be, or lacks what signing in needs.
    """
    path = folder / FILE
    if not path.is_file():
        return AccessFile()
    content = path.read_bytes() if path.stat().st_size <= _LARGEST else b""
    told = decode(_DECODER, content, FILE)
    base = None
    if told.public_base is not None:
        base = WebAddress.read(told.public_base, what="public_base").url.rstrip("/")
    if told.issuer is not None:
        WebAddress.read(told.issuer.issuer, what="issuer.issuer")
        if told.issuer.client_id is not None and base is None:
            raise Invalid(
                "access.json lets people sign in and does not say under which address.",
                fix="give public_base, or leave out issuer.client_id.",
                code="access_file",
            )
    unknown = set(told.rates) - {"address", "failed", "caller"}
    if unknown:
        raise Invalid(
            "access.json limits something that is not known.",
            fix=f"limit address, failed or caller; not {json.dumps(sorted(unknown))}.",
            code="access_file",
        )
    rates = {
        name: Rate(per_second=one.per_second, burst=one.burst) for name, one in told.rates.items()
    }
    return AccessFile(
        base=base,
        issuer=None if told.issuer is None else _issuer(told.issuer),
        rates=Rates(**rates),
        certificates=told.certificates,
    )


def _issuer(told: _Issuer) -> Issuer:
    return Issuer(
        issuer=told.issuer,
        audience=told.audience,
        client_id=told.client_id,
        clients=frozenset(told.clients),
        roles={name: frozenset(scopes) for name, scopes in told.roles.items()},
        roles_claim=told.roles_claim,
        scopes={name: frozenset(scopes) for name, scopes in told.scopes.items()},
        groups={name: frozenset(map(_role, roles)) for name, roles in told.groups.items()},
        groups_claim=told.groups_claim,
        groups_scope=told.groups_scope,
    )


def _role(written: str) -> Role:
    try:
        return Role(written)
    except ValueError:
        raise Invalid(
            "access.json gives a group a role that is none.",
            fix=f"use one of: {', '.join(role.value for role in Role)}.",
            code="access_file",
        ) from None

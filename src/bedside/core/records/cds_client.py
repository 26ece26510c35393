"""The clients that may call CDS Hooks services here, and how each proves who it is."""

from dataclasses import dataclass, field

__all__ = ["CdsAccess", "CdsClient"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CdsClient:
    """An electronic health record, or another client, that signs its calls.

    Args:
        name: What the ledger calls it.
        issuer: The `iss` of its tokens.
        scopes: What it may do, such as `infer/sepsis`; see `Caller`.
        jku: The only address of its key set, if it publishes one.
        jwks: The file with its key set, if it does not.
        tenants: The only values of `tenant` that count; any, or none, where this is empty.

    Source: CDS Hooks 2.0, "Trusting CDS Clients".
    """

    name: str
    issuer: str
    scopes: frozenset[str]
    jku: str | None = None
    jwks: str | None = None
    tenants: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class CdsAccess:
    """Who may call, under which public address, and which FHIR servers may be asked.

    `base` is the public address of this server without a slash at its end; `fhir_servers` are the
    base addresses that a call may name as `fhirServer`.
    """

    base: str | None = None
    clients: tuple[CdsClient, ...] = ()
    fhir_servers: tuple[str, ...] = ()
    certificates: str | None = field(default=None)

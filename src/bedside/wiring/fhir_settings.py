"""The FHIR server that is watched and written to, as the environment tells: read here alone."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bedside.core.errors import Invalid
from bedside.core.records.fhir_export import FhirServerOptions
from bedside.core.web_address import WebAddress

__all__ = ["FHIR_VARIABLES", "FhirSettings", "fhir_settings", "read_key"]

FHIR_VARIABLES = {
    "BEDSIDE_FHIR_SERVER": "where the API of the FHIR server begins: https, or http on loopback",
    "BEDSIDE_FHIR_CLIENT_ID": "the name that the server has registered us under",
    "BEDSIDE_FHIR_KEY": "the file with our private key for it",
    "BEDSIDE_FHIR_KEY_ID": "the id under which our public key is registered, if not the usual one",
    "BEDSIDE_FHIR_TOKEN_URL": "where tokens are given, if the server does not tell",
    "BEDSIDE_FHIR_SCOPE": "the SMART scopes to ask for; what is read and written, if not set",
    "BEDSIDE_FHIR_CERTIFICATES": "a file of certificates to trust instead of the usual ones",
}
"""Every variable about the server that is watched and written to."""

_READ = ("Patient", "Encounter")
_WRITTEN = ("Observation", "RiskAssessment", "Device", "DocumentReference", "Provenance")
SCOPE = " ".join(
    [*(f"system/{kind}.rs" for kind in _READ), *(f"system/{kind}.crs" for kind in _WRITTEN)]
)
"""No more than is needed: conditional creates search for what is there. Source: SMART App Launch
2.2, "Scopes"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FhirSettings:
    """The server, and the private key that lets us in, where it asks for one."""

    options: FhirServerOptions
    private_key: bytes | None = None

    @property
    def server(self) -> str:
        """Its base address, as letters name it: without a slash at its end."""
        return self.options.base_url.rstrip("/")


def fhir_settings(
    server: str | None = None, environment: Mapping[str, str] = os.environ
) -> FhirSettings:
    """The settings of the one server.

    Args:
        server: Its address; it must be the configured one, where one is configured.
        environment: Where the variables stand.

    Raises:
        Invalid: no server is named, a variable is not as it must be, the address is no https URL,
            or a server on another machine would let anybody in.
    """
    told = {name: environment[name] for name in FHIR_VARIABLES if environment.get(name)}
    configured = told.get("BEDSIDE_FHIR_SERVER")
    if server is not None and configured is not None and _plain(server) != _plain(configured):
        raise Invalid(
            "That is not the FHIR server that is configured.",
            fix="leave --server out, or change BEDSIDE_FHIR_SERVER.",
            code="setting",
        )
    base = server or configured
    if base is None:
        raise Invalid(
            "No FHIR server is named.",
            fix="give --server URL, or set BEDSIDE_FHIR_SERVER.",
            code="setting",
        )
    WebAddress.read(base, what="The address of the FHIR server")
    client = told.get("BEDSIDE_FHIR_CLIENT_ID")
    options = FhirServerOptions(
        base_url=_plain(base),
        mode="search",
        client_id=client,
        key_id=told.get("BEDSIDE_FHIR_KEY_ID"),
        token_url=told.get("BEDSIDE_FHIR_TOKEN_URL"),
        scope=told.get("BEDSIDE_FHIR_SCOPE", SCOPE),
        certificates=told.get("BEDSIDE_FHIR_CERTIFICATES"),
        attempts=2,  # the outbox has the long patience
        pages=1000,
        request_seconds=30,
        file_seconds=120,
        wait_seconds=60,
    )
    return FhirSettings(options=options, private_key=read_key(told) if client else None)


def read_key(told: Mapping[str, str]) -> bytes:
    """Our private key, from the file that is named.

    Raises:
        Invalid: none is named, or it cannot be read.
    """
    try:
        return Path(told["BEDSIDE_FHIR_KEY"]).read_bytes()
    except (OSError, KeyError) as error:
        raise Invalid(
            f"The private key for the FHIR server cannot be read ({type(error).__name__}).",
            fix=f"set BEDSIDE_FHIR_KEY to {FHIR_VARIABLES['BEDSIDE_FHIR_KEY']}.",
            code="setting",
        ) from None


def _plain(address: str) -> str:
    return address.rstrip("/")

"""What is asked of a FHIR server, and what comes of it."""

import re
from dataclasses import dataclass
from typing import Literal

from bedside.core.clock import parse_instant
from bedside.core.errors import Invalid
from bedside.core.web_address import WebAddress

__all__ = ["LARGEST_PART", "FhirServerOptions", "ReceivedPart"]

LARGEST_PART = 64 * 1024 * 1024
"""Bytes that one part holds at most."""

_TYPE = re.compile(r"[A-Z][A-Za-z]{1,63}")
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
_FILTER = re.compile(r"([A-Z][A-Za-z]{1,63})\?[!-~]{1,2000}")
_HOST = re.compile(r"[a-z0-9.-]{1,253}(:[0-9]{1,5})?|\[[0-9a-f:.]{2,45}\](:[0-9]{1,5})?")
_SCOPE = re.compile(r"[!-~]+( [!-~]+)*")
_FORMAT = re.compile(r"[A-Za-z0-9.+-]+(/[A-Za-z0-9.+-]+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedPart:
    """Whole lines of NDJSON, as a server gave them.

    Args:
        name: Such as `Patient.003.000.ndjson`: the type, the file's place in the manifest (0 in a
            search) and the part's place in the file. The same file gives the same names again.
        content: The lines, at most 64 MiB.
        kind: `resources`; `errors`, lines of OperationOutcome that say what the server could not
            give; `deleted`, lines of Bundle whose DELETE requests name what is gone.
    """

    name: str
    content: bytes
    kind: Literal["resources", "errors", "deleted"]

    def __post_init__(self) -> None:
        if not 0 < len(self.content) <= LARGEST_PART:
            raise Invalid("A part is empty or larger than 64 MiB.", fix="split it at a line's end.")


@dataclass(frozen=True, slots=True, kw_only=True)
class FhirServerOptions:
    """A FHIR server as the hospital declares it, and what to ask of it.

    Args:
        base_url: Where the FHIR API begins: https, or http on this machine.
        mode: `export`: the server writes everything into files (Bulk Data); `search`: we page
            through its search.
        client_id: The name that the server has registered us under; None where it lets anybody in.
        token_url: Where tokens are given; None to ask the server for it.
        key_id: The `kid` under which our public key is registered; None for the one in the JWK,
            or else the key's RFC 7638 thumbprint.
        scope: What to ask for, in SMART v2 words.
        without_auth: Says that a server on another machine is meant to let anybody in.
        level: Whom an export covers: everybody and everything, all patients, or one group.
        group: The group's id, for `level="group"`.
        types: The resource types to ask for; all of them when empty. A search needs them.
        filters: Narrower questions, such as `Observation?category=laboratory`.
        since: Only what changed since then, in ISO 8601 with a zone.
        incremental: From the second export on, only what changed since the one before.
        output_format: The format to ask an export for; every server has NDJSON.
        page_size: Entries to ask for in a page of a search.
        part_bytes: The most bytes in a part.
        file_bytes: The most bytes in a file, after it is unpacked.
        total_bytes: The most bytes in all.
        pages: The most pages of one search.
        request_seconds: How long to wait for the next byte.
        file_seconds: How long a file may take.
        wait_seconds: How long to wait in all until an export is ready.
        attempts: How often to try before giving up.
        allowed_hosts: Other hosts that the server may send us to, as `host` or `host:port`. They
            are given our token where the server says that it is needed.
        certificates: A file of certificates to trust instead of the usual ones.

    Raises:
        Invalid: one of these is not so.
    """

    base_url: str
    mode: Literal["export", "search"] = "export"
    client_id: str | None = None
    token_url: str | None = None
    key_id: str | None = None
    scope: str = "system/*.rs"
    without_auth: bool = False
    level: Literal["system", "patient", "group"] = "system"
    group: str | None = None
    types: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    since: str | None = None
    incremental: bool = False
    output_format: str = "application/fhir+ndjson"
    page_size: int = 500
    part_bytes: int = LARGEST_PART
    file_bytes: int = 16 * 1024**3
    total_bytes: int = 1024**4
    pages: int = 100_000
    request_seconds: float = 60
    file_seconds: float = 4 * 3600
    wait_seconds: float = 24 * 3600
    attempts: int = 6
    allowed_hosts: tuple[str, ...] = ()
    certificates: str | None = None

    def __post_init__(self) -> None:
        base = WebAddress.read(self.base_url, what="The address of the FHIR server")
        if "?" in self.base_url:
            raise Invalid(
                "The address of the FHIR server holds a question mark.",
                fix="give the address where its API begins.",
                code="address_unfit",
            )
        if self.token_url is not None:
            WebAddress.read(self.token_url, what="The address for tokens")
        if self.client_id is None and not (base.is_loopback or self.without_auth):
            raise Invalid(
                "No client id is declared, so anybody could read this FHIR server.",
                fix="declare client_id and give its private key; or, if the server is meant to "
                "let anybody in, without_auth: true.",
                code="no_auth",
            )
        self._check_words()
        self._check_limits()

    def _check_words(self) -> None:
        _demand(self.client_id is None or bool(self.client_id), "client_id", "a name")
        _demand(_SCOPE.fullmatch(self.scope), "scope", "SMART scopes such as system/*.rs")
        _demand(self.level in {"system", "patient", "group"}, "level", "system, patient or group")
        _demand(
            (self.level == "group") == (self.group is not None), "group", "given for level: group"
        )
        _demand(self.group is None or _ID.fullmatch(self.group), "group", "the id of a FHIR Group")
        _demand(
            all(map(_TYPE.fullmatch, self.types)), "types", "resource types such as Observation"
        )
        found = [_FILTER.fullmatch(text) for text in self.filters]
        _demand(
            all(one and (not self.types or one[1] in self.types) for one in found),
            "filters",
            "queries such as Observation?category=laboratory, each of a type that is asked for",
        )
        _demand(not any("#" in text for text in self.filters), "filters", "without #")
        _demand(all(map(_HOST.fullmatch, self.allowed_hosts)), "allowed_hosts", "host or host:port")
        _demand(_FORMAT.fullmatch(self.output_format), "output_format", "a media type")
        if self.since is not None:
            parse_instant(self.since)

    def _check_limits(self) -> None:
        _demand(0 < self.part_bytes <= LARGEST_PART, "part_bytes", "1 to 67,108,864")
        for name in ("page_size", "file_bytes", "total_bytes", "pages", "attempts"):
            _demand(getattr(self, name) >= 1, name, "at least 1")
        for name in ("request_seconds", "file_seconds", "wait_seconds"):
            _demand(0 < getattr(self, name) < 1e9, name, "more than 0")


def _demand(so: object, name: str, what: str) -> None:
    if not so:
        raise Invalid(
            f"'{name}' of the FHIR server is not as it must be.", fix=f"it must be {what}."
        )

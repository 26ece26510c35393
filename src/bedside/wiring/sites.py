"""The keys of hubs and sites, and where a hub's packets are fetched from."""

import re
from collections.abc import Iterator
from functools import partial
from http import HTTPStatus
from pathlib import Path

from bedside.core.clock import Clock
from bedside.core.disk import disk_trouble
from bedside.core.errors import BedsideError, Invalid, NotFound, Refused, Unavailable
from bedside.core.ports import ByteSigner, ByteVerifier
from bedside.core.records.fhir_export import FhirServerOptions
from bedside.core.records.site import Trusted
from bedside.core.records.version import ModelVersion
from bedside.core.web_address import WebAddress
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.site_pulling import HubFiles, pull_new
from bedside.lifecycle.site_trust import mark_of, trusted, trusted_by_name
from bedside.lifecycle.sites import pull
from bedside.wiring.key_service import keys_of
from bedside.wiring.settings import settings_of

__all__ = [
    "files_of",
    "own_public_key",
    "public_key_in",
    "pull_file",
    "pull_hub",
    "site_signer",
    "verifier_of",
]

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,110}\.(?:packet|json)")
_SECONDS = 600.0  # for one file
_WAIT = 20.0  # for the next byte


def site_signer(platform: Platform) -> tuple[ByteSigner, str]:
    """This workspace's own key for packets, indices and reports, and its fingerprint."""
    from bedside.infra.keys.ed25519 import Ed25519Signer  # noqa: PLC0415
    from bedside.infra.keys.secrets import Secrets  # noqa: PLC0415

    keys = keys_of(settings_of(platform.folder), platform.clock)
    signer = Ed25519Signer(Secrets(platform.folder / "keys", keys).secret("site"))
    return signer, mark_of(signer.public_key_bytes)


def own_public_key(platform: Platform) -> tuple[bytes, str]:
    """The public half of that key as PEM, and its fingerprint."""
    from bedside.infra.keys.ed25519 import Ed25519Signer, public_pem  # noqa: PLC0415

    signer, mark = site_signer(platform)
    assert isinstance(signer, Ed25519Signer)  # noqa: S101 - made so above
    return public_pem(signer.public_key_bytes), mark


def public_key_in(file: Path) -> bytes:
    """The 32 bytes of the public key in a PEM file.

    Raises:
        Invalid: there is none in it.
        NotFound: there is no such file.
    """
    from bedside.infra.keys.ed25519 import Ed25519Verifier  # noqa: PLC0415

    try:
        with file.open("rb") as opened:
            content = opened.read(1 << 16)
    except FileNotFoundError:
        raise NotFound("There is no key at that path.", fix="give the file of the key.") from None
    except OSError as error:
        raise disk_trouble(error) from None
    return Ed25519Verifier.from_pem(content).public_key_bytes


def verifier_of(one: Trusted) -> ByteVerifier:
    """The key of a hub, or of a site, that is trusted."""
    from bedside.infra.keys.ed25519 import Ed25519Verifier  # noqa: PLC0415

    return Ed25519Verifier(bytes.fromhex(one.key))


def files_of(hub: Trusted, clock: Clock) -> HubFiles:
    """Where a hub's packets lie, as the operator said when the hub was trusted.

    Raises:
        Invalid: nothing was said.
    """
    if hub.url is None:
        raise Invalid(
            f"Where the packets of '{hub.name}' lie was not said.",
            fix="give a packet as a file, or trust the hub again with --url.",
            code="no_address",
        )
    return HttpsFiles(hub, clock) if "://" in hub.url else FolderFiles(Path(hub.url))


class FolderFiles:
    """The HubFiles port on a folder, such as a mounted disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def fetch(self, name: str, *, most: int) -> bytes:
        """The file; see the port."""
        try:
            with (self._folder / _plain(name)).open("rb") as opened:
                content = opened.read(most + 1)
        except FileNotFoundError:
            raise _not_there(name) from None
        except OSError as error:
            raise disk_trouble(error) from None
        if len(content) > most:
            raise _too_large(name)
        return content


class HttpsFiles:
    """The HubFiles port on a web server; asked by GET, at one address, and nothing is followed.

    The name is looked up once and the connection stays at that address, under the certificate of
    the name. Nothing of this site is sent but the name of the file that is asked for.
    """

    def __init__(self, hub: Trusted, clock: Clock) -> None:
        assert hub.url is not None  # noqa: S101 - asked only of a hub with an address
        self._hub, self._clock = hub, clock
        self._base = WebAddress.read(hub.url.rstrip("/"), what="The address of the hub")

    def fetch(self, name: str, *, most: int) -> bytes:
        """The file; see the port."""
        from bedside.data.adapters.fhir_server.pinned import PinnedTransport  # noqa: PLC0415
        from bedside.data.adapters.fhir_server.wire import Broken, Wire  # noqa: PLC0415

        options = FhirServerOptions(
            base_url=self._base.url,
            without_auth=True,
            attempts=1,
            request_seconds=_WAIT,
            file_seconds=_SECONDS,
            wait_seconds=_SECONDS,
            certificates=self._hub.certificates,
        )
        try:
            wire = Wire(options, clock=self._clock, transport=partial(PinnedTransport, self._base))
            try:
                address = wire.below_base(_plain(name))
                with wire.open("GET", address, accept="application/octet-stream") as response:
                    if response.status_code != HTTPStatus.OK:
                        raise self._status(name, response.status_code)
                    return b"".join(_bounded(wire.body(response), name, most))
            finally:
                wire.close()
        except Broken:
            raise self._unreachable() from None
        except BedsideError as error:
            raise self._in_our_words(error) from None

    def _status(self, name: str, status: int) -> BedsideError:
        if status == HTTPStatus.NOT_FOUND:
            return _not_there(name)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return self._unreachable()
        return Refused(
            f"The hub '{self._hub.name}' does not give {name} (HTTP {status}).",
            fix="ask whoever runs the hub's server to let this site read it.",
            code="hub_not_let_in",
        )

    def _unreachable(self) -> Unavailable:
        return Unavailable(
            f"The hub '{self._hub.name}' does not answer, or not to the end.",
            fix="try again later, or take the packet as a file: bedside site pull FILE.",
            code="hub_unreachable",
        )

    def _in_our_words(self, error: BedsideError) -> BedsideError:
        """What the connection says of a server, said of the hub."""
        if error.code == "server_unreachable":
            return self._unreachable()
        if error.code == "not_trusted":
            return Refused(
                f"The server of the hub '{self._hub.name}' shows a certificate that is not trusted "
                "here.",
                fix="if it has its own authority, trust the hub again with --certificates FILE.",
                code="not_trusted",
            )
        if error.code == "redirected":
            return Refused(
                f"The server of the hub '{self._hub.name}' sends us to another address.",
                fix="trust the hub again with that address, if it is right.",
                code="redirected",
            )
        return error


def _bounded(chunks: Iterator[bytes], name: str, most: int) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > most:
            raise _too_large(name)
        yield chunk


def _plain(name: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise Invalid("That is not the name of a packet.", fix="tell whoever runs the hub.")
    return name


def _not_there(name: str) -> NotFound:
    return NotFound(
        f"The hub has no file {name}.",
        fix="ask the hub to publish, and check the address that was given.",
        code="hub_file_missing",
    )


def _too_large(name: str) -> Refused:
    return Refused(
        f"The hub's file {name} is larger than it may be.",
        fix="tell whoever runs the hub.",
        code="file_too_large",
    )


def pull_hub(
    platform: Platform, name: str | None, version: str | None
) -> tuple[Trusted, tuple[ModelVersion, ...]]:
    """Take in what a trusted hub offers that is new; see `pull_new`."""
    hub = trusted_by_name(platform, "hub", name)
    files = files_of(hub, platform.clock)
    return hub, pull_new(platform, hub, verifier_of(hub), files, version=version).versions


def pull_file(platform: Platform, file: Path) -> tuple[Trusted, tuple[ModelVersion, ...]]:
    """Take in a packet from a file, by whichever trusted hub signed it; see `pull`."""
    hubs = trusted(platform, "hub") or [trusted_by_name(platform, "hub", None)]
    for hub in hubs[:-1]:
        try:
            return hub, (pull(platform, file, hub=verifier_of(hub), mark=hub.mark),)
        except Refused as refused:
            if refused.code != "bad_signature":
                raise
    return hubs[-1], (pull(platform, file, hub=verifier_of(hubs[-1]), mark=hubs[-1].mark),)

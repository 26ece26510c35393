"""The server process: uvicorn on loopback, and on any other address only where TLS protects it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from bedside.core.errors import Refused
from bedside.core.garbage import look_rarely
from bedside.core.loopback import is_this_machine
from bedside.serve.tls import BoundedHttp, tls_context

__all__ = ["Exposure", "check_address", "serve", "server_of"]

GRACE_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """What protects requests beyond loopback: TLS here, or a proxy that alone can reach us.

    A container's own loopback is reached by nobody, so there a server must bind every address; its
    operator then says that the only way in is a proxy that ends TLS. With `client_ca`, which must
    have signed the certificate of each client, nobody else even gets through the handshake.
    """

    certificate: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None
    behind_proxy: bool = False

    @property
    def is_protected(self) -> bool:
        """Whether nobody can read or change a request on its way."""
        return self.behind_proxy or (self.certificate is not None and self.key is not None)


def serve(
    app: Any, host: str = "127.0.0.1", port: int = 8080, *, exposure: Exposure | None = None
) -> None:
    """Serve until interrupted; requests under way are finished first.

    Raises:
        Refused: the host is not a loopback address and nothing protects it.
    """
    server_of(app, host, port, exposure=exposure).run()


def server_of(
    app: Any, host: str, port: int, *, exposure: Exposure | None = None
) -> uvicorn.Server:
    """The server, not yet running. Whatever is loaded by now is no longer garbage collected.

    Raises:
        Invalid: a certificate or a key cannot be used (code `tls`).
        Refused: the host is not a loopback address and nothing protects it (code `not_loopback`),
            or the application knows no caller at all (`no_authentication`).
    """
    exposure = exposure or Exposure()
    check_address(host, exposure)
    if not is_this_machine(host) and not getattr(app, "knows_callers", False):
        raise Refused(
            "Nothing is served beyond loopback without authentication.",
            fix="give the digest of a token, or another way to know who asks.",
            code="no_authentication",
        )
    tls = None
    if exposure.certificate is not None and exposure.key is not None:
        tls = tls_context(exposure.certificate, exposure.key, exposure.client_ca)
    look_rarely()
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="auto",
        http=BoundedHttp,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        ssl_context_factory=tls,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    return uvicorn.Server(config)


def check_address(host: str, exposure: Exposure) -> None:
    """Refuse an address beyond loopback where nothing protects requests on their way.

    Raises:
        Refused: it is one (code `not_loopback`).
    """
    if not is_this_machine(host) and not exposure.is_protected:
        raise Refused(
            "Models are served on a loopback address only.",
            fix="serve on 127.0.0.1 behind a TLS proxy, or give a certificate and its key.",
            code="not_loopback",
        )

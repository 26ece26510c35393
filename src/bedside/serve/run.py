"""The server process: uvicorn on loopback, and nothing on any other address."""

import gc
import ipaddress
from typing import Any

import uvicorn

from bedside.core.errors import Refused

__all__ = ["serve", "server_of"]

GRACE_SECONDS = 10


def serve(app: Any, host: str = "127.0.0.1", port: int = 8080) -> None:
    """Serve until interrupted; requests under way are finished first.

    Raises:
        Refused: the host is not a loopback address.
    """
    server_of(app, host, port).run()


def server_of(app: Any, host: str, port: int) -> uvicorn.Server:
    """The server, not yet running. Whatever is loaded by now is no longer garbage collected.

    Raises:
        Refused: the host is not a loopback address.
    """
    if not _is_loopback(host):
        raise Refused(
            "Models are served on a loopback address only.",
            fix="serve on 127.0.0.1 and put a TLS proxy with its own authentication before it.",
            code="not_loopback",
        )
    gc.collect()
    gc.freeze()
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="auto",
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    return uvicorn.Server(config)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

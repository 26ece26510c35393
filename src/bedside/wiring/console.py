"""The servers of the console, wired: one person, on loopback, until they end it."""

import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from bedside.core.errors import Unavailable
from bedside.lifecycle.deid_notes import labeller_of
from bedside.lifecycle.note_book import book_of
from bedside.lifecycle.note_labels import Labelling
from bedside.lifecycle.platform import Platform
from bedside.privacy.text.engine import NoteFinder

if TYPE_CHECKING:
    from bedside.console.guard import Guard

__all__ = ["labelling_of", "serve_alarms", "serve_labelling"]


def labelling_of(
    platform: Platform,
    data: str,
    *,
    labeller: str = "",
    blind: bool = False,
    decides: bool = False,
    readers: tuple[str, ...] = (),
) -> Labelling:
    """The work of the platform's actor on the newest sample of a data set.

    Args:
        platform: The workspace.
        data: The data set.
        labeller: The digest of the labeller that suggests, beside the rules.
        blind: Suggest nothing.
        decides: The person decides where two readers differ.
        readers: The two, where more have read all of it.

    Raises:
        NotFound, Refused: as `Labelling`.
        Unavailable: the extra `deid` is not installed.
    """
    finder = None
    if not blind and not decides:
        sample = book_of(platform).sample(data)
        weights = labeller_of(platform, labeller) if labeller else None
        finder = NoteFinder(sample.language, weights=weights)
    return Labelling(platform, data, finder=finder, decides=decides, names=readers)


def serve_labelling(labelling: Labelling, port: int, tell: Callable[[str], None]) -> None:
    """Serve until told to stop (Ctrl C); `tell` is given the address, which opens once.

    Raises:
        Unavailable: the port is taken.
    """
    from bedside.console.labelling import labelling_app  # noqa: PLC0415

    _serve(lambda bound: labelling_app(labelling, bound), port, tell)


def serve_alarms(platform: Platform, port: int, tell: Callable[[str], None]) -> None:
    """Serve models in use and their alarms until told to stop, in the name of the actor.

    Args:
        platform: The workspace.
        port: On loopback; 0: any that is free.
        tell: Is given the address, which opens once.

    Raises:
        Unavailable: the port is taken.
    """
    from bedside.console.alarms import alarms_app  # noqa: PLC0415

    _serve(lambda bound: alarms_app(platform, bound), port, tell)


def _serve(made: Callable[[int], "Guard"], port: int, tell: Callable[[str], None]) -> None:
    """Serve what is made for the port that was bound.

    Requests are not logged: an address is all that would be told, and nobody needs it.
    """
    import uvicorn  # noqa: PLC0415

    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    with _bound(port) as listening:
        app = made(listening.getsockname()[1])
        tell(app.address)
        config = uvicorn.Config(
            app,
            access_log=False,
            log_config=None,
            server_header=False,
            lifespan="off",
            ws="none",
        )
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listening])


def _bound(port: int) -> socket.socket:
    """A socket on loopback that nobody shares."""
    held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        held.bind(("127.0.0.1", port))
    except OSError:
        held.close()
        raise Unavailable(
            "The port cannot be listened on.",
            fix="give another --port, or none.",
            code="port_taken",
        ) from None
    return held

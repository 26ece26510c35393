"""The checkpoints of one workspace: their keys, their places, and the watch of a server."""

import logging
import threading
import time
from functools import partial

from bedside.core.errors import BedsideError
from bedside.governance.adapters.sql_links import SqlLinks
from bedside.infra.blobs.disk import DiskBlobs
from bedside.infra.database.opening import open_database
from bedside.infra.keys.ed25519 import Ed25519Signer
from bedside.infra.keys.note_keys import holds
from bedside.infra.keys.secrets import Secrets
from bedside.lifecycle.ledger_checkpoints import CHECKPOINTS, CheckpointBooks, checkpoint
from bedside.lifecycle.platform import Platform
from bedside.wiring.checkpoint_settings import checkpoint_settings
from bedside.wiring.key_service import keys_of
from bedside.wiring.settings import settings_of

__all__ = ["CheckpointWatch", "books_of"]

_LOG = logging.getLogger("bedside.ledger")
LOOK = 2.0  # seconds between two looks at how many entries there are


def books_of(platform: Platform) -> CheckpointBooks:
    """What checkpoints of this workspace are made with.

    Raises:
        Invalid: a setting is wrong.
    """
    settings = settings_of(platform.folder)
    told = checkpoint_settings(settings)
    secrets = Secrets(platform.folder / "keys", keys_of(settings, platform.clock))
    return CheckpointBooks(
        links=SqlLinks(open_database(settings.metadata)),
        kept=DiskBlobs(platform.folder / "checkpoints"),
        places=told.places,
        signer_of=partial(_signer, secrets),
        verify=holds,
        witnesses=told.witnesses,
        every=told.every,
        seconds=told.seconds,
    )


def _signer(secrets: Secrets, number: int) -> Ed25519Signer:
    """The key of a number, wrapped by the key `checkpoint` of the key service alone."""
    return Ed25519Signer(secrets.secret(f"checkpoint-{number}", key="checkpoint"))


class CheckpointWatch:
    """Makes checkpoints while a workspace is served: one thread beside the server processes.

    A checkpoint is due after so many entries, or so many seconds where anything is new. Nothing
    waits for it: it reads what was committed. What it cannot do is logged, written to the ledger
    once until it goes well again, and tried again; it never stops the server.

    Args:
        platform: The workspace.
        books: Its checkpoints.
    """

    def __init__(self, platform: Platform, books: CheckpointBooks | None = None) -> None:
        self._platform, self._books = platform, books or books_of(platform)
        self._size: int | None = None  # of the last checkpoint; found at the first look
        self._made = time.monotonic()
        self._told: str | None = None
        self._behind = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="checkpoints", daemon=True)

    def __enter__(self) -> "CheckpointWatch":
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Make a last one of what is new, and look no more."""
        self._ended.set()
        self._thread.join(timeout=30)

    def look(self, *, last: bool = False) -> bool:
        """Make a checkpoint if one is due; whether one was made or shipped."""
        if self._size is None:
            self._size = self._books.checkpointer.last().size
        new = self._books.links.last() - self._size
        waited = time.monotonic() - self._made
        late = waited >= self._books.seconds and (new > 0 or self._behind)
        if not (new >= self._books.every or late or (last and new > 0)):
            return False
        self._made = time.monotonic()
        done = checkpoint(self._platform, self._books)
        self._size = done.note.checkpoint.size if done.note is not None else 0
        problems = [one.problem for one in done.places if one.problem is not None]
        self._behind = bool(problems)
        self._tell(problems[0] if problems else None)
        return True

    def _watch(self) -> None:
        while not self._ended.wait(LOOK):
            self._try(last=False)
        self._try(last=True)

    def _try(self, *, last: bool) -> None:
        try:
            self.look(last=last)
        except Exception as error:  # the database may be away: the watch goes on
            self._tell(error.code if isinstance(error, BedsideError) else type(error).__name__)

    def _tell(self, code: str | None) -> None:
        """Log a failure, and write to the ledger what was not told before."""
        if code is not None:
            _LOG.error("a checkpoint was not made or not shipped: %s", code)
        if code == self._told:
            return
        try:
            if code is not None:
                self._platform.ledger.append(CHECKPOINTS, "checkpoint.failed", {"code": code})
            self._told = code
        except Exception as error:  # told at a later look, once the ledger takes it
            _LOG.error("a failure of a checkpoint is untold: %s", type(error).__name__)

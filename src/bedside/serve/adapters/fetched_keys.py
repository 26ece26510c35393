"""The key set that a client publishes: fetched beside the calls, never for an address in one."""

import logging
import threading
from collections.abc import Callable
from time import monotonic
from typing import cast

from bedside.core.errors import BedsideError
from bedside.core.ports.cds_hooks import Signatures
from bedside.serve.adapters.jose_keys import JoseKeys

__all__ = ["FetchedKeys"]

_LOG = logging.getLogger("bedside.serve")
_FRESH = 3600.0  # seconds after which a set is fetched again
_PAUSE = 60.0  # seconds between two fetches at least, whoever asks for an unknown key
_LONGEST_PAUSE = 900.0  # it doubles with each failure up to this


class FetchedKeys:
    """The Signatures port on the key set at the one address that is listed for a client.

    A call never waits for the network: it is judged by the keys that are known, and one by an
    unknown key starts a fetch for the next. Keys that could not be fetched again stay in use for
    a day.

    Args:
        fetch: Gives the set's bytes.
        name: Of the client, for the log.
        read: Makes keys of the bytes.
        now: Seconds that only grow.
    """

    _OLDEST = 24 * 3600.0

    def __init__(
        self,
        fetch: Callable[[], bytes],
        name: str,
        *,
        read: Callable[[bytes], Signatures] = JoseKeys,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._fetch, self._name, self._now = fetch, name, now
        self._read, self._keys, self._failures = read, cast(Signatures | None, None), 0
        self._fetched = self._tried = float("-inf")
        self._lock = threading.Lock()

    def is_signed(self, token: str) -> bool:
        """Whether a known key signed it."""
        now, keys = self._now(), self._keys
        if now - self._fetched > _FRESH:
            self._begin(now)
        if keys is None or now - self._fetched > self._OLDEST:
            return False
        if keys.is_signed(token):
            return True
        self._begin(now)
        return False

    def begin(self) -> None:
        """Fetch the set beside whatever goes on, if it was not tried a moment ago."""
        self._begin(self._now())

    def refresh(self) -> None:
        """Fetch the set now; what fails is logged, and the keys that are known stay."""
        try:
            self._keys = self._read(self._fetch())
            self._fetched, self._failures = self._now(), 0
        except BedsideError as error:
            self._failures += 1
            _LOG.error("the key set of the client %s: %s", self._name, error)

    def _begin(self, now: float) -> None:
        with self._lock:
            if now - self._tried < min(_LONGEST_PAUSE, _PAUSE * 2 ** max(0, self._failures - 1)):
                return
            self._tried = now
        threading.Thread(target=self.refresh, name="bedside-jwks", daemon=True).start()

"""The keys of single files, each wrapped and kept as a blob apart from the file that it opens."""

import json
import os
import re
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Any

from bedside.core.errors import Invalid, NotFound, Refused
from bedside.core.ids import canonical_json
from bedside.core.ports import Blobs, KeyService
from bedside.infra.keys.envelope import version_of, wrong_key

__all__ = ["BlobDataKeys"]

_FOLDER = "material/"
_ID = re.compile(r"[0-9a-f]{32}")
_LENGTH = 32  # bytes: AES-256
_MOST = 256  # data keys in memory at once


class BlobDataKeys:
    """The DataKeys port: a key service wraps, a store of blobs keeps.

    The last keys that were opened stay in memory, so that the columns of one file do not each cost
    a call to the key service. Nothing there grows old by time: `forget`, `rewrap` and `flush`
    empty it. Call `flush` after a key was destroyed.

    Args:
        blobs: Where the wrapped keys lie, as `material/ab/cdef…`.
        keys: What wraps them.
    """

    def __init__(self, blobs: Blobs, keys: KeyService) -> None:
        self._blobs, self._keys = blobs, keys
        self._open: OrderedDict[str, tuple[str, bytes]] = OrderedDict()
        self._flushed = 0  # how often; a key that was unwrapped before a flush is not kept after
        self._lock = Lock()

    def new(self, key: str, context: str) -> tuple[str, bytes]:
        """A fresh 32-byte data key, and the id under which it is now kept, wrapped by `key`.

        The id is 32 hexadecimal digits. The wrapped key is durable when this returns.

        Raises:
            Refused: the key was destroyed (code `key_destroyed`).
        """
        material, data_key = os.urandom(16).hex(), os.urandom(_LENGTH)
        self._keep(material, key, context, self._keys.wrap(data_key, key, context))
        return material, data_key

    def open(self, material: str, context: str) -> bytes:
        """The data key of an id.

        Raises:
            Invalid: it is not such an id.
            NotFound: nothing is kept under this id.
            Refused: its key was destroyed (code `key_destroyed`), or it was changed or belongs to
                another context (`wrong_key`).
        """
        name = _name(material)
        with self._lock:
            flushed, found = self._flushed, self._open.get(material)
            if found is not None and found[0] == context:
                self._open.move_to_end(material)
                return found[1]
        told = self._told(name)
        if told["context"] != context:
            raise wrong_key(told["key"])
        data_key = self._keys.unwrap(told["wrapped"], told["key"], context)
        with self._lock:
            if flushed == self._flushed:
                self._open[material] = (context, data_key)
                while len(self._open) > _MOST:
                    self._open.popitem(last=False)
        return data_key

    def forget(self, material: str) -> None:
        """Remove the wrapped key, so that what it opened can never be read again.

        Raises:
            Invalid: it is not such an id.
        """
        self._blobs.remove(_name(material))
        self.flush()

    def rewrap(self, key: str, advance: Callable[[int], None]) -> int:
        """Wrap every data key of `key` under its newest version; return how many there were.

        One that is wrapped so already is left alone, so it may be stopped anywhere and begun
        again. One whose version was destroyed is lost, and not counted. Nobody may `forget` at the
        same time: call it under the workspace's lock.

        Args:
            key: The key that was rotated.
            advance: Told of each data key that is done, by the number 1.
        """
        newest = max(
            (one.number for state in self._keys.describe() if state.name == key
             for one in state.versions),
            default=0,
        )  # fmt: skip
        done = 0
        for name in self._blobs.names(_FOLDER):
            if self._rewrapped(name, key, newest):
                done += 1
                advance(1)
        self.flush()
        return done

    def flush(self) -> None:
        """Forget every data key in memory; the next `open` asks the key service again."""
        with self._lock:
            self._flushed += 1
            self._open.clear()

    def _rewrapped(self, name: str, key: str, newest: int) -> bool:
        try:
            told = self._told(name)
            if told["key"] != key:
                return False
            if version_of(told["wrapped"]) != newest:
                wrapped = self._keys.rewrap(told["wrapped"], key, told["context"])
                self._blobs.put(name, canonical_json({**told, "wrapped": wrapped}))
        except NotFound:
            return False
        except Refused as refused:
            if refused.code == "key_destroyed":
                return False
            raise
        return True

    def _keep(self, material: str, key: str, context: str, wrapped: str) -> None:
        content = {"context": context, "key": key, "wrapped": wrapped}
        self._blobs.put(_name(material), canonical_json(content))

    def _told(self, name: str) -> dict[str, str]:
        content = self._blobs.get(name)
        try:
            told: Any = json.loads(content)
        except (ValueError, RecursionError):
            raise _damaged() from None
        names = {"context": str, "key": str, "wrapped": str}
        if not isinstance(told, dict) or {one: type(told[one]) for one in told} != names:
            raise _damaged()
        return told


def _name(material: str) -> str:
    if _ID.fullmatch(material) is None:
        raise Invalid("That is not the id of a data key.", fix="give 32 hexadecimal digits.")
    return f"{_FOLDER}{material[:2]}/{material[2:]}"


def _damaged() -> Refused:
    return Refused(
        "The wrapped key of a file is damaged.",
        fix="restore it from a backup.",
        code="wrong_key",
    )

"""Blobs in memory: for a run that shall leave nothing behind, and for tests."""

from collections.abc import Iterator
from threading import Lock

from bedside.infra.blobs.names import checked_name, checked_prefix, no_such_blob

__all__ = ["MemoryBlobs"]


class MemoryBlobs:
    """The Blobs port on a dictionary; it ends with the process.

    >>> blobs = MemoryBlobs()
    >>> blobs.put("objects/ab", b"sealed")
    >>> blobs.get("objects/ab"), list(blobs.names("objects/"))
    (b'sealed', ['objects/ab'])
    """

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}
        self._lock = Lock()

    def put(self, name: str, content: bytes | bytearray | memoryview) -> None:
        """Keep the bytes; replaces older ones.

        Raises:
            Invalid: the name is not one of ours.
        """
        with self._lock:
            self._kept[checked_name(name)] = bytes(content)

    def get(self, name: str) -> bytes:
        """The bytes again.

        Raises:
            Invalid: the name is not one of ours.
            NotFound: nothing has this name.
        """
        try:
            return self._kept[checked_name(name)]
        except KeyError:
            raise no_such_blob() from None

    def has(self, name: str) -> bool:
        """Whether something has this name.

        Raises:
            Invalid: the name is not one of ours.
        """
        return checked_name(name) in self._kept

    def remove(self, name: str) -> None:
        """Remove it; removing what is not there is no error.

        Raises:
            Invalid: the name is not one of ours.
        """
        with self._lock:
            self._kept.pop(checked_name(name), None)

    def names(self, prefix: str) -> Iterator[str]:
        """Every name that begins with `prefix`, in order.

        Raises:
            Invalid: no name begins so.
        """
        checked_prefix(prefix)
        with self._lock:
            found = sorted(name for name in self._kept if name.startswith(prefix))
        return iter(found)

"""A part of a store of blobs, as a store of its own: every name gets the same beginning."""

from collections.abc import Iterator

from bedside.core.ports import Blobs
from bedside.infra.blobs.names import checked_name

__all__ = ["BlobsBelow"]


class BlobsBelow:
    """The Blobs port on the names below a first segment of another store.

    Args:
        blobs: The whole store.
        first: The segment, e.g. `own`.
    """

    def __init__(self, blobs: Blobs, first: str) -> None:
        self._blobs, self._first = blobs, f"{checked_name(first)}/"

    def put(self, name: str, content: bytes | bytearray | memoryview) -> None:
        """Keep the bytes, whole or not at all."""
        self._blobs.put(self._first + checked_name(name), content)

    def get(self, name: str) -> bytes:
        """The bytes again."""
        return self._blobs.get(self._first + checked_name(name))

    def has(self, name: str) -> bool:
        """Whether something has this name."""
        return self._blobs.has(self._first + checked_name(name))

    def remove(self, name: str) -> None:
        """Remove it; removing what is not there is no error."""
        self._blobs.remove(self._first + checked_name(name))

    def names(self, prefix: str) -> Iterator[str]:
        """Every name that begins with `prefix`, in order."""
        for name in self._blobs.names(self._first + prefix):
            yield name.removeprefix(self._first)

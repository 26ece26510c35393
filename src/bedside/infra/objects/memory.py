"""Objects in memory: for a run that shall leave nothing behind, and for the contract suite."""

from bedside.core.ids import digest_bytes
from bedside.infra.objects.disk import checked_digest, no_such_object

__all__ = ["MemoryObjects"]


class MemoryObjects:
    """The ObjectStore port on a dictionary; it ends with the process.

    >>> objects = MemoryObjects()
    >>> objects.get(objects.put(b"a snapshot"))
    b'a snapshot'
    """

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def put(self, content: bytes) -> str:
        """Keep the bytes and return their SHA-256. Putting them twice is once."""
        digest = digest_bytes(content)
        self._kept.setdefault(digest, bytes(content))
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes again.

        Raises:
            Invalid: it is not a SHA-256 digest.
            NotFound: nothing has this digest.
        """
        try:
            return self._kept[checked_digest(digest)]
        except KeyError:
            raise no_such_object(digest) from None

    def has(self, digest: str) -> bool:
        """Whether something is kept under this digest.

        Raises:
            Invalid: it is not a SHA-256 digest.
        """
        return checked_digest(digest) in self._kept

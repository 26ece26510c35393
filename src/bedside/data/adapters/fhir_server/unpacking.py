"""Takes the gzip off what a server sends, and tells a whole answer from a cut one."""

import zlib
from collections.abc import Iterable, Iterator

__all__ = ["Cut", "unpacked"]

_MAGIC = b"\x1f\x8b"
_STEP = 1024 * 1024  # bytes unpacked at a time, however well they were packed


class Cut(Exception):
    """The packed bytes end early, or are damaged."""


def unpacked(chunks: Iterable[bytes], *, declared: bool) -> Iterator[bytes]:
    """What was packed, in chunks of at most 1 MiB; plain bytes go through as they are.

    Args:
        chunks: The body as it came.
        declared: Whether the server says that it is gzip. A body that begins like gzip is taken
            for it anyway: no JSON begins so, and servers hand out `.gz` files without saying.

    Raises:
        Cut: it is gzip and not whole.

    >>> import gzip
    >>> b"".join(unpacked([gzip.compress(b"one"), gzip.compress(b"two")], declared=True))
    b'onetwo'
    """
    source = iter(chunks)
    head = b""
    for chunk in source:
        head += chunk
        if len(head) >= len(_MAGIC):
            break
    if not head:
        return
    if not declared and not head.startswith(_MAGIC):
        yield head
        yield from source
        return
    yield from _inflated(head, source)


def _inflated(head: bytes, source: Iterator[bytes]) -> Iterator[bytes]:
    member = zlib.decompressobj(wbits=31)
    waiting = head
    while True:
        while waiting:
            if member.eof:  # members may follow one another, and zeros may pad the end
                waiting = waiting.lstrip(b"\x00")
                if waiting:
                    member = zlib.decompressobj(wbits=31)
                continue
            try:
                plain = member.decompress(waiting, _STEP)
            except zlib.error:
                raise Cut from None
            if plain:
                yield plain
            waiting = member.unused_data if member.eof else member.unconsumed_tail
        following = next(source, None)
        if following is None:
            break
        waiting = following
    while not member.eof:  # all input is taken; what is still inside comes out, then the end
        plain = member.decompress(b"", _STEP)
        if not plain:
            raise Cut
        yield plain

"""Where the messages of a file lie: one or several, in a batch or in MLLP frames."""

import re
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Piece", "messages_in"]

_LINE_END = re.compile(rb"[\r\n]")
_INDENT = re.compile(rb"[\r\n\x1c\x0b][ \t]{0,8}(?:\xef\xbb\xbf)?\Z")
_FRAME = re.compile(rb"(?:(?<=[\r\n\x1c])|\A)\x0b|\x1c(?=[\r\n]|\Z)")
_MARK = re.compile(rb"[!-/:-@\[-`{-~]")
_AROUND = b"\r\n\x0b\x1c\t \xef\xbb\xbf"
_BATCH = (b"FHS", b"BHS", b"BTS", b"FTS")


class Piece(NamedTuple):
    """A run of bytes that is one message, or that is none and should be."""

    offset: int
    length: int


def messages_in(content: bytes) -> Iterator[Piece]:
    r"""Every message of a file, in its order, without what stands between them.

    A message begins where a line begins with `MSH`, and ends before the next one, before a line of
    a batch (FHS, BHS, BTS, FTS), or with its MLLP frame. Bytes outside any message are pieces as
    well, so that nothing is lost unseen.

    >>> [piece.offset for piece in messages_in(b"BHS|^~\\&|\rMSH|^~\\&|A\rPID|1\rMSH|^~\\&|B\r")]
    [10, 27]
    """
    place = 0
    if b"\x0b" in content:
        for edge in _FRAME.finditer(content):
            yield from _unframed(content, place, edge.start())
            place = edge.end()
    yield from _unframed(content, place, len(content))


def _begins(content: bytes, name: bytes, first: int, end: int) -> Iterator[int]:
    """Where a line begins with this segment."""
    place = content.find(name, first, end)
    while place >= 0:
        before = content[max(first, place - 12) : place]
        if place - first < 12:
            before = b"\n" + before
        if _INDENT.search(before) and _MARK.match(content, place + 3, end):
            yield place
        place = content.find(name, place + 3, end)


def _unframed(content: bytes, first: int, end: int) -> Iterator[Piece]:
    begins = [(place, False) for place in _begins(content, b"MSH", first, end)]
    for name in _BATCH:
        begins += [(place, True) for place in _begins(content, name, first, end)]
    begins.sort()
    begin = first
    for place, is_batch in begins:
        yield from _trimmed(content, begin, place)
        begin = place
        if is_batch:  # its own line is no message, but what follows it could be one
            line = _LINE_END.search(content, place, end)
            begin = line.start() if line else end
    yield from _trimmed(content, begin, end)


def _trimmed(content: bytes, begin: int, end: int) -> Iterator[Piece]:
    while begin < end and content[begin] in _AROUND:
        begin += 1
    while begin < end and content[end - 1] in b"\r\n\x0b\x1c":
        end -= 1
        if content[end - 3 : end] == b"\xef\xbb\xbf":  # of the next message
            end -= 3
    if begin < end:
        yield Piece(begin, end - begin)

r"""MLLP frames (HL7 transport specification, MLLP release 1): `<VT>` message `<FS><CR>`."""

__all__ = ["Frames", "framed"]

BEGIN, END = b"\x0b", b"\x1c\r"


def framed(message: bytes) -> bytes:
    r"""A message in its frame.

    >>> framed(b"MSH|")
    b'\x0bMSH|\x1c\r'
    """
    return BEGIN + message + END


class Frames:
    """Takes the bytes of a stream as they come, and gives its messages back.

    What stands between two frames is noise and passed over, but counted.

    Args:
        largest: How many bytes a message may have. One that is longer ends the stream: `is_over`
            is set, and nothing more is read.
    """

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._buffer = bytearray()
        self._searched = 0
        self.noise = 0
        self.is_over = False

    @property
    def unfinished(self) -> bool:
        """Whether a frame has begun that has not ended."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        r"""The messages that these bytes complete.

        >>> frames = Frames(100)
        >>> frames.feed(b"\x0bMSH|a\x1c"), frames.feed(b"\r\x0bMSH|b\x1c\r")
        ([], [b'MSH|a', b'MSH|b'])
        """
        buffer, found = self._buffer, list[bytes]()
        if self.is_over:
            return found
        buffer += data
        place = 0
        while True:
            if not buffer.startswith(BEGIN, place):
                begin = buffer.find(BEGIN, place)
                end = len(buffer) if begin < 0 else begin
                self.noise += end - place - buffer.count(b"\r", place, end)
                place, self._searched = end, end
                if begin < 0:
                    break
            end = buffer.find(END, max(place, self._searched - 1))
            if end < 0:
                self._searched = len(buffer)
                break
            if end - place - 1 > self._largest:
                self.is_over = True
                break
            found.append(bytes(buffer[place + 1 : end]))
            place = self._searched = end + len(END)
        del buffer[:place]
        self._searched -= place
        self.is_over = self.is_over or len(buffer) - 1 - len(END) > self._largest
        if self.is_over:
            buffer.clear()
        return found

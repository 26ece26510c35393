r"""MLLP frames (HL7 transport specification, MLLP release 1): `<VT>` message `<FS><CR>`."""

from bedside.core.errors import Invalid

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
        largest: How many bytes a message may have.
    """

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._buffer = bytearray()
        self._searched = 0
        self.noise = 0

    @property
    def unfinished(self) -> bool:
        """Whether a frame has begun that has not ended."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        r"""The messages that these bytes complete.

        Raises:
            Invalid: a message is longer than is allowed (code `mllp_too_large`).

        >>> frames = Frames(100)
        >>> frames.feed(b"\x0bMSH|a\x1c"), frames.feed(b"\r\x0bMSH|b\x1c\r")
        ([], [b'MSH|a', b'MSH|b'])
        """
        buffer = self._buffer
        buffer += data
        found: list[bytes] = []
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
            self._check(end - place - 1)
            found.append(bytes(buffer[place + 1 : end]))
            place = self._searched = end + len(END)
        del buffer[:place]
        self._searched -= place
        self._check(len(buffer) - 1 - len(END))
        return found

    def _check(self, length: int) -> None:
        if length > self._largest:
            raise Invalid(
                f"A message has more than {self._largest} bytes.",
                fix="raise the listener's largest_message, or send documents apart.",
                code="mllp_too_large",
            )

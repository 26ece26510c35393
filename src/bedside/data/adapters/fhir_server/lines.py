"""Cuts a stream of NDJSON into parts at the ends of its lines."""

import re
from collections.abc import Iterable, Iterator

from bedside.core.errors import Invalid, Refused

__all__ = ["Lines"]

_OBJECT = re.compile(rb"\n[ \t\r]*\{")


class Lines:
    """Collects bytes and gives them out in whole lines, at most `largest` bytes at a time.

    What is given out, put together, is what was taken in, byte for byte.

    Args:
        largest: Bytes in a part.
        whose: Begins the sentence of an error.
    """

    def __init__(self, largest: int, whose: str) -> None:
        self._largest, self._whose = largest, whose
        self._held = bytearray()
        self._begun = False
        self.count = 0  # objects given out
        self.total = 0  # bytes taken in

    def parts(self, chunks: Iterable[bytes], *, most: int) -> Iterator[bytes]:
        """Every part but the last, as the chunks come.

        Raises:
            Refused: there are more than `most` bytes (code `file_too_large`), or a line is longer
                than a part (`record_too_long`).
            Invalid: the first line is no JSON object (`not_ndjson`).
        """
        for chunk in chunks:
            self.total += len(chunk)
            if self.total > most:
                raise Refused(
                    f"{self._whose} is larger than {most:,} bytes.",
                    fix="ask for less, or raise file_bytes or total_bytes in the declaration.",
                    code="file_too_large",
                )
            self._held += chunk
            self._check_beginning()
            while len(self._held) > self._largest:
                yield self._taken(self._held.rfind(b"\n", 0, self._largest) + 1)

    def last(self) -> bytes | None:
        """What is left once all has come: the last part, or None when nothing is left.

        Raises:
            ValueError: the last line is cut: it neither ends nor closes its object.
        """
        if not self._held:
            return None
        if not self._held.endswith(b"\n") and not self._held.rstrip().endswith(b"}"):
            raise ValueError
        return self._taken(len(self._held))

    def _taken(self, end: int) -> bytes:
        if end == 0:
            raise Refused(
                f"{self._whose} has a line of more than {self._largest:,} bytes.",
                fix="raise part_bytes, or ask for other types.",
                code="record_too_long",
            )
        part = bytes(memoryview(self._held)[:end])
        del self._held[:end]
        self.count += _objects(part)
        return part

    def _check_beginning(self) -> None:
        if self._begun:
            return
        seen = bytes(self._held[:64]).lstrip()
        if not seen and len(self._held) < 64:
            return
        self._begun = True
        if not seen.startswith(b"{"):
            raise Invalid(
                f"{self._whose} is not NDJSON: it does not begin with an object.",
                fix="declare output_format: application/fhir+ndjson, or ask whoever runs the "
                "server.",
                code="not_ndjson",
            )


def _objects(part: bytes) -> int:
    """How many lines begin an object; a part always begins a line."""
    return part.lstrip(b" \t\r").startswith(b"{") + sum(1 for _ in _OBJECT.finditer(part))

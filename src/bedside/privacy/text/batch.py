"""Many notes as one run of bytes, so that a pass goes over all of them at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Batch", "batches_of"]

_BETWEEN = "\n\x00\n"
_SIZE = 1_000_000  # characters


@dataclass(frozen=True, slots=True)
class Batch:
    """Notes joined by a sign that no pattern crosses.

    Args:
        first: The place of the first note among all that were given.
        notes: The notes.
        starts: Where each begins in `text`, in characters, and where the last one ends; (n + 1,).
        text: All of them.
        data: `text` as UTF-8; a lone surrogate is three bytes.
        characters: For each byte, of which character it is; None where all are ASCII.
    """

    first: int
    notes: Sequence[str]
    starts: npt.NDArray[np.int64]
    text: str
    data: bytes
    characters: npt.NDArray[np.int64] | None

    def place(self, start: int, end: int) -> tuple[int, int, int] | None:
        """Bytes of the batch as (note, start, end), in characters; None if they cross notes."""
        if self.characters is not None:
            start, end = int(self.characters[start]), int(self.characters[end])
        return self.place_of_characters(start, end)

    def place_of_characters(self, start: int, end: int) -> tuple[int, int, int] | None:
        """Characters of the batch as (note, start, end); None if they cross notes."""
        note = int(np.searchsorted(self.starts, start, side="right")) - 1
        begin = int(self.starts[note])
        if start >= end or end - begin > len(self.notes[note]):
            return None
        return self.first + note, start - begin, end - begin


def batches_of(notes: Sequence[str]) -> Iterator[Batch]:
    """The notes in runs of about a million characters."""
    start = 0
    while start < len(notes):
        end, size = start, 0
        while end < len(notes) and (size < _SIZE or end == start):
            size += len(notes[end])
            end += 1
        yield _joined(start, notes[start:end])
        start = end


def _joined(first: int, notes: Sequence[str]) -> Batch:
    lengths = np.array([len(note) + len(_BETWEEN) for note in notes], dtype=np.int64)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    text = _BETWEEN.join(notes) + _BETWEEN
    data = text.encode("utf-8", errors="surrogatepass")
    characters = None
    if len(data) != len(text):
        begins = (np.frombuffer(data, dtype=np.uint8) & 0xC0) != 0x80
        characters = np.append(np.cumsum(begins) - 1, len(text))
    return Batch(first, notes, starts, text, data, characters)

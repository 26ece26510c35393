"""Text in a picture, found by Tesseract: a finder, whose misses nobody can exclude."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bedside.core.errors import Unavailable

__all__ = ["Box", "TesseractFinder", "TextFinder"]

Grey = NDArray[np.uint8]
_COMMAND = ("stdin", "stdout", "--psm", "11", "-l", "eng", "tsv")
_WORD = 5  # the level of a word in Tesseract's table
_WINDOW = 41  # pixels: somewhat higher than a line of writing, magnified
_CONTRAST = 40  # of 255
_TALLEST = 6  # writing higher than this part of a picture is none
_LARGEST_SIDE = 3200  # pixels; a larger picture is not magnified


@dataclass(frozen=True, slots=True, order=True)
class Box:
    """A rectangle of pixels: rows `top` up to, not including, `bottom`; columns likewise."""

    top: int
    left: int
    bottom: int
    right: int

    def padded(self, rows: int, columns: int) -> "Box":
        """With a margin of a third of its shorter side, within the picture."""
        margin = max(2, min(self.bottom - self.top, self.right - self.left) // 3)
        return Box(
            max(0, self.top - margin),
            max(0, self.left - margin),
            min(rows, self.bottom + margin),
            min(columns, self.right + margin),
        )


class TextFinder(Protocol):
    """Finds text in a picture."""

    def find(self, picture: Grey, *, eager: bool = False) -> list[Box]:
        """Boxes around lines of text. `picture` has shape (rows, columns).

        `eager` takes what is only likely for text: for pictures that are known to hold some.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TesseractFinder:
    """Looks at a picture as it is, magnified, inverted, and turned to both sides.

    Args:
        binary: The program's full path, as `installed` finds it.
        timeout: Seconds for one look.
        confidence: From which confidence (0 to 100) a word of three signs counts; two digits,
            and whatever stands upright, need 20 more.
    """

    binary: str
    timeout: float = 60.0
    confidence: float = 60.0

    @classmethod
    def installed(cls) -> "TesseractFinder":
        """The finder of this machine.

        Raises:
            Unavailable: Tesseract is not installed (code `no_tesseract`).
        """
        binary = shutil.which("tesseract")
        if binary is None:
            raise Unavailable(
                "Text in pixels cannot be looked for: Tesseract is not installed.",
                fix="apt-get install tesseract-ocr.",
                code="no_tesseract",
            )
        return cls(binary=binary)

    def find(self, picture: Grey, *, eager: bool = False) -> list[Box]:
        """Boxes around lines of text, none of them higher than a sixth of the picture.

        Args:
            picture: Shape (rows, columns).
            eager: Take two signs, and words of half the confidence.

        Raises:
            Unavailable: a look took too long or failed (code `tesseract_failed`).
        """
        rows, columns = picture.shape
        found: set[Box] = set()
        for look, scale in _looks(picture):
            found |= {
                Box(b.top // scale, b.left // scale, -(-b.bottom // scale), -(-b.right // scale))
                for b in self._read(look, eager=eager)
            }
        for look in (picture, _standing_out(picture, 1)):
            for box in self._read(np.ascontiguousarray(np.rot90(look)), stricter=20):
                found.add(Box(box.left, columns - box.bottom, box.right, columns - box.top))
            for box in self._read(np.ascontiguousarray(np.rot90(look, 3)), stricter=20):
                found.add(Box(rows - box.right, box.top, rows - box.left, box.bottom))
        tallest = min(rows, columns) / _TALLEST
        likely = (b for b in found if min(b.bottom - b.top, b.right - b.left) <= tallest)
        return sorted(box.padded(rows, columns) for box in likely)

    def words(self, picture: Grey) -> str:
        """All that is read in any look, sure of it or not: to judge what is left.

        Raises:
            Unavailable: as `find`.
        """
        tables = [self._table(look) for look, _ in _looks(picture)]
        rows = [line.split("\t") for table in tables for line in table.splitlines()]
        return "\n".join(row[-1] for row in rows if row[0] == str(_WORD))

    def _read(self, picture: Grey, stricter: float = 0.0, eager: bool = False) -> list[Box]:
        confidence = self.confidence / 2 if eager else self.confidence + stricter
        return list(_lines(self._table(picture), confidence, least=2 if eager else 3))

    def _table(self, picture: Grey) -> str:
        rows, columns = picture.shape
        head = f"P5\n{columns} {rows}\n255\n".encode()
        try:
            done = subprocess.run(  # noqa: S603 - fixed arguments, no shell, the picture by stdin
                [self.binary, *_COMMAND],
                input=head + picture.tobytes(),
                capture_output=True,
                timeout=self.timeout,
                check=True,
                env={"OMP_THREAD_LIMIT": "1", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            )
        except (subprocess.SubprocessError, OSError):
            raise Unavailable(
                "Looking for text in a picture failed or took too long.",
                fix="keep the file back, or look at it with your own eyes.",
                code="tesseract_failed",
            ) from None
        return done.stdout.decode(errors="replace")


def _looks(picture: Grey) -> Iterator[tuple[Grey, int]]:
    """The picture as it is and, unless it is large, twice as large.

    Then what is brighter than its surroundings, as black on white, and what is darker: writing on
    a grey bar, or inverted.
    """
    yield picture, 1
    scale = 2 if max(picture.shape) * 2 <= _LARGEST_SIDE else 1
    larger = _magnified(picture) if scale == 2 else picture
    if scale == 2:
        yield larger, 2
    for sign in (1, -1):
        yield _standing_out(larger, sign), scale


def _standing_out(picture: Grey, sign: int) -> Grey:
    """Black on white: what is brighter (`sign` 1) or darker (-1) than its surroundings."""
    values = picture.astype(np.int16)
    stands_out = (values - _local_mean(values, _WINDOW)) * sign > _CONTRAST
    black: Grey = np.where(stands_out, 0, 255).astype(np.uint8)
    return black


def _local_mean(values: NDArray[np.int16], window: int) -> NDArray[np.int16]:
    """The mean of a square of `window` pixels around each pixel, from running sums."""
    half = window // 2
    padded = np.pad(values.astype(np.int64), ((half + 1, half), (half + 1, half)), mode="edge")
    sums = padded.cumsum(axis=0).cumsum(axis=1)
    total = sums[window:, window:] - sums[:-window, window:]
    total = total - sums[window:, :-window] + sums[:-window, :-window]
    mean: NDArray[np.int16] = (total // (window * window)).astype(np.int16)
    return mean


def _magnified(picture: Grey) -> Grey:
    """Twice as large, with the pixels between as the mean of their neighbours."""
    wide = np.repeat(picture, 2, axis=1).astype(np.uint16)
    wide[:, 1:-1:2] = (wide[:, 0:-2:2] + wide[:, 2::2]) // 2
    tall = np.repeat(wide, 2, axis=0)
    tall[1:-1:2] = (tall[0:-2:2] + tall[2::2]) // 2
    return tall.astype(np.uint8)


def _lines(table: str, confidence: float, least: int) -> Iterator[Box]:
    """Around each line in which at least one word is sure enough, its words of that height."""
    words: dict[tuple[str, ...], list[Mapping[str, str]]] = {}
    rows = [line.split("\t") for line in table.splitlines()]
    for row in rows[1:]:
        word = dict(zip(rows[0], row, strict=False))
        if word.get("level") == str(_WORD) and word.get("text", "").strip():
            key = (word["block_num"], word["par_num"], word["line_num"])
            words.setdefault(key, []).append(word)
    for line in words.values():
        sure = [w for w in line if _is_sure(w, confidence, least)]
        if sure:
            tallest = 2 * max(int(w["height"]) for w in sure)
            yield _around([w for w in line if int(w["height"]) <= tallest])


def _around(words: list[Mapping[str, str]]) -> Box:
    return Box(
        min(int(w["top"]) for w in words),
        min(int(w["left"]) for w in words),
        max(int(w["top"]) + int(w["height"]) for w in words),
        max(int(w["left"]) + int(w["width"]) for w in words),
    )


def _is_sure(word: Mapping[str, str], confidence: float, least: int) -> bool:
    """Three signs, or as few as `least`; two digits with more confidence. Less is noise."""
    signs = sum(c.isalnum() for c in word["text"])
    digits = sum(c.isdigit() for c in word["text"])
    told = float(word["conf"])
    return (signs >= least and told >= confidence) or (digits >= 2 and told >= confidence + 20)

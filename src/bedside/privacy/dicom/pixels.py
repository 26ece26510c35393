"""The picture of one file: what is written in it is blanked, or the file is kept back."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydicom import Dataset

from bedside.core.errors import Invalid
from bedside.privacy.dicom.frames import blank, decoded, mask_unused_bits, pictures
from bedside.privacy.dicom.regions import SiteRegions
from bedside.privacy.dicom.text_finder import Box, TextFinder

__all__ = ["PixelResult", "clean_pixels", "has_pixels"]

_ROUNDS = 3
_KINDS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelResult:
    """What was done to a picture.

    Args:
        boxes: How many boxes were blanked.
        known_device: Whether the site's file knows where the device writes.
    """

    boxes: int
    known_device: bool


def has_pixels(dataset: Dataset) -> bool:
    """Whether a data set holds a picture."""
    return any(keyword in dataset for keyword in _KINDS)


def clean_pixels(
    dataset: Dataset, finder: TextFinder, regions: SiteRegions, *, max_bytes: int
) -> PixelResult:
    """Blank the known regions of the device, then all text that is found, until none is.

    A picture in which some was found is looked at once more, for what is
    likely text too: of the same height, beside it.
    The pixels are written uncompressed. Bits above those that a pixel uses are cleared.

    Raises:
        Invalid: the pixels cannot be decoded or blanked, or text is still found after three
            rounds (code `text_stays`).
        Unavailable: text could not be looked for.
    """
    decoded(dataset, max_bytes=max_bytes)
    if "PixelData" in dataset:
        mask_unused_bits(dataset)
    known = regions.of(dataset)
    blank(dataset, known or ())
    count = len(known or ())
    for turn in range(_ROUNDS):
        found = _all_text(dataset, finder)
        if not found:
            return PixelResult(boxes=count, known_device=known is not None)
        blank(dataset, found)
        count += len(found)
        if turn == 0:
            likely = _beside(found, _all_text(dataset, finder, eager=True))
            blank(dataset, likely)
            count += len(likely)
    if _all_text(dataset, finder):
        raise Invalid(
            "Text is still found in the picture after three rounds of blanking.",
            fix="look at it, and add what is to be blanked to the file of known regions.",
            code="text_stays",
        )
    return PixelResult(boxes=count, known_device=known is not None)


def _all_text(dataset: Dataset, finder: TextFinder, *, eager: bool = False) -> Sequence[Box]:
    found: set[Box] = set()
    for picture in pictures(dataset):
        found |= set(finder.find(picture, eager=eager))
    return sorted(found)


def _beside(sure: Sequence[Box], likely: Sequence[Box]) -> list[Box]:
    """Of what is only likely text, what stands on a line with text and is about as high."""
    return [box for box in likely if any(_on_one_line(box, line) for line in sure)]


def _on_one_line(box: Box, line: Box) -> bool:
    height, other = box.bottom - box.top, line.bottom - line.top
    shared = min(box.bottom, line.bottom) - max(box.top, line.top)
    return other / 2 <= height <= other * 2 and shared * 2 >= min(height, other)

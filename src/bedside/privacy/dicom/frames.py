"""The pixels of one image: decoded within bounds, looked at as grey pictures, blanked in place."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.pixels.processing import apply_color_lut

from bedside.core.errors import Invalid
from bedside.privacy.dicom.text_finder import Box, Grey

__all__ = ["blank", "decoded", "mask_unused_bits", "pictures", "pixel_shape"]

_ALL_FRAMES = 4  # up to here each frame is looked at by itself
_TEXT_LEAST = 24  # pixels: a smaller picture cannot show readable text
_UNREADABLE = "the pixels cannot be read"


def _refused(problem: str, code: str) -> Invalid:
    return Invalid(
        problem, fix="keep the file back, or convert it with the tool it came from.", code=code
    )


def pixel_shape(dataset: Dataset) -> tuple[int, int, int, int]:
    """Frames, rows, columns and samples.

    Raises:
        Invalid: one of them is missing or no positive number (code `bad_pixels`).
    """
    try:
        frames = int(dataset.get("NumberOfFrames") or 1)
        shape = (
            frames,
            int(dataset.Rows),
            int(dataset.Columns),
            int(dataset.get("SamplesPerPixel") or 1),
        )
    except (AttributeError, TypeError, ValueError):
        shape = (0, 0, 0, 0)
    if min(shape) < 1:
        raise _refused("The header does not say how large the image is.", "bad_pixels")
    return shape


def _bits(dataset: Dataset) -> int:
    if "DoubleFloatPixelData" in dataset:
        return 64
    if "FloatPixelData" in dataset:
        return 32
    bits = int(dataset.get("BitsAllocated") or 0)
    if bits not in (1, 8, 16, 32, 64):
        raise _refused("The header does not say how many bits a pixel has.", "bad_pixels")
    return bits


def _frame_bytes(dataset: Dataset) -> int:
    _, rows, columns, samples = pixel_shape(dataset)
    if samples == 3 and dataset.get("PhotometricInterpretation") == "YBR_FULL_422":
        samples = 2
    return rows * columns * samples * _bits(dataset)


def decoded(dataset: Dataset, *, max_bytes: int) -> None:
    """Make the pixels native: an encapsulated image is written uncompressed from here on.

    What a codestream carries beside the picture (comments, application segments) is gone with it.

    Raises:
        Invalid: nothing here can decode it (code `cannot_decode`), it is larger than allowed
            (`too_large`), or its length is not what the header says (`truncated_pixels`).
    """
    frames = pixel_shape(dataset)[0]
    if frames * _frame_bytes(dataset) // 8 > max_bytes:
        raise _refused("The image is larger than allowed.", "too_large")
    if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        try:
            dataset.decompress(as_rgb=True, generate_instance_uid=False)
        except Exception:
            raise _refused(
                "The image is compressed in a way that cannot be decoded here.", "cannot_decode"
            ) from None
    if "PixelData" in dataset:
        expected = -(-frames * _frame_bytes(dataset) // 8)
        if len(dataset.PixelData) < expected:
            raise _refused("The image is shorter than its header says.", "truncated_pixels")
        dataset.PixelData = bytes(dataset.PixelData[:expected]) + b"\0" * (expected % 2)


def mask_unused_bits(dataset: Dataset) -> bool:
    """Clear the bits above those that a pixel uses: old scanners keep overlays in them.

    Returns:
        Whether anything was there.
    """
    allocated, stored = int(dataset.BitsAllocated), int(dataset.get("BitsStored") or 0)
    high = int(dataset.get("HighBit") or stored - 1)
    if allocated not in (8, 16) or not 0 < stored < allocated or high != stored - 1:
        return False
    kind = np.dtype(f"{'>' if _is_big(dataset) else '<'}u{allocated // 8}")
    pixels = np.frombuffer(dataset.PixelData, dtype=kind)
    used = (1 << stored) - 1
    clean = pixels & used
    if dataset.get("PixelRepresentation") == 1:
        negative = (clean >> (stored - 1)) & 1 == 1
        clean = np.where(negative, clean | (((1 << allocated) - 1) ^ used), clean)
    if np.array_equal(clean, pixels):
        return False
    dataset.PixelData = clean.astype(kind).tobytes()
    return True


def _is_big(dataset: Dataset) -> bool:
    return not dataset.file_meta.TransferSyntaxUID.is_little_endian


def pictures(dataset: Dataset) -> Iterator[Grey]:
    """Grey pictures, shape (rows, columns), in which text is to be looked for.

    Up to four frames are looked at each by itself. Of more, the brightest and the darkest value
    of each pixel over all frames (text that stands still in any of them shows in one), and the
    first, the middle and the last frame.

    Raises:
        Invalid: the pixels cannot be read (code `cannot_decode`).
    """
    frames, rows, columns, samples = pixel_shape(dataset)
    if min(rows, columns) < _TEXT_LEAST:
        return
    chosen: list[NDArray[np.generic]] = []
    for array in _decoded_arrays(dataset):
        shaped = array.reshape(frames, rows, columns, -1)
        if frames <= _ALL_FRAMES:
            chosen += [shaped[index] for index in range(frames)]
        else:
            chosen += [shaped.max(axis=0), shaped.min(axis=0)]
            chosen += [shaped[index] for index in (0, frames // 2, frames - 1)]
    luminance_first = str(dataset.get("PhotometricInterpretation", "")).startswith("YBR")
    seen: set[bytes] = set()
    for picture in chosen:
        for grey in _greys(picture, only_first=luminance_first and samples == 3):
            if (key := grey.tobytes()) not in seen and grey.min() != grey.max():
                seen.add(key)
                yield grey


def _decoded_arrays(dataset: Dataset) -> list[NDArray[np.generic]]:
    """The pixels as a reader shows them; in both orders, where writers disagree about it."""
    try:
        array = dataset.pixel_array
        arrays = [array]
        if _order_is_doubtful(dataset):
            arrays.append(array.reshape(-1, 2)[:, ::-1].reshape(array.shape))
        if dataset.get("PhotometricInterpretation") == "PALETTE COLOR":
            arrays = [apply_color_lut(one, dataset) for one in arrays]
    except Exception:  # a codec may raise anything, and repeat anything
        raise _refused(f"Text cannot be looked for: {_UNREADABLE}.", "cannot_decode") from None
    return arrays


def _order_is_doubtful(dataset: Dataset) -> bool:
    """Big-endian bytes in words: PS3.5 swaps each pair, and not every writer did."""
    words = "PixelData" in dataset and dataset["PixelData"].VR == "OW"
    return words and _is_big(dataset) and _bits(dataset) == 8 and dataset.Columns % 2 == 0


def _greys(picture: NDArray[np.generic], *, only_first: bool) -> Iterator[Grey]:
    if picture.shape[-1] == 1 or only_first:
        yield _stretched(picture[..., 0])
        return
    yield _stretched(picture.mean(axis=-1))
    colours = picture.astype(np.float64)
    if np.any(colours.max(axis=-1) != colours.min(axis=-1)):
        yield _stretched(colours.max(axis=-1))


def _stretched(picture: NDArray[np.generic]) -> Grey:
    values = np.nan_to_num(picture.astype(np.float64), posinf=0.0, neginf=0.0)
    low, high = values.min(), values.max()
    if high <= low:
        return np.zeros(values.shape, np.uint8)
    grey: Grey = ((values - low) * (255.0 / (high - low))).astype(np.uint8)
    return grey


def blank(dataset: Dataset, boxes: Iterable[Box]) -> None:
    """Blank boxes in every frame of native pixels.

    Raises:
        Invalid: pixels of this kind cannot be blanked here (code `cannot_blank`).
    """
    boxes = list(boxes)
    if not boxes:
        return
    if "PixelData" not in dataset:
        raise _refused("Text stands in pixels that are no integers.", "cannot_blank")
    if _order_is_doubtful(dataset):
        boxes = [Box(b.top, b.left // 2 * 2, b.bottom, -(-b.right // 2) * 2) for b in boxes]
    frames, rows, columns, samples = pixel_shape(dataset)
    bits, size = _bits(dataset), frames * _frame_bytes(dataset)
    buffer = np.frombuffer(dataset.PixelData, np.uint8).copy()
    kind = str(dataset.get("PhotometricInterpretation", ""))
    if bits == 1:
        flat = np.unpackbits(buffer, bitorder="little")[:size]
        _fill(flat.reshape(frames, rows, columns, 1), boxes, kind)
        buffer = np.packbits(flat, bitorder="little")
    elif kind == "YBR_FULL_422" and samples == 3:
        pairs = buffer[: size // 8].reshape(frames, rows, columns // 2, 4)
        for box in boxes:
            part = pairs[:, box.top : box.bottom, box.left // 2 : -(-box.right // 2)]
            part[...] = np.array([0, 0, 128, 128], np.uint8)
    elif samples > 1 and int(dataset.get("PlanarConfiguration") or 0) == 1:
        planes = buffer[: size // 8].reshape(frames, samples, rows, columns, bits // 8)
        _fill(np.moveaxis(planes, 1, 3), boxes, kind)
    else:
        _fill(buffer[: size // 8].reshape(frames, rows, columns, samples, bits // 8), boxes, kind)
    raw = buffer.tobytes()
    dataset.PixelData = raw + b"\0" * (len(raw) % 2)


def _fill(pixels: NDArray[np.uint8], boxes: Iterable[Box], kind: str) -> None:
    for box in boxes:
        part = pixels[:, box.top : box.bottom, box.left : box.right]
        part[...] = 0
        if kind.startswith("YBR") and part.shape[3] == 3:
            part[..., 1:, :] = 128

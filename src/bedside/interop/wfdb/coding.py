"""Samples from the bytes of a WFDB signal file, in each of its storage formats."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from bedside.interop.wfdb.flac import decode_flac
from bedside.interop.wfdb.header import refused

__all__ = ["DIFFERENCES", "FLAC_BITS", "NO_SAMPLE", "Samples", "decoded", "marked", "samples_in"]

Samples = npt.NDArray[np.int32]
_Octets = npt.NDArray[np.uint8]

NO_SAMPLE = -(2**31)
"""Stands where nothing was measured."""

DIFFERENCES = 8
FLAC_BITS = {508: 8, 516: 16, 524: 24}

_MISSING = {
    16: -(2**15), 24: -(2**23), 32: -(2**31), 61: -(2**15), 80: -(2**7), 160: -(2**15),
    212: -(2**11), 310: -(2**9), 311: -(2**9), 508: -(2**7), 516: -(2**15), 524: -(2**23),
}  # fmt: skip


def decoded(content: bytes, coding: int, count: int, channels: int) -> Samples:
    """The first `count` samples, as they follow one another in the file.

    Args:
        content: The file from its first sample on.
        coding: The number of the storage format.
        count: How many samples are wanted.
        channels: For FLAC, how many signals the file interleaves.

    Returns:
        Shape (count,), as they are written; for format 8 these are differences.

    Raises:
        Invalid: the format is not known, or the file is too short.
    Source: WFDB Applications Guide, signal(5).

    >>> decoded(bytes([0x34, 0xF2, 0x78]), 212, 2, 1).tolist()
    [564, -136]
    """
    if coding in FLAC_BITS:
        return decode_flac(content, bits=FLAC_BITS[coding], channels=channels, count=count)
    if coding not in _PLAIN:
        raise refused("a signal is stored in a format that WFDB does not know")
    needed = _bytes_for(coding, count)
    if needed > len(content):
        raise refused("a signal file is shorter than the header says")
    return _PLAIN[coding](np.frombuffer(content, np.uint8, count=needed))[:count]


def marked(samples: Samples, coding: int) -> Samples:
    """The samples with `NO_SAMPLE` where the format's own mark says that nothing was measured."""
    if coding not in _MISSING:
        return samples
    return np.where(samples == _MISSING[coding], np.int32(NO_SAMPLE), samples)


def samples_in(length: int, coding: int) -> int | None:
    """How many samples `length` bytes hold; None where only decoding can tell."""
    if coding in _PER_GROUP:
        octets, samples = _PER_GROUP[coding]
        whole, rest = divmod(length, octets)
        return whole * samples + sum(
            _bytes_for(coding, extra) <= rest for extra in range(1, samples)
        )
    return None


_PER_GROUP = {
    8: (1, 1), 16: (2, 1), 24: (3, 1), 32: (4, 1), 61: (2, 1), 80: (1, 1), 160: (2, 1),
    212: (3, 2), 310: (4, 3), 311: (4, 3),
}  # fmt: skip
_PARTIAL = {212: (0, 2), 310: (0, 2, 4), 311: (0, 2, 3)}


def _bytes_for(coding: int, count: int) -> int:
    octets, samples = _PER_GROUP[coding]
    whole, rest = divmod(count, samples)
    return whole * octets + (_PARTIAL[coding][rest] if rest else 0)


def _padded(octets: _Octets, group: int) -> _Octets:
    lacking = -len(octets) % group
    return np.pad(octets, (0, lacking)) if lacking else octets


def _signed(samples: npt.NDArray[np.int32], bits: int) -> Samples:
    shift = 32 - bits
    shifted: Samples = (samples << shift) >> shift
    return shifted


def _twelve_bits(octets: _Octets) -> Samples:
    """Two samples in three bytes; the middle one holds the high four bits of both."""
    low, middle, high = (column.astype(np.uint16) for column in _padded(octets, 3).reshape(-1, 3).T)
    pairs = np.empty((len(low), 2), np.int32)
    # In the high twelve of sixteen bits the sign is where shifting back extends it.
    pairs[:, 0] = (low << 4 | (middle & 0x0F) << 12).view(np.int16) >> 4
    pairs[:, 1] = (high << 4 | (middle & 0xF0) << 8).view(np.int16) >> 4
    return pairs.reshape(-1)


def _ten_bits_in_halves(octets: _Octets) -> Samples:
    """Three samples in two 16-bit words: the third is in the high five bits of each."""
    words = _padded(octets, 4).view("<u2").reshape(-1, 2).astype(np.int32)
    first, second = words.T
    third = first >> 11 | (second >> 11) << 5
    triples = np.stack([first >> 1 & 0x3FF, second >> 1 & 0x3FF, third], axis=1)
    return _signed(triples.reshape(-1), 10)


def _ten_bits_in_words(octets: _Octets) -> Samples:
    """Three samples in a 32-bit word, the first in its lowest bits."""
    words = _padded(octets, 4).view("<u4")
    triples = np.stack([words & 0x3FF, words >> 10 & 0x3FF, words >> 20 & 0x3FF], axis=1)
    return _signed(triples.reshape(-1).astype(np.int32), 10)


def _three_bytes(octets: _Octets) -> Samples:
    low, middle, high = octets.reshape(-1, 3).astype(np.int32).T
    return _signed(low | middle << 8 | high << 16, 24)


def _as(kind: str, *, less: int = 0) -> Callable[[_Octets], Samples]:
    def read(octets: _Octets) -> Samples:
        return octets.view(kind).astype(np.int32) - np.int32(less)

    return read


_PLAIN: dict[int, Callable[[_Octets], Samples]] = {
    8: _as("i1"),
    16: _as("<i2"),
    24: _three_bytes,
    32: _as("<i4"),
    61: _as(">i2"),
    80: _as("u1", less=128),
    160: _as("<u2", less=32768),
    212: _twelve_bits,
    310: _ten_bits_in_halves,
    311: _ten_bits_in_words,
}

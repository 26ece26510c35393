"""FLAC, which WFDB uses for its compressed signal files, decoded without a library."""

from dataclasses import dataclass
from operator import mul

import numpy as np
import numpy.typing as npt

from bedside.interop.wfdb.header import refused

__all__ = ["decode_flac"]

_BLOCK_SIZES = {1: 192, **{n: 576 << (n - 2) for n in range(2, 6)}}
_BLOCK_SIZES |= {n: 256 << (n - 8) for n in range(8, 16)}
_WIDTHS = {1: 8, 2: 12, 4: 16, 5: 20, 6: 24, 7: 32}
_LARGEST = 1 << 34  # what no sample of 32 bits, nor its difference from another, exceeds
_LARGEST_BLOCK = 1 << 17  # samples of all channels; encoders write 4096 for each

_Longs = npt.NDArray[np.int64]


def decode_flac(content: bytes, *, bits: int, channels: int, count: int) -> npt.NDArray[np.int32]:
    """The first `count` samples of a FLAC stream, its channels interleaved.

    Raises:
        Invalid: it is not FLAC, is cut, or has other channels or another width than it should.
    Source: RFC 9639.
    """
    start, width, held = _stream(content)
    if (width, held) != (bits, channels):
        raise refused("a FLAC file has another width or other channels than the header says")
    frames = -(-count // channels)
    made: list[_Longs] = []
    have = 0
    while have < frames:
        block, start = _frame(content, start, width, channels)
        made.append(block)
        have += block.shape[1]
    if not made:
        return np.zeros(0, np.int32)
    samples = np.concatenate(made, axis=1).T.reshape(-1)[:count]
    if np.abs(samples).max(initial=0) >= 1 << 31:
        raise _broken()
    return samples.astype(np.int32)


def _broken() -> Exception:
    return refused("a FLAC file is malformed or cut")


def _stream(content: bytes) -> tuple[int, int, int]:
    """Where the first frame begins, the bits of a sample, and the number of channels."""
    if content[:4] != b"fLaC" or len(content) < 42 or content[4] & 0x7F:
        raise refused("a signal file is not FLAC, as the header says")
    told = int.from_bytes(content[18:26], "big")
    channels, width = (told >> 41 & 7) + 1, (told >> 36 & 31) + 1
    place, last = 4, False
    while not last:
        if place + 4 > len(content):
            raise _broken()
        last = bool(content[place] & 0x80)
        place += 4 + int.from_bytes(content[place + 1 : place + 4], "big")
    return place, width, channels


def _frame(content: bytes, start: int, width: int, channels: int) -> tuple[_Longs, int]:
    """The samples of one frame, shape (channels, block), and where the next begins."""
    head = content[start : start + 16].ljust(16, b"\0")
    if head[0] != 0xFF or head[1] & 0xFE != 0xF8 or start + 6 > len(content):
        raise _broken()
    place = 4 + max(1, (~head[4] & 0xFF).bit_length() ^ 8 if head[4] != 0xFF else 8)
    size_code, rate_code, assigned = head[2] >> 4, head[2] & 15, head[3] >> 4
    size = _BLOCK_SIZES.get(size_code, 0)
    if size_code in {6, 7}:
        extra = size_code - 5
        size = int.from_bytes(head[place : place + extra], "big") + 1
        place += extra
    place += {12: 1, 13: 2, 14: 2}.get(rate_code, 0) + 1
    held = assigned + 1 if assigned < 8 else 2
    coded = head[3] >> 1 & 7
    if not size or held != channels or assigned > 10 or (coded and _WIDTHS.get(coded) != width):
        raise _broken()
    if held * size > _LARGEST_BLOCK:
        raise refused("a FLAC file has larger blocks than are read here")
    # A frame is never longer than its samples written out, the side channel a bit wider.
    bound = place + held * (size * (width + 1) + 64) // 8 + 64
    reader = _Bits(content[start + place : start + bound])
    block = np.stack([_subframe(reader, size, width + extra) for extra in _wider(assigned, held)])
    return _apart(block, assigned), start + place + -(-reader.place // 8) + 2


def _wider(assigned: int, held: int) -> list[int]:
    return {8: [0, 1], 9: [1, 0], 10: [0, 1]}.get(assigned, [0] * held)


def _apart(block: _Longs, assigned: int) -> _Longs:
    """Left and right, from one of them or their mean and their difference."""
    if assigned < 8:
        return block
    first, second = block
    if assigned == 8:
        return np.stack([first, first - second])
    if assigned == 9:
        return np.stack([first + second, second])
    middle = first << 1 | second & 1
    return np.stack([middle + second >> 1, middle - second >> 1])


@dataclass(slots=True)
class _Bits:
    """The bits of a frame from `place` on."""

    content: bytes
    place: int = 0
    _bits: npt.NDArray[np.uint8] | None = None
    _ones: list[int] | None = None

    def unsigned(self, width: int) -> int:
        end = self.place + width
        if end > 8 * len(self.content):
            raise _broken()
        whole = int.from_bytes(self.content[self.place // 8 : -(-end // 8)], "big")
        self.place = end
        return (whole >> -end % 8) & ((1 << width) - 1)

    def signed(self, width: int) -> int:
        value = self.unsigned(width)
        return value - (1 << width) if width and value >> (width - 1) else value

    def run(self) -> int:
        """The zeros before the next one, which is read as well."""
        began = self.place
        self.place = self.next_one()[began] + 1 if began < 8 * len(self.content) else -1
        if self.place <= 0 or self.place > 8 * len(self.content):
            raise _broken()
        return self.place - began - 1

    def bits(self) -> npt.NDArray[np.uint8]:
        if self._bits is None:
            self._bits = np.unpackbits(np.frombuffer(self.content, np.uint8))
        return self._bits

    def next_one(self) -> list[int]:
        """For each bit, where the next one that is set lies."""
        if self._ones is None:
            bits = self.bits()
            places = np.where(bits, np.arange(len(bits)), len(bits))
            self._ones = np.minimum.accumulate(places[::-1])[::-1].tolist()
        return self._ones

    def many(self, places: _Longs, width: int) -> _Longs:
        """The unsigned number of `width` bits at each place."""
        value = np.zeros(len(places), np.int64)
        if len(places) and int(places[-1]) + width > 8 * len(self.content):
            raise _broken()
        bits = self.bits()
        for offset in range(width):
            value = value << 1 | bits[places + offset]
        return value


def _subframe(reader: _Bits, size: int, width: int) -> _Longs:
    kind = reader.unsigned(8)
    if kind & 0x80:
        raise _broken()
    wasted = reader.run() + 1 if kind & 1 else 0
    kind, width = kind >> 1 & 63, width - wasted
    if width <= 0:
        raise _broken()
    if kind == 0:
        samples = np.full(size, reader.signed(width), np.int64)
    elif kind == 1:
        samples = _written_out(reader, size, width)
    elif 8 <= kind <= 12:
        samples = _fixed(reader, size, width, kind - 8)
    elif kind >= 32:
        samples = _linear(reader, size, width, kind - 31)
    else:
        raise _broken()
    return samples << wasted


def _written_out(reader: _Bits, size: int, width: int) -> _Longs:
    places = reader.place + width * np.arange(size, dtype=np.int64)
    value = reader.many(places, width)
    reader.place += width * size
    half = np.int64(1) << (width - 1) if width else np.int64(0)
    signed: _Longs = (value ^ half) - half
    return signed


def _fixed(reader: _Bits, size: int, width: int, order: int) -> _Longs:
    """The residual is the difference of this order: sum it up as often."""
    if order > size:
        raise _broken()
    begin = [reader.signed(width) for _ in range(order)]
    made = _residual(reader, size, order)
    for depth in range(order, 0, -1):
        last = np.diff(np.array(begin, np.int64), n=depth - 1)[-1]
        made = np.cumsum(made) + last
    return np.concatenate([np.array(begin, np.int64), made])


def _linear(reader: _Bits, size: int, width: int, order: int) -> _Longs:
    if order > size:
        raise _broken()
    made = [reader.signed(width) for _ in range(order)]
    precision, shift = reader.unsigned(4) + 1, reader.signed(5)
    if precision == 16 or shift < 0:
        raise _broken()
    weights = [reader.signed(precision) for _ in range(order)][::-1]
    for index, left in enumerate(_residual(reader, size, order).tolist()):
        value = left + (sum(map(mul, weights, made[index : index + order])) >> shift)
        if not -_LARGEST < value < _LARGEST:
            raise _broken()
        made.append(value)
    return np.array(made, np.int64)


def _residual(reader: _Bits, size: int, order: int) -> _Longs:
    """What the prediction missed, in partitions with a Rice parameter each."""
    method = reader.unsigned(2)
    pieces = 1 << reader.unsigned(4)
    if method > 1 or size % pieces or size // pieces < order:
        raise _broken()
    wide = 5 if method else 4
    made = []
    for piece in range(pieces):
        count = size // pieces - (order if piece == 0 else 0)
        parameter = reader.unsigned(wide)
        if parameter == (1 << wide) - 1:
            width = reader.unsigned(5)
            made.append(_written_out(reader, count, width))
        else:
            made.append(_rice(reader, count, parameter))
    return np.concatenate(made)


def _rice(reader: _Bits, count: int, parameter: int) -> _Longs:
    """Each number: a run of zeros, a one, and `parameter` low bits; its sign is its lowest bit."""
    ones, end = reader.next_one(), 8 * len(reader.content)
    began, found, place = reader.place, [], reader.place
    for _ in range(count):
        if place >= end:
            raise _broken()
        one = ones[place]
        found.append(one)
        place = one + 1 + parameter
    if place > end:
        raise _broken()
    reader.place = place
    places = np.array(found, np.int64)
    previous = np.concatenate([np.array([began], np.int64), places[:-1] + 1 + parameter])[:count]
    value = (places - previous) << parameter | reader.many(places + 1, parameter)
    signed: _Longs = (value >> 1) ^ -(value & 1)
    return signed

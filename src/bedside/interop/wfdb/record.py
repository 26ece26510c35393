"""A whole WFDB record: its signals in physical units, from a header and the files beside it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
import numpy.typing as npt

from bedside.interop.wfdb.coding import DIFFERENCES, NO_SAMPLE, Samples, decoded, marked, samples_in
from bedside.interop.wfdb.header import (
    UNCALIBRATED_GAIN,
    Header,
    SignalLine,
    read_header,
    refused,
)

__all__ = ["Record", "Signal", "Stretch", "read_record"]

MOST_SAMPLES = 1 << 26  # of all signals of one segment together, 4 bytes each: a day at 250 Hz × 3
MOST_FRAMES = 1 << 40
BLOCK = 1 << 20  # samples that are turned into physical units at a time

_Beside = Callable[[str], bytes | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Samples that follow one another, as they were digitised; `first` is their place."""

    first: int
    samples: Samples
    line: SignalLine

    def physical(self) -> Iterator[tuple[int, npt.NDArray[np.float64]]]:
        """Place and values in the unit of the signal, block by block; NaN: nothing was measured."""
        for begin in range(0, len(self.samples), BLOCK):
            digital = self.samples[begin : begin + BLOCK]
            values = digital.astype(np.float64)
            values -= self.line.baseline
            values /= self.line.gain or UNCALIBRATED_GAIN
            values[digital == NO_SAMPLE] = np.nan
            yield self.first + begin, values


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One signal of a record, `length` samples at `frequency` in Hz.

    `unit` is as the header writes it; `calibrated` says whether it has a gain everywhere. `files`
    are the names of the files that hold its samples.
    """

    name: str
    unit: str
    frequency: float
    length: int
    calibrated: bool
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A record: `frames` at `header.frequency`, its signals, and the segments with samples."""

    header: Header
    frames: int
    signals: tuple[Signal, ...]
    segments: tuple[tuple[int, Header], ...]
    beside: _Beside

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.frames / self.header.frequency

    def stretches(self) -> Iterator[tuple[int, Stretch]]:
        """The place of a signal and samples of it, segment by segment: a record may be long.

        Raises:
            Invalid: a file is missing or short, or its samples are not those that the header's
                checksum is of.
        """
        is_layout = bool(self.header.segments)
        for first, header in self.segments:
            for place, (line, samples) in enumerate(_read_lines(header, self.beside)[1]):
                at = _place_of(line, place, self.signals) if is_layout else place
                if at is not None:
                    yield at, Stretch(first=first * line.rate, samples=samples, line=line)

    def physical(self) -> list[npt.NDArray[np.float64]]:
        """Every signal as a whole, shape (length,) each; NaN where nothing was measured.

        Raises:
            Invalid: as `stretches`, or the record is too long to be held as a whole.
        """
        _check_size(
            self.frames, tuple(line for _, header in self.segments for line in header.signals)
        )
        made = [np.full(signal.length, np.nan) for signal in self.signals]
        for place, stretch in self.stretches():
            for first, values in stretch.physical():
                made[place][first : first + len(values)] = values
        return made


def read_record(content: bytes, beside: _Beside) -> Record:
    """Read the headers of a record; its samples are read by `Record.stretches`.

    Args:
        content: Of its header.
        beside: Gives the content of a file by its name, or None.

    Raises:
        Invalid: a header is missing or malformed, or they do not fit together. `code` tells what,
            without a value.
    """
    header = read_header(content)
    if not header.segments:
        frames = header.frames
        if frames is None:
            frames = _read_lines(header, beside)[0]
        pieces: _Pieces = ((0, replace(header, frames=frames)),)
        signals = _signals(header, frames, header.signals, pieces)
        return Record(header=header, frames=frames, signals=signals, segments=pieces, beside=beside)
    total = sum(segment.frames for segment in header.segments)
    if header.frames not in {None, total}:
        raise refused("the segments are not as long as the record")
    if total > MOST_FRAMES:
        raise refused("the record is impossibly long")
    layout, pieces = _pieces(header, beside)
    signals = _signals(header, total, layout, pieces)
    return Record(header=header, frames=total, signals=signals, segments=pieces, beside=beside)


def _check_size(frames: int, lines: tuple[SignalLine, ...]) -> None:
    if frames * max(1, sum(line.rate for line in lines)) > MOST_SAMPLES:
        raise refused(f"it says that it has more than {MOST_SAMPLES} samples")


_Pieces = tuple[tuple[int, Header], ...]


def _pieces(header: Header, beside: _Beside) -> tuple[tuple[SignalLine, ...], _Pieces]:
    """The signals of a record of segments; each segment with samples, and where it begins.

    A first segment without length is the layout: it says which signals there are in all, and a
    segment holds some of them. Without a layout each segment holds all of them in the same order.
    """
    found, first = [], 0
    layout: tuple[SignalLine, ...] | None = None
    for index, segment in enumerate(header.segments):
        if segment.name != "~":
            content = beside(f"{segment.name}.hea")
            if content is None:
                raise refused("the header of a segment is missing")
            piece = read_header(content)
            if piece.segments or piece.frequency != header.frequency:
                raise refused("a segment has segments, or another frequency than the record")
            if index == 0 and not segment.frames:
                layout = piece.signals
            elif segment.frames:
                found.append((first, replace(piece, frames=segment.frames)))
        first += segment.frames
    if not found:
        raise refused("it has no segment with samples")
    lines = found[0][1].signals if layout is None else layout
    if layout is None and any(
        [one.name for one in piece.signals] != [one.name for one in lines] for _, piece in found
    ):
        raise refused("its segments hold other signals than one another, and it has no layout")
    return lines, tuple(found)


_Read = list[tuple[SignalLine, Samples]]


def _read_lines(header: Header, beside: _Beside) -> tuple[int, _Read]:
    """The samples of each signal of a header without segments, and the number of its frames."""
    if header.frames == 0 or not header.signals:
        none = np.zeros(0, np.int32)
        return header.frames or 0, [(line, none) for line in header.signals]
    groups = [list(lines) for _, lines in groupby(header.signals, key=lambda line: line.file)]
    read: _Read = []
    frames = header.frames
    for group in groups:
        if group[0].file == "~":
            if frames is None:
                raise refused("it does not say how long it is")
            _check_size(frames, header.signals)
            read += [(one, np.full(frames * one.rate, NO_SAMPLE, np.int32)) for one in group]
            continue
        content = beside(group[0].file)
        if content is None:
            raise refused("a signal file is missing")
        if len({(line.coding, line.first_byte) for line in group}) > 1:
            raise refused("two signals of a file are stored in different formats")
        content = content[group[0].first_byte :]
        if frames is None:
            frames = _frames_in(content, group)
        _check_size(frames, header.signals)
        read += _file(content, group, frames)
    return frames or 0, read


def _frames_in(content: bytes, group: list[SignalLine]) -> int:
    held = samples_in(len(content), group[0].coding)
    if held is None:
        raise refused("it does not say how long it is, and a compressed file cannot")
    return held // sum(line.rate for line in group)


def _file(
    content: bytes, group: list[SignalLine], frames: int
) -> Iterator[tuple[SignalLine, Samples]]:
    width = sum(line.rate for line in group)
    rates = {line.rate for line in group}
    channels = len(group) if len(rates) == 1 else width
    samples = decoded(content, group[0].coding, frames * width, channels)
    if len(rates) == 1 and group[0].coding > 500:
        table = _by_channel(samples, frames, group)
    else:
        table = samples.reshape(frames, width)
    first = 0
    for line in group:
        part = np.ascontiguousarray(table[:, first : first + line.rate])
        first += line.rate
        yield line, _placed(part, line)


def _by_channel(samples: Samples, frames: int, group: list[SignalLine]) -> Samples:
    """A FLAC file interleaves its signals sample by sample, not frame by frame."""
    rate, held = group[0].rate, len(group)
    return samples.reshape(frames, rate, held).transpose(0, 2, 1).reshape(frames, rate * held)


def _placed(part: Samples, line: SignalLine) -> Samples:
    """A signal's samples in their order, checked, summed up where needed, and without skew."""
    flat = part.reshape(-1)
    if line.coding == DIFFERENCES:
        summed = line.initial + np.cumsum(flat, dtype=np.int64)
        if np.abs(summed).max(initial=0) >= 1 << 31:
            raise refused("a signal grows beyond 32 bits")
        flat = summed.astype(np.int32)
    if line.checksum is not None and (int(flat.sum(dtype=np.int64)) - line.checksum) & 0xFFFF:
        raise refused("the samples of a signal are not those that its checksum is of")
    flat = marked(flat, line.coding)
    if line.skew:
        late = np.full_like(flat, NO_SAMPLE)
        gap = min(line.skew * line.rate, len(flat))
        late[: len(flat) - gap] = flat[gap:]
        flat = late
    return flat


def _place_of(line: SignalLine, place: int, signals: tuple[Signal, ...]) -> int | None:
    """Which signal of a record a line of one of its segments is."""
    if place < len(signals) and signals[place].name == line.name:
        return place
    return next((at for at, one in enumerate(signals) if one.name == line.name), None)


def _signals(
    header: Header, frames: int, lines: tuple[SignalLine, ...], pieces: _Pieces
) -> tuple[Signal, ...]:
    """What the headers say about each signal of the record."""
    made = []
    for line in lines:
        held = [one for _, piece in pieces for one in piece.signals if one.name == line.name]
        if not header.segments:
            held = [line]
        if any((one.rate, one.unit) != (line.rate, line.unit) for one in held):
            raise refused("a signal has another rate or unit in one of its segments")
        made.append(
            Signal(
                name=line.name,
                unit=line.unit,
                frequency=header.frequency * line.rate,
                length=frames * line.rate,
                calibrated=all(one.gain is not None for one in held),
                files=tuple(dict.fromkeys(one.file for one in held)),
            )
        )
    return tuple(made)

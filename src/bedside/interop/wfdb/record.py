"""A whole WFDB record: its signals in physical units, from a header and the files beside it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
import numpy.typing as npt

from bedside.interop.wfdb.coding import DIFFERENCES, NO_SAMPLE, Samples, decoded, marked, samples_in
from bedside.interop.wfdb.header import Header, SignalLine, read_header, refused

__all__ = ["Record", "Signal", "Stretch", "read_record"]

MOST_SAMPLES = 1 << 27  # of all signals of a record together: 4 bytes each

_Beside = Callable[[str], bytes | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Samples that follow one another, as they were digitised; `first` is their place."""

    first: int
    samples: Samples
    line: SignalLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One signal of a record, `length` samples at `frequency` in Hz.

    `unit` is as the header writes it; `calibrated` says whether it has a gain at all. `files` are
    the names of the files that hold its samples.
    """

    name: str
    unit: str
    frequency: float
    length: int
    calibrated: bool
    stretches: tuple[Stretch, ...]
    files: tuple[str, ...]

    def physical(self) -> npt.NDArray[np.float64]:
        """Shape (length,), in `unit`; NaN where nothing was measured."""
        made = np.full(self.length, np.nan)
        for stretch in self.stretches:
            there = made[stretch.first : stretch.first + len(stretch.samples)]
            there[:] = stretch.samples
            there -= stretch.line.baseline
            there /= stretch.line.gain or 200.0
            there[stretch.samples == NO_SAMPLE] = np.nan
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A record: `frames` at `header.frequency`, and its signals."""

    header: Header
    frames: int
    signals: tuple[Signal, ...]

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.frames / self.header.frequency


def read_record(content: bytes, beside: _Beside) -> Record:
    """Read a record.

    Args:
        content: Of its header.
        beside: Gives the content of a file by its name, or None.

    Raises:
        Invalid: a file is missing or short, or the samples are not those that the header's
            checksum is of. `code` tells what, without a value.
    """
    header = read_header(content)
    pieces = _pieces(header, beside) if header.segments else [(0, header)]
    frames = header.frames
    if header.segments:
        total = sum(segment.frames for segment in header.segments)
        frames = total if frames is None else frames
        if frames != total:
            raise refused("the segments are not as long as the record")
    if frames is not None:
        _check_size(frames, pieces[0][1].signals if pieces else ())
    read = [(first, _read_lines(piece, beside)) for first, piece in pieces]
    if frames is None:
        frames = read[0][1][0]
    signals = _joined(header, frames, [(first, lines) for first, (_, lines) in read], pieces)
    return Record(header=header, frames=frames, signals=signals)


def _check_size(frames: int, lines: tuple[SignalLine, ...]) -> None:
    if frames * max(1, sum(line.rate for line in lines)) > MOST_SAMPLES:
        raise refused(f"it says that it has more than {MOST_SAMPLES} samples")


def _pieces(header: Header, beside: _Beside) -> list[tuple[int, Header]]:
    """The header of each segment that holds samples, and the frame at which it begins.

    A first segment without length is the layout: it says which signals there are in all.
    """
    found, first = [], 0
    for index, segment in enumerate(header.segments):
        if segment.name != "~":
            content = beside(f"{segment.name}.hea")
            if content is None:
                raise refused("the header of a segment is missing")
            piece = read_header(content)
            if piece.segments or piece.frequency != header.frequency:
                raise refused("a segment has segments, or another frequency than the record")
            if segment.frames or index == 0:
                found.append((first, replace(piece, frames=segment.frames)))
        first += segment.frames
    if not found:
        raise refused("it has no segment with samples")
    return found


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


def _joined(
    header: Header, frames: int, read: list[tuple[int, _Read]], pieces: list[tuple[int, Header]]
) -> tuple[Signal, ...]:
    """The signals of a record, put together from its segments."""
    is_layout = bool(header.segments) and header.segments[0].frames == 0
    lines = pieces[0][1].signals
    made = []
    for place, line in enumerate(lines):
        stretches = []
        for first, found in read[1:] if is_layout else read:
            for other, (there, samples) in enumerate(found):
                same = there.name == line.name if is_layout else other == place
                if same and there.rate != line.rate:
                    raise refused("a signal has another rate in one of its segments")
                if same:
                    stretches.append(Stretch(first=first * line.rate, samples=samples, line=there))
        made.append(
            Signal(
                name=line.name,
                unit=line.unit,
                frequency=header.frequency * line.rate,
                length=frames * line.rate,
                calibrated=all(one.line.gain is not None for one in stretches),
                stretches=tuple(stretches),
                files=tuple(dict.fromkeys(one.line.file for one in stretches)),
            )
        )
    return tuple(made)

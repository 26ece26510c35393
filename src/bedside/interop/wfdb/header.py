"""The header of a WFDB record (`.hea`): what lies in which signal file, and how it is coded."""

import math
import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from bedside.core.errors import Invalid

__all__ = ["UNCALIBRATED_GAIN", "Header", "Segment", "SignalLine", "read_header", "refused"]

LARGEST_HEADER = 4 << 20  # bytes
MOST_SIGNALS = 4096
MOST_SEGMENTS = 100_000
UNCALIBRATED_GAIN = 200.0  # ADC units per physical unit, header(5) of the WFDB applications guide

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_\-]{0,127}")
_RECORD = re.compile(r"([^\s/]+)(?:/(\d{1,6}))?")
_RATE = re.compile(r"([^/(\s]+)(?:/([^/(\s]+)(?:\(([^)\s]+)\))?)?")
_FORMAT = re.compile(r"(\d{1,4})(?:x(\d{1,6}))?(?::(\d{1,9}))?(?:\+(\d{1,12}))?")
_GAIN = re.compile(r"([^(/\s]+)(?:\((-?\d{1,12})\))?(?:/(\S+))?")
_WHOLE = re.compile(r"[-+]?\d{1,12}")
_FILE = re.compile(r"[A-Za-z0-9_.\-]{1,255}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalLine:
    """One signal, as its line describes it.

    `physical = (sample - baseline) / gain`, in `unit`. `rate` is how many samples it has in a
    frame, `skew` how many frames late they are, `first_byte` where the samples begin in the file.
    `gain` is None where the signal is not calibrated.
    """

    file: str
    coding: int
    rate: int = 1
    skew: int = 0
    first_byte: int = 0
    gain: float | None = None
    baseline: int = 0
    unit: str = "mV"
    initial: int = 0
    checksum: int | None = None
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A piece of a record that is kept as a record of its own; `~` is a pause."""

    name: str
    frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a header says. `frames` is None where it does not say how long the record is.

    `day` and `clock` are the local date and time of the first frame, as far as they are given.
    """

    name: str
    frequency: float  # frames in a second
    frames: int | None
    clock: timedelta | None
    day: date | None
    signals: tuple[SignalLine, ...]
    segments: tuple[Segment, ...]
    comments: tuple[str, ...]

    @property
    def start(self) -> datetime | None:
        """When the first frame was taken, without a zone; None if no date is given."""
        if self.day is None:
            return None
        return datetime.combine(self.day, time()) + (self.clock or timedelta())


def refused(problem: str) -> Invalid:
    """An error about a record; the problem never repeats what the record says."""
    return Invalid(f"The record cannot be read: {problem}.", fix="export it again.", code=problem)


def read_header(content: bytes) -> Header:
    r"""Read a header.

    Raises:
        Invalid: it is not one, or says something impossible. `code` tells what, without a value.
    Source: WFDB Applications Guide, header(5).

    >>> header = read_header(b"100 1 360 650000\n100.dat 212 200 11 1024 995 -22131 0 V5\n# 69 M\n")
    >>> header.signals[0].name, header.signals[0].baseline, header.comments
    ('V5', 1024, ('69 M',))
    """
    if len(content) > LARGEST_HEADER:
        raise refused("the header is larger than 4 MiB")
    if b"\0" in content:
        raise refused("the header is not text")
    try:
        lines = content.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        lines = content.decode("latin-1").splitlines()
    told = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not told:
        raise refused("the header has no record line")
    name, pieces, count, frequency, frames, clock, day = _record_line(told[0])
    body = told[1:]
    if len(body) != (pieces or count):
        raise refused("the header has more or fewer lines than it says")
    return Header(
        name=name,
        frequency=frequency,
        frames=frames,
        clock=clock,
        day=day,
        signals=() if pieces else tuple(_signal(line) for line in body),
        segments=tuple(_segment(line) for line in body) if pieces else (),
        comments=_comments(lines, told[0]),
    )


def _comments(lines: list[str], record_line: str) -> tuple[str, ...]:
    """The comments after the record line; those before it are about the file."""
    begun = next(index for index, line in enumerate(lines) if line.strip() == record_line)
    marked = (line.strip() for line in lines[begun:])
    return tuple(line.lstrip("# \t") for line in marked if line.startswith("#"))


_RecordLine = tuple[str, int, int, float, int | None, timedelta | None, date | None]


def _record_line(line: str) -> _RecordLine:
    words = line.split()
    found = _RECORD.fullmatch(words[0])
    if found is None or _NAME.fullmatch(found[1]) is None or len(words) < 2:
        raise refused("the record line is malformed")
    count = _whole(words[1], "the number of signals is malformed")
    pieces = int(found[2]) if found[2] else 0
    if not 0 <= count <= MOST_SIGNALS or pieces > MOST_SEGMENTS or (found[2] and not pieces):
        raise refused("the number of signals or segments is impossible")
    frequency, frames, clock, day = 250.0, None, None, None
    if len(words) > 2:
        rate = _RATE.fullmatch(words[2])
        frequency = _number(rate[1] if rate else "", "the sampling frequency is malformed")
        if not 1e-6 <= frequency <= 1e9:
            raise refused("the sampling frequency is impossible")
    if len(words) > 3:
        frames = _whole(words[3], "the number of samples is malformed") or None
        if frames is not None and frames < 0:
            raise refused("the number of samples is impossible")
    if len(words) > 4:
        clock = _clock(words[4])
    if len(words) > 5:
        day = _day(words[5])
    return found[1], pieces, count, frequency, frames, clock, day


def _signal(line: str) -> SignalLine:
    words = line.split(maxsplit=8)
    coded = _FORMAT.fullmatch(words[1]) if len(words) > 1 else None
    if coded is None or not (_FILE.fullmatch(words[0]) or words[0] == "~"):
        raise refused("a signal line is malformed")
    rate = int(coded[2] or 1)
    if not rate:
        raise refused("a signal has no samples in a frame")
    zero = _whole(words[4], "the zero of a signal is malformed") if len(words) > 4 else 0
    gain, baseline, unit = _gain(words[2]) if len(words) > 2 else (None, None, None)
    return SignalLine(
        file=words[0],
        coding=int(coded[1]),
        rate=rate,
        skew=int(coded[3] or 0),
        first_byte=int(coded[4] or 0),
        gain=gain,
        baseline=zero if baseline is None else baseline,
        unit=unit or "mV",
        initial=_whole(words[5], "a first sample is malformed") if len(words) > 5 else zero,
        checksum=_whole(words[6], "a checksum is malformed") if len(words) > 6 else None,
        name=words[8].strip() if len(words) > 8 else "",
    )


def _gain(word: str) -> tuple[float | None, int | None, str | None]:
    found = _GAIN.fullmatch(word)
    if found is None:
        raise refused("the gain of a signal is malformed")
    gain = _number(found[1], "the gain of a signal is malformed")
    return gain or None, int(found[2]) if found[2] else None, found[3]


def _segment(line: str) -> Segment:
    words = line.split()
    if len(words) != 2 or not (words[0] == "~" or _NAME.fullmatch(words[0])):
        raise refused("a segment line is malformed")
    frames = _whole(words[1], "the length of a segment is malformed")
    if frames < 0:
        raise refused("the length of a segment is impossible")
    return Segment(name=words[0], frames=frames)


def _whole(word: str, problem: str) -> int:
    if _WHOLE.fullmatch(word) is None:
        raise refused(problem)
    return int(word)


def _number(word: str, problem: str) -> float:
    try:
        value = float(word) if len(word) <= 40 and "_" not in word else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise refused(problem)
    return value


def _clock(word: str) -> timedelta:
    """`HH:MM:SS`, `MM:SS` or `SS`, with a fraction of a second."""
    parts = word.strip("[]").split(":")
    numbers = [_number(part, "the time of the record is malformed") for part in parts]
    if len(numbers) > 3 or min(numbers) < 0 or max(numbers[1:], default=0) >= 60:
        raise refused("the time of the record is malformed")
    seconds = sum(number * 60**power for power, number in enumerate(reversed(numbers)))
    if seconds >= 86400:
        raise refused("the time of the record is malformed")
    return timedelta(seconds=seconds)


def _day(word: str) -> date:
    parts = word.split("/")
    try:
        day = date(*(int(part) for part in reversed(parts))) if len(parts) == 3 else None
    except (ValueError, OverflowError):
        day = None
    if day is None or not 1850 <= day.year <= 2200:
        raise refused("the date of the record is impossible")
    return day

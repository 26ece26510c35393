"""Annotation files of WFDB records (`.atr`, `.qrs`…) in the MIT format: beats, rhythms, notes."""

import re
from dataclasses import dataclass

from bedside.interop.wfdb.header import refused

__all__ = ["SYMBOLS", "Annotation", "Annotations", "read_annotations"]

MOST_ANNOTATIONS = 10_000_000

SYMBOLS = {14: "~", 16: "|"}
SYMBOLS |= dict(zip(range(1, 14), "NLRaVFJASEj/Q", strict=True))
SYMBOLS |= dict(zip(range(18, 42), 'sT*D"=pB^t+u?![]en@xf()r', strict=True))
"""The symbol of each code; a code without one has none assigned. Source: WFDB ecgcodes.h."""

_SKIP, _NUMBER, _SUBTYPE, _CHANNEL, _TEXT = 59, 60, 61, 62, 63
_NOTE = 22
_RESOLUTION = re.compile(r"## time resolution: ([0-9.]{1,20})")
_DEFINITION = re.compile(r"(\d{1,2}) (\S{1,20})( .*)?")


@dataclass(slots=True, kw_only=True)
class Annotation:
    """One annotation: `place` counts ticks from the start of the record."""

    place: int
    code: int
    subtype: int = 0
    channel: int = 0
    number: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotations:
    """Those of one file, in its order.

    `frequency` is how many ticks a second has, None: as many as the record has frames. `symbols`
    says what each code means in this file.
    """

    found: tuple[Annotation, ...]
    frequency: float | None
    symbols: dict[int, str]


def read_annotations(content: bytes) -> Annotations:
    r"""Read an annotation file.

    Raises:
        Invalid: it is cut, or is not in the MIT format.
    Source: WFDB Applications Guide, annot(5).

    >>> read_annotations(b"\x4d\x04\x00\x00").found[0].place
    77
    """
    if len(content) < 2 or len(content) % 2:
        raise refused("the annotation file is cut")
    found = _annotations(content)
    symbols, frequency, kept = dict(SYMBOLS), None, []
    for one in found:
        note = one.text.strip() if one.place == 0 and one.code == _NOTE else ""
        if told := _RESOLUTION.fullmatch(note):
            frequency = _frequency(told[1])
        elif defined := _DEFINITION.fullmatch(note):
            symbols[int(defined[1])] = defined[2]
        elif one.code and not (one.place == 0 and one.code == _NOTE):  # that is about the file
            kept.append(one)
    return Annotations(found=tuple(kept), frequency=frequency, symbols=symbols)


def _frequency(text: str) -> float:
    try:
        told = float(text)
    except ValueError:
        told = 0.0
    if not 1e-6 <= told <= 1e9:
        raise refused("the time resolution of the annotations is impossible")
    return told


def _annotations(content: bytes) -> list[Annotation]:
    found: list[Annotation] = []
    at = place = channel = number = 0
    end = len(content)
    while at + 2 <= end:
        word = content[at] | content[at + 1] << 8
        at += 2
        if word == 0:
            return found
        kind, interval = word >> 10, word & 0x3FF
        if kind == _SKIP:
            if at + 4 > end:
                break
            high, low = content[at : at + 2], content[at + 2 : at + 4]
            place += int.from_bytes(low + high, "little", signed=True)
            at += 4
        elif kind < _SKIP:
            place += interval
            found.append(Annotation(place=place, code=kind, channel=channel, number=number))
            if len(found) > MOST_ANNOTATIONS or not 0 <= place < 1 << 50:
                raise refused("the annotation file says something impossible")
        elif not found:
            raise refused("the annotation file is not in the MIT format")
        elif kind == _TEXT:
            raw = content[at : at + interval]
            found[-1].text = raw.split(b"\0")[0].decode("latin-1")
            at += interval + interval % 2
        else:
            signed = interval - 1024 if interval > 511 else interval
            if kind == _SUBTYPE:
                found[-1].subtype = signed
            elif kind == _CHANNEL:
                found[-1].channel = channel = interval & 0xFF
            else:
                found[-1].number = number = signed
    raise refused("the annotation file is cut")

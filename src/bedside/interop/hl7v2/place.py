"""Where a question came from, as a message says it: the facility, and the point of care.

Read from a message, or from the question that a message led to, as the ledger keeps either.
"""

import re
from typing import NamedTuple

import msgspec

__all__ = ["NOWHERE", "Place", "place_in_message", "place_told"]

_LONGEST = 40  # characters of a name
_BETWEEN = re.compile(r"[\^~&]")
_FACILITY = re.compile(r"^MSH\|[^|]*\|[^|]*\|([^|\r\n]+)")
_POINT_OF_CARE = re.compile(r"(?:^|[\r\n])PV1\|[^|]*\|[^|]*\|([^|\r\n]+)")


class Place(NamedTuple):
    """A site and a ward; '' where nothing says it. Both may stand in a sentence."""

    site: str
    ward: str


NOWHERE = Place("", "")


class _Kept(msgspec.Struct, frozen=True):
    sender: tuple[str, str] = ("", "")
    ward: str = ""


_KEPT = msgspec.json.Decoder(_Kept)


def place_in_message(text: str) -> Place:
    r"""Of a message with the usual delimiters: MSH-4 and the first component of PV1-3.

    >>> place_in_message("MSH|^~\\&|LAB|St Anna|B|X\rPID|1\rPV1|1|I|7 West^12^1")
    Place(site='St Anna', ward='7 West')
    """
    site, ward = _FACILITY.match(text), _POINT_OF_CARE.search(text)
    return Place(*("" if one is None else _name(one.group(1)) for one in (site, ward)))


def place_told(request: str | None) -> Place:
    """Of a sealed request, whatever wire it came by; `NOWHERE` where it is of another.

    >>> place_told('{"patient":"7","sender":["LAB","St Anna"],"ward":"7 West"}')
    Place(site='St Anna', ward='7 West')
    """
    if not request:
        return NOWHERE
    if request.startswith("MSH|"):
        return place_in_message(request)
    if not request.startswith('{"patient":'):
        return NOWHERE
    try:
        kept = _KEPT.decode(request)
    except msgspec.MsgspecError:
        return NOWHERE
    return Place(_name(kept.sender[1]), _name(kept.ward))


def _name(text: str) -> str:
    """The first component, as it may stand in a sentence."""
    first = _BETWEEN.split(text, 1)[0]
    return "".join(one for one in first[:_LONGEST] if one.isprintable()).strip()

"""The header of an ARFF file (Weka manual, ARFF stable version)."""

import re
from dataclasses import dataclass

from bedside.core.errors import Invalid

__all__ = ["ArffHeader", "read_header"]

_ATTRIBUTE = re.compile(
    r"@attribute\s+(?:'((?:[^'\\]|\\.)+)'|\"((?:[^\"\\]|\\.)+)\"|([^\s'\"]+))\s+\S", re.IGNORECASE
)
MOST_ATTRIBUTES = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ArffHeader:
    """The attributes' names in order, and the first byte after the line `@data`."""

    names: tuple[str, ...]
    data: int


def read_header(content: bytes) -> ArffHeader:
    r"""Read the header of an ARFF file in UTF-8.

    Raises:
        Invalid: there is no `@data`, an attribute cannot be read or is there twice, or the rows
            are sparse (in braces), which is not read here.

    >>> read_header(b"% c\n@relation r\n@attribute 'a b' numeric\n@ATTRIBUTE c {x,y}\n@data\n1,x")
    ArffHeader(names=('a b', 'c'), data=66)
    """
    names: list[str] = []
    at = 0
    while at < len(content):
        end = content.find(b"\n", at)
        end = len(content) if end < 0 else end
        line = content[at:end].strip()
        at = end + 1
        word = line[:10].lower()
        if word.startswith(b"@data"):
            return _header(names, at, content)
        if word.startswith(b"@attribute"):
            names.append(_name(line, len(names) + 1))
            if len(names) > MOST_ATTRIBUTES:
                raise _malformed("it has more than 100,000 attributes")
    raise _malformed("it has no line @data")


def _header(names: list[str], data: int, content: bytes) -> ArffHeader:
    if not names or len(set(names)) != len(names):
        raise _malformed("it has no attribute, or one twice")
    if content[data : data + 4096].lstrip().startswith(b"{"):
        raise _malformed("its rows are sparse, which is not read here")
    return ArffHeader(names=tuple(names), data=data)


def _name(line: bytes, number: int) -> str:
    try:
        found = _ATTRIBUTE.match(line.decode())
    except UnicodeDecodeError:
        found = None
    if found is None:
        raise _malformed(f"attribute {number} cannot be read")
    return re.sub(r"\\(.)", r"\1", found.group(1) or found.group(2) or found.group(3))


def _malformed(why: str) -> Invalid:
    return Invalid(
        f"The file is not ARFF: {why}.", fix="export it again, or give it as CSV.", code="malformed"
    )

"""A stranger's CDA document as a tree: no entities, no DTD, and bounded in every way."""

import re
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from bedside.core.errors import Invalid

__all__ = ["child", "children", "is_null", "parsed", "path", "refused", "type_of"]

LARGEST = 64 << 20  # bytes: documents carry scans
LONGEST_TAG = 64 << 10  # bytes: attributes without end would fill the memory
DEEPEST = 100  # elements inside one another; the deepest of real documents are below 30
MOST_ELEMENTS = 500_000

_TAG = re.compile(rb"<(?!!)[^<>]{%d}" % LONGEST_TAG)
_V3 = "{urn:hl7-org:v3}"
_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"


class _TooMuch(Exception):
    """A bound is passed; the text says which."""


class _Bounded(TreeBuilder):
    """Builds the tree while the bounds are kept."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = self._count = 0

    def start(self, tag: str, attrs: Any, /) -> Element:
        """An element begins."""
        self._depth += 1
        self._count += 1
        if self._depth > DEEPEST:
            raise _TooMuch(f"its elements are more than {DEEPEST} deep")
        if self._count > MOST_ELEMENTS:
            raise _TooMuch(f"it has more than {MOST_ELEMENTS} elements")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        """An element ends."""
        self._depth -= 1
        return super().end(tag)


def refused(problem: str) -> Invalid:
    """An error about a document; the problem never repeats what it says."""
    return Invalid(f"The document cannot be read: {problem}.", fix="export it again.", code=problem)


def parsed(content: bytes) -> Element:
    """The root of a CDA document.

    Raises:
        Invalid: it is not well-formed XML, has a DTD or entities, is too large or too deep, or is
            not a CDA document. `code` tells what.
    """
    if len(content) > LARGEST:
        raise refused("it is larger than 64 MiB")
    if _TAG.search(content):
        raise refused("it has a tag longer than 64 KiB")
    try:
        parser = DefusedXMLParser(target=_Bounded(), forbid_dtd=True)
        parser.feed(content)
        root = parser.close()
    except _TooMuch as error:
        raise refused(str(error)) from None
    except DefusedXmlException:
        raise refused("it has a document type or entities, which are not read") from None
    except (ParseError, LookupError, ValueError, RecursionError):
        raise refused("it is not well-formed XML") from None
    if not isinstance(root, Element) or root.tag != f"{_V3}ClinicalDocument":
        raise refused("it is not a CDA document")
    return root


def children(element: Element | None, name: str) -> Iterator[Element]:
    """The children of this name; a name with a prefix is one of the extensions `sdtc:`."""
    if element is not None:
        yield from element.iterfind(_tag(name))


def child(element: Element | None, name: str) -> Element | None:
    """The first child of this name."""
    return next(children(element, name), None)


def path(element: Element | None, *names: str) -> Element | None:
    """The first child of the first name, its first child of the second, and so on."""
    for name in names:
        element = child(element, name)
    return element


def is_null(element: Element | None) -> bool:
    """Whether nothing is there, or only the reason why nothing is (`nullFlavor`)."""
    return element is None or "nullFlavor" in element.attrib


def type_of(element: Element) -> str:
    """The data type that `xsi:type` names, without its prefix."""
    return element.get(_TYPE, "").rpartition(":")[2]


def _tag(name: str) -> str:
    return "{urn:hl7-org:sdtc}" + name[5:] if name.startswith("sdtc:") else _V3 + name

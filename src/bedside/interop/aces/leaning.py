"""How the edges of a window lean: in ACES, exactly one on the other, and the other outside."""

from collections.abc import Iterator
from datetime import timedelta

from bedside.core.errors import Invalid
from bedside.core.records.question import Window
from bedside.interop.aces.words import Edge, duration_text, edge

__all__ = ["edges_for_aces", "leans_on"]


def edges_for_aces(window: Window) -> tuple[str | None, str | None] | None:
    """Both edges so that exactly one leans on the other; None if ACES has no words for them.

    Raises:
        Invalid: an edge is not one.

    >>> edges_for_aces(Window(start="trigger - 6h", end="trigger"))
    ('trigger - 6 h', 'start + 6 h')
    """
    start = _read(window.start)
    end = _read(window.end)
    if (
        start is not None
        and end is not None
        and {start.near, end.near}.isdisjoint({"start", "end"})
    ):
        length = end.shift - start.shift
        alike = start.near == end.near and not start.arrow and not end.arrow
        if not alike or length <= timedelta():
            return None
        return start.text, f"start + {duration_text(length)}"
    start_leans = start is None or start.near == "end"
    end_leans = end is None or end.near == "start"
    if start_leans == end_leans:
        return None
    if start_leans and start is not None:
        before = start.arrow == "<-" if start.arrow else start.shift < timedelta()
    elif end_leans and end is not None:
        before = end.arrow == "->" if end.arrow else end.shift > timedelta()
    else:
        before = True
    if not before:
        return None
    return start.text if start else None, end.text if end else None


def _read(text: str | None) -> Edge | None:
    if text is None:
        return None
    found = edge(text)
    if found is None:
        raise Invalid(
            "An edge of a window is in words that ACES has not.",
            fix="write it like trigger, start + 24 h or start -> death.",
            code="aces",
        )
    return found


def leans_on(window: Window) -> Iterator[str]:
    """The other windows at whose edges this one's lie."""
    for text in (window.start, window.end):
        found = _read(text)
        if found is not None and "." in found.near:
            yield found.near.partition(".")[0]

"""The windows of a task, each checked where it stands."""

from bedside.core.records.question import Window
from bedside.interop.aces.document import Part, named
from bedside.interop.aces.words import bounds, bounds_text, edge

__all__ = ["checked", "read_window"]

_KEYS = ("start", "end", "start_inclusive", "end_inclusive", "has", "label", "index_timestamp")


def read_window(part: Part) -> Window:
    """A window; without them, its edges belong to it.

    Raises:
        Invalid: an edge, a bound or a key is not ACES'.
    """
    keys = part.items()
    for name, inner in keys.items():
        if name not in _KEYS:
            raise inner.wrong(f"unknown key {named(name)}", f"use one of: {', '.join(_KEYS)}")
    for side in ("start", "end"):
        if side not in keys:
            raise part.wrong(f"the window has no {side}", f"add {side}:, null for the record's")
    given = {name: inner for name, inner in keys.items() if not inner.is_null}
    if "start" not in given and "end" not in given:
        raise part.wrong("both edges are open", "anchor one edge, e.g. at trigger")
    index = given["index_timestamp"].text() if "index_timestamp" in given else None
    if index not in (None, "start", "end"):
        raise given["index_timestamp"].wrong("neither start nor end", "write start or end")
    return Window(
        start=_edge(given["start"]) if "start" in given else None,
        end=_edge(given["end"]) if "end" in given else None,
        start_inclusive=given["start_inclusive"].flag() if "start_inclusive" in given else True,
        end_inclusive=given["end_inclusive"].flag() if "end_inclusive" in given else True,
        has=_has(given["has"]) if "has" in given else {},
        label=given["label"].text() if "label" in given else None,
        index_timestamp="start" if index == "start" else "end" if index == "end" else None,
    )


def _edge(part: Part) -> str:
    found = edge(part.text())
    if found is None:
        raise part.wrong(
            "not an edge of a window",
            "write it like trigger, start + 24h, input.end, start -> death or end <- admission",
        )
    return found.text


def _has(part: Part) -> dict[str, str]:
    found = {}
    for name, inner in part.items().items():
        text = inner.text() if not inner.is_list else _listed(inner)
        read = bounds(text)
        if read is None:
            raise inner.wrong(
                "not bounds that a count can keep", "write them like (1, None) or (None, 0)"
            )
        found[name] = bounds_text(*read)
    return found


def _listed(part: Part) -> str:
    ends = ["None" if one.is_null else one.text() for one in part.parts()]
    return ", ".join(ends)


def checked(windows: dict[str, Window], parts: dict[str, Part]) -> None:
    """Check how the windows hang together: as a tree from the trigger, with one label and index.

    Raises:
        Invalid: an edge leans on nothing, or on itself over others; two labels or indices.
    """
    for name, window in windows.items():
        for side in ("start", "end"):
            _reaches(f"{name}.{side}", windows, parts)
        both = [_leans_within(window, "start"), _leans_within(window, "end")]
        if all(both):
            raise parts[name].wrong(
                "both edges lean on each other or on the record", "anchor one edge, e.g. at trigger"
            )
    for key in ("label", "index_timestamp"):
        named_by = [name for name, window in windows.items() if getattr(window, key) is not None]
        if len(named_by) > 1:
            raise parts[named_by[1]].wrong(f"a second {key}", "keep one in the whole task")


def _leans_within(window: Window, side: str) -> bool:
    """Whether an edge is open, or leans on the other edge of its window."""
    text = window.start if side == "start" else window.end
    found = edge(text) if text is not None else None
    return found is None or found.near in ("start", "end")


def _reaches(name: str, windows: dict[str, Window], parts: dict[str, Part]) -> None:
    """Follow an edge until the trigger or the record's own start or end."""
    met = set()
    at = name
    while at != "trigger":
        window_name, _, side = at.partition(".")
        part = parts[name.partition(".")[0]]
        if window_name not in windows:
            known = ", ".join(windows)
            raise part.wrong(f"there is no window {named(window_name)}", f"use one of: {known}")
        if at in met:
            raise part.wrong("an edge leans on itself", "anchor it to trigger")
        met.add(at)
        text = getattr(windows[window_name], side)
        found = edge(text) if text is not None else None
        if found is None:
            return
        at = f"{window_name}.{found.near}" if found.near in ("start", "end") else found.near

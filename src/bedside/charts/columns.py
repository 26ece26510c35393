"""Columns of counts and the line of a median, as SVG text: how values lie, and how they move."""

from collections.abc import Sequence
from html import escape

__all__ = ["histogram", "trend"]

_WIDTH, _LEFT, _RIGHT = 480, 52, 10
MOST_WHOLE = 4  # numbers between the ends of an axis


def histogram(
    edges: Sequence[float], counts: Sequence[int | None], *, says: str, unit: str = ""
) -> str:
    """How often values lie between each two edges; a hidden count is an outlined low column.

    Args:
        edges: One more than there are counts, ascending.
        counts: None where the count is too small to show.
        says: What the picture shows, for those who do not see it.
        unit: Of the edges, for reading.

    >>> histogram([0.0, 1.0, 2.0], [5, None], says="s").count("<rect")
    2
    """
    floor, most = 96, max([1, *(count or 0 for count in counts)])
    step = (_WIDTH - _LEFT - _RIGHT) / max(len(counts), 1)
    parts = [_counts_axis(10, floor, most)]
    for place, count in enumerate(counts):
        words = f"{_short(edges[place])} to {_short(edges[place + 1])}{unit}: {_count(count)}"
        parts.append(_column(_LEFT + place * step, step, count, most, 10, floor, words))
    for place in _told_edges(edges):
        anchor = "start" if place == 0 else "end" if place == len(counts) else "middle"
        suffix = escape(unit) if place == len(counts) else ""
        parts.append(
            f'<text x="{_LEFT + place * step:.1f}" y="{floor + 15}" text-anchor="{anchor}">'
            f"{_short(edges[place])}{suffix}</text>"
        )
    return _svg(floor + 22, "".join(parts), says)


def trend(
    labels: Sequence[str],
    counts: Sequence[int | None],
    medians: Sequence[float | None],
    *,
    says: str,
    unit: str = "",
    around: Sequence[float] = (),
) -> str:
    """Counts in each period as columns, and above them the median as a line with dots.

    Args:
        labels: One for each period, in order; a few of them are written.
        counts: None where the count is too small to show.
        medians: None where there is none, or too few are behind it; all None: no line is drawn.
        says: What the picture shows, for those who do not see it.
        unit: Of the medians, for reading.
        around: Values that the scale of the medians takes in as well, such as the quartiles of
            all values, so that a small move looks small.
    """
    told = [median for median in medians if median is not None]
    top = 96 if told else 10
    floor, most = top + 70, max([1, *(count or 0 for count in counts)])
    step = (_WIDTH - _LEFT - _RIGHT) / max(len(labels), 1)
    parts = [_counts_axis(top, floor, most)]
    if told:
        parts.append(_medians(medians, labels, step, unit, around))
    for place, (label, count) in enumerate(zip(labels, counts, strict=True)):
        parts.append(
            _column(
                _LEFT + place * step, step, count, most, top, floor, f"{label}: {_count(count)}"
            )
        )
    every = max(1, -(-len(labels) // 7))
    for place in range(0, len(labels), every):
        parts.append(
            f'<text x="{_LEFT + (place + 0.5) * step:.1f}" y="{floor + 15}" '
            f'text-anchor="middle">{escape(labels[place])}</text>'
        )
    return _svg(floor + 22, "".join(parts), says)


def _medians(
    medians: Sequence[float | None],
    labels: Sequence[str],
    step: float,
    unit: str,
    around: Sequence[float],
) -> str:
    told = [median for median in medians if median is not None]
    low, high = min(*told, *around, told[0]), max(*told, *around, told[0])
    spread = (high - low) or max(abs(high), 1.0) * 0.1
    low, high = low - 0.1 * spread, high + 0.1 * spread
    bottom, top = 78, 14

    def at(value: float) -> float:
        return bottom - (bottom - top) * (value - low) / (high - low)

    parts, points = [], []
    marks = sorted({min(told), max(told)})
    if at(marks[0]) - at(marks[-1]) < 13:
        marks = [told[-1]]  # two would lie upon each other
    for shown in marks:
        parts.append(
            f'<path class="grid" d="M{_LEFT} {at(shown):.1f}H{_WIDTH - _RIGHT}"/>'
            f'<text x="{_LEFT - 5}" y="{at(shown) + 4:.1f}" text-anchor="end">'
            f"{_short(shown)}</text>"
        )
    for place, (label, median) in enumerate(zip(labels, medians, strict=True)):
        if median is None:
            points.append("")
            continue
        x, y = _LEFT + (place + 0.5) * step, at(median)
        points.append(f"{x:.1f},{y:.1f}")
        parts.append(
            f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3"><title>'
            f"{escape(label)}: median {_short(median)}{escape(unit)}</title></circle>"
        )
    for run in " ".join(point or "|" for point in points).split("|"):
        if "," in run:
            parts.append(f'<polyline class="median" points="{run.strip()}"/>')
    return "".join(parts)


def _column(
    left: float, step: float, count: int | None, most: int, top: int, floor: int, words: str
) -> str:
    tall = (floor - top) * (count or 0) / most
    kind, tall = ("few", 5.0) if count is None else ("column", max(tall, 0.8 if count else 0.0))
    return (
        f'<rect class="{kind}" x="{left + 0.08 * step:.1f}" y="{floor - tall:.1f}" '
        f'width="{max(0.84 * step, 0.5):.1f}" height="{tall:.1f}"><title>{escape(words)}</title>'
        "</rect>"
    )


def _told_edges(edges: Sequence[float]) -> list[int]:
    """Which edges are written: the ends, and whole numbers between, or else the middle.

    >>> _told_edges([0, 1.33, 2.67, 4, 5.33, 6.67, 8]), _told_edges([0, 0.1, 0.2])
    ([0, 3, 6], [0, 1, 2])
    """
    last = len(edges) - 1
    whole = [place for place in range(1, last) if edges[place] == round(edges[place])]
    return sorted({0, *(whole if 0 < len(whole) <= MOST_WHOLE else [last // 2]), last})


def _counts_axis(top: int, floor: int, most: int) -> str:
    return (
        f'<path class="axis" d="M{_LEFT} {floor}H{_WIDTH - _RIGHT}"/>'
        f'<path class="grid" d="M{_LEFT} {top}H{_WIDTH - _RIGHT}"/>'
        f'<text x="{_LEFT - 5}" y="{top + 4}" text-anchor="end">{_short(most)}</text>'
        f'<text x="{_LEFT - 5}" y="{floor}" text-anchor="end">0</text>'
    )


def _svg(height: int, inside: str, says: str) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(says)}">'
        f"{inside}</svg>"
    )


def _count(count: int | None) -> str:
    return "10 or fewer" if count is None else f"{count:,}"


def _short(value: float) -> str:
    if value == round(value) and abs(value) < 1e9:
        return f"{value:,.0f}"
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.3g}"

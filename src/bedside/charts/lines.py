"""Lines, steps, bands and intervals over two axes as SVG text, readable without colour."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from bedside.charts.frame import picture, short, ticks

__all__ = ["Line", "Mark", "line_chart"]

Place = Callable[[float, float], tuple[float, float]]

WIDTH, HEIGHT = 520, 350
LEFT, RIGHT, TOP, BOTTOM = 62, 16, 14, 46
KEY = 19  # height of a line of the key, which stands above the plot
LETTER = 6.4  # width of a letter of the key
TONES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line: its points, its name, and how it is drawn.

    `low` and `high` are an interval at each point: a bar, or with `band` an area. `tone` is the
    colour and the shape of the dots; the number of the line if not given. With `steps`, a value
    holds until the next point. Without `drawn`, only the dots are: one at
    `every` so many points.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    dashed: bool = False
    dots: bool = False
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    band: bool = False
    steps: bool = False
    drawn: bool = True
    tone: int | None = None
    every: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A vertical line at `x`, with a few words beside it."""

    x: float
    text: str


def line_chart(
    lines: Sequence[Line],
    *,
    title: str,
    says: str,
    x_title: str,
    y_title: str,
    x_range: tuple[float, float] = (0, 1),
    y_range: tuple[float, float] = (0, 1),
    marks: Sequence[Mark] = (),
    x_ticks: Sequence[float] | None = None,
    x_words: Sequence[str] = (),
) -> str:
    """Lines over two titled axes, under their key; what lies outside the ranges is cut off.

    `x_words` stand below the ticks in the place of their numbers, one for each of `x_ticks`.

    >>> svg = line_chart([Line(name="a", x=[0, 1], y=[0, 1])], title="t", says="s",
    ...                  x_title="x", y_title="y")
    >>> svg.count("<polyline")
    1
    """
    named = [(_tone(number, line), line) for number, line in enumerate(lines)]
    key, deep = _key(named)
    top = TOP + deep
    height = HEIGHT + deep
    wide, tall = WIDTH - LEFT - RIGHT, height - top - BOTTOM

    def at(x: float, y: float) -> tuple[float, float]:
        share_x = (x - x_range[0]) / (x_range[1] - x_range[0])
        share_y = min(max((y - y_range[0]) / (y_range[1] - y_range[0]), 0.0), 1.0)
        return LEFT + share_x * wide, top + (1 - share_y) * tall

    places = ticks(*x_range) if x_ticks is None else x_ticks
    told = list(zip(places, x_words or [short(x) for x in places], strict=True))
    parts = [key, _axes(at, x_range, y_range, x_title, y_title, height, told)]
    for mark in marks:
        if x_range[0] <= mark.x <= x_range[1]:
            parts.append(_marked(at, mark, y_range))
    parts += [_area(at, line, tone, x_range) for tone, line in named if line.band]
    parts += [_drawn(at, line, tone, x_range, y_range) for tone, line in named]
    return picture(WIDTH, height, "".join(parts), title=title, says=says)


def _tone(number: int, line: Line) -> int:
    return (number if line.tone is None else line.tone) % TONES


def _points(
    x: Sequence[float], y: Sequence[float], x_range: tuple[float, float], steps: bool
) -> list[tuple[float, float]]:
    """The points inside the range of x, with the corners of the steps."""
    inside = [(a, b) for a, b in zip(x, y, strict=True) if x_range[0] <= a <= x_range[1]]
    made: list[tuple[float, float]] = []
    for number, (a, b) in enumerate(inside):
        if steps and number:
            made.append((a, inside[number - 1][1]))
        made.append((a, b))
    return made


def _runs(
    points: Sequence[tuple[float, float]], low: float, high: float
) -> list[list[tuple[float, float]]]:
    """The parts of a line that lie between two heights, cut where it crosses them."""
    runs: list[list[tuple[float, float]]] = [[]]
    for number, (x, y) in enumerate(points):
        if number:
            before_x, before_y = points[number - 1]
            crossed = [
                (before_x + (edge - before_y) / (y - before_y) * (x - before_x), edge)
                for edge in (low, high)
                if (before_y - edge) * (y - edge) < 0
            ]
            for point in sorted(crossed, key=lambda one: abs(one[1] - before_y)):
                runs[-1].append(point)
                if len(runs[-1]) > 1:
                    runs.append([])
        if low <= y <= high:
            runs[-1].append((x, y))
    return [run for run in runs if run]


def _path(at: Place, points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(a, b) for a, b in points))


def _area(at: Place, line: Line, tone: int, x_range: tuple[float, float]) -> str:
    there = _points(line.x[: len(line.low)], line.low, x_range, line.steps)
    back = _points(line.x[: len(line.high)], line.high, x_range, line.steps)
    around = _path(at, [*there, *reversed(back)])
    return f'<polygon class="band band{tone}" points="{around}"/>'


def _drawn(
    at: Place, line: Line, tone: int, x_range: tuple[float, float], y_range: tuple[float, float]
) -> str:
    parts = []
    dash = " dashed" if line.dashed else ""
    if line.drawn:
        points = _points(line.x, line.y, x_range, line.steps)
        parts += [
            f'<polyline class="line{tone}{dash}" points="{_path(at, run)}"/>'
            for run in _runs(points, *y_range)
        ]
    if not line.band:
        for x, low, high in zip(line.x, line.low, line.high, strict=False):
            (a, b), (_, c) = at(x, low), at(x, high)
            parts.append(f'<path class="line{tone}" d="M{a:.1f} {b:.1f}V{c:.1f}"/>')
    if line.dots:
        parts += [
            _dot(tone, *at(x, y))
            for x, y in zip(line.x[:: line.every], line.y[:: line.every], strict=True)
            if x_range[0] <= x <= x_range[1] and y_range[0] <= y <= y_range[1]
        ]
    return "".join(parts)


def _dot(tone: int, x: float, y: float) -> str:
    """A circle, square, triangle, diamond or cross."""
    shapes = (
        f"M{x - 3.5:.1f} {y:.1f}a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0",
        f"M{x - 3.2:.1f} {y - 3.2:.1f}h6.4v6.4h-6.4z",
        f"M{x:.1f} {y - 4.2:.1f}l4 7h-8z",
        f"M{x:.1f} {y - 4.6:.1f}l4.2 4.6l-4.2 4.6l-4.2 -4.6z",
        f"M{x - 3.5:.1f} {y - 1:.1f}h2.5v-2.5h2v2.5h2.5v2h-2.5v2.5h-2v-2.5h-2.5z",
    )
    return f'<path class="dot{tone}" d="{shapes[tone]}"/>'


def _marked(at: Place, mark: Mark, y_range: tuple[float, float]) -> str:
    (x, bottom), (_, top) = at(mark.x, y_range[0]), at(mark.x, y_range[1])
    on_the_left = x > WIDTH - RIGHT - 7 * len(mark.text)
    anchor, aside = ("end", -6) if on_the_left else ("start", 6)
    return (
        f'<path class="mark" d="M{x:.1f} {top:.1f}V{bottom:.1f}"/>'
        f'<text x="{x + aside:.1f}" y="{top + 12:.1f}" text-anchor="{anchor}">'
        f"{escape(mark.text)}</text>"
    )


def _axes(
    at: Place,
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    x_title: str,
    y_title: str,
    height: float,
    told: Sequence[tuple[float, str]],
) -> str:
    parts = []
    (left, bottom), (right, top) = at(x_range[0], y_range[0]), at(x_range[1], y_range[1])
    for x, words in told:
        px, _ = at(x, y_range[0])
        parts.append(
            f'<path class="axis" d="M{px:.1f} {bottom:.1f}v4"/>'
            f'<text x="{px:.1f}" y="{bottom + 17:.1f}" text-anchor="middle">{escape(words)}</text>'
        )
    for y in ticks(*y_range):
        _, py = at(x_range[0], y)
        parts.append(
            f'<path class="grid" d="M{left:.1f} {py:.1f}H{right:.1f}"/>'
            f'<text x="{left - 6:.1f}" y="{py + 4:.1f}" text-anchor="end">{short(y)}</text>'
        )
    parts.append(
        f'<path class="axis" d="M{left:.1f} {bottom:.1f}H{right:.1f}"/>'
        f'<text x="{(left + right) / 2:.1f}" y="{height - 8:g}" '
        f'text-anchor="middle">{escape(x_title)}</text>'
        f'<text transform="rotate(-90)" x="{-(top + bottom) / 2:.1f}" y="13" '
        f'text-anchor="middle">{escape(y_title)}</text>'
    )
    return "".join(parts)


def _key(named: Sequence[tuple[int, Line]]) -> tuple[str, float]:
    """The names of the lines beside a piece of each, and how much room they take."""
    parts, x, y = [], float(LEFT), 12.0
    for tone, line in named:
        if not line.name:
            continue
        wide = 40 + LETTER * len(line.name)
        if x > LEFT and x + wide > WIDTH - RIGHT:
            x, y = float(LEFT), y + KEY
        dash = " dashed" if line.dashed else ""
        if line.drawn:
            parts.append(f'<path class="line{tone}{dash}" d="M{x:.1f} {y - 4:g}h24"/>')
        if line.dots:
            parts.append(_dot(tone, x + 12, y - 4))
        parts.append(f'<text x="{x + 30:.1f}" y="{y:g}">{escape(line.name)}</text>')
        x += wide + 14
    return "".join(parts), (y if parts else 0.0)

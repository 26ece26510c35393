"""Line and interval charts as SVG text, readable without colour."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

__all__ = ["Line", "line_chart"]

Place = Callable[[float, float], tuple[float, float]]

WIDTH, HEIGHT = 520, 340
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 14, 46


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line: its points, its name, and how it is drawn.

    `low` and `high` draw a vertical interval at each point.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    dashed: bool = False
    dots: bool = False
    low: Sequence[float] = ()
    high: Sequence[float] = ()


def line_chart(
    lines: Sequence[Line],
    *,
    says: str,
    x_title: str,
    y_title: str,
    x_range: tuple[float, float] = (0, 1),
    y_range: tuple[float, float] = (0, 1),
    key_below: bool = False,
) -> str:
    """Lines over two titled axes; `says` is read aloud by a screen reader.

    The key stands at the top right, or lower where the lines run high on the right.

    >>> line_chart([Line(name="a", x=[0, 1], y=[0, 1])], says="s", x_title="x", y_title="y")[:4]
    '<svg'
    """

    def at(x: float, y: float) -> tuple[float, float]:
        share_x = (x - x_range[0]) / (x_range[1] - x_range[0])
        share_y = (y - y_range[0]) / (y_range[1] - y_range[0])
        share_y = min(max(share_y, 0.0), 1.0)
        return (
            LEFT + share_x * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - share_y * (HEIGHT - TOP - BOTTOM),
        )

    parts = [_axes(at, x_range, y_range, x_title, y_title)]
    for number, line in enumerate(lines):
        points = [
            at(x, y) for x, y in zip(line.x, line.y, strict=True) if x_range[0] <= x <= x_range[1]
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(
            f'<polyline class="line{number}{" dashed" if line.dashed else ""}" points="{path}"/>'
        )
        if line.dots:
            parts += [
                f'<circle class="dot{number}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>'
                for x, y in points
            ]
        for x, low, high in zip(line.x, line.low, line.high, strict=False):
            (a, b), (_, c) = at(x, low), at(x, high)
            parts.append(f'<path class="line{number}" d="M{a:.1f} {b:.1f}V{c:.1f}"/>')
        parts.append(_key(number, line, HEIGHT - 110 if key_below else TOP + 12))
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(says, {chr(34): "&quot;"})}">'
        f"{''.join(parts)}</svg>"
    )


def _axes(
    at: Place,
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    x_title: str,
    y_title: str,
) -> str:
    parts = []
    for tick in range(6):
        x = x_range[0] + tick / 5 * (x_range[1] - x_range[0])
        y = y_range[0] + tick / 5 * (y_range[1] - y_range[0])
        (px, bottom), (left, py) = at(x, y_range[0]), at(x_range[0], y)
        parts.append(
            f'<path class="grid" d="M{left:.1f} {py:.1f}H{WIDTH - RIGHT}"/>'
            f'<text x="{px:.1f}" y="{bottom + 16:.1f}" text-anchor="middle">{x:.3g}</text>'
            f'<text x="{left - 6:.1f}" y="{py + 4:.1f}" text-anchor="end">{y:.2g}</text>'
        )
    parts.append(
        f'<text x="{(WIDTH + LEFT) / 2}" y="{HEIGHT - 8}" '
        f'text-anchor="middle">{escape(x_title)}</text>'
        f'<text transform="rotate(-90)" x="{-(HEIGHT - BOTTOM) / 2}" y="13" '
        f'text-anchor="middle">{escape(y_title)}</text>'
    )
    return "".join(parts)


def _key(number: int, line: Line, top: int) -> str:
    y = top + 17 * number
    dash = " dashed" if line.dashed else ""
    return (
        f'<path class="line{number}{dash}" d="M{WIDTH - 190} {y}h26"/>'
        f'<text x="{WIDTH - 158}" y="{y + 4}">{escape(line.name)}</text>'
    )

"""Figures of several alternatives as dots on one scale, as SVG text, readable without colour."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["DotRow", "dot_chart"]

_WIDTH, _LEFT, _RIGHT, _ROW = 900, 360, 24, 30
_LONGEST = 52  # letters of a name that fit beside the scale


@dataclass(frozen=True, slots=True, kw_only=True)
class DotRow:
    """One alternative: its name, and its figure of each measure."""

    name: str
    figures: Mapping[str, float]


def dot_chart(
    rows: Sequence[DotRow], *, says: str, low: float = 0.0, high: float = 1.0
) -> str:  # fmt: skip
    """A line for each alternative; the first measure is a filled dot, the second a square.

    The first alternative is what the others are compared with: a dashed line goes down from it.

    Args:
        rows: At least one, all with the same measures.
        says: What the picture shows, for those who do not see it.
        low: Where the scale begins.
        high: Where it ends.

    >>> svg = dot_chart([DotRow(name="all", figures={"AUROC": 0.9})], says="s")
    >>> svg.count('class="first"')  # and one in the key
    2
    """
    wide = _WIDTH - _LEFT - _RIGHT
    floor = 30 + _ROW * len(rows)

    def at(figure: float) -> float:
        return _LEFT + wide * (min(max(figure, low), high) - low) / (high - low)

    parts = []
    for tick in range(6):
        value = low + tick / 5 * (high - low)
        parts.append(
            f'<path class="grid" d="M{at(value):.1f} 22V{floor}"/>'
            f'<text x="{at(value):.1f}" y="{floor + 16}" text-anchor="middle">{value:.2g}</text>'
        )
    measures = list(rows[0].figures)
    for number, measure in enumerate(measures):
        x = _LEFT + 150 * number
        parts.append(
            _mark(number, x + 6, 9) + f'<text x="{x + 18}" y="13">{escape(measure)}</text>'
        )
        base = at(rows[0].figures[measure])
        parts.append(f'<path class="base" d="M{base:.1f} 36V{floor}"/>')
    for place, row in enumerate(rows):
        y = 40 + _ROW * place
        name = row.name if len(row.name) <= _LONGEST else row.name[: _LONGEST - 1] + "…"
        told = ", ".join(f"{measure} {row.figures[measure]:.3f}" for measure in measures)
        marks = "".join(
            _mark(number, at(row.figures[measure]), y) for number, measure in enumerate(measures)
        )
        parts.append(
            f'<text x="{_LEFT - 12}" y="{y + 4}" text-anchor="end">{escape(name)}</text>'
            f"<g><title>{escape(row.name)}: {escape(told)}</title>{marks}</g>"
        )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {floor + 24}" role="img" aria-label="{escape(says)}">'
        f"{''.join(parts)}</svg>"
    )


def _mark(number: int, x: float, y: float) -> str:
    if number == 0:
        return f'<circle class="first" cx="{x:.1f}" cy="{y}" r="6"/>'
    return f'<rect class="second" x="{x - 5:.1f}" y="{y - 5}" width="10" height="10"/>'

"""Pictures of then and now, as SVG text: paired bars and intervals, legible without colour."""

from collections.abc import Sequence
from html import escape
from itertools import pairwise

__all__ = ["bin_words", "interval_chart", "paired_bars", "shares"]

_WIDTH, _HEIGHT, _LEFT, _TOP, _FLOOR = 640, 220, 46, 14, 160


def bin_words(edges: Sequence[float]) -> list[str]:
    """Each bin between the edges in a few characters.

    >>> bin_words([1.0, 2.5])
    ['< 1', '1–2.5', '≥ 2.5']
    """
    words = [_short(edge) for edge in edges]
    if not words:
        return ["all"]
    inner = [f"{low}–{high}" for low, high in pairwise(words)]
    return [f"< {words[0]}", *inner, f"≥ {words[-1]}"]


def shares(counts: Sequence[int | None]) -> list[float | None]:
    """Counts as shares; a hidden one counts as five towards the total and stays hidden.

    >>> shares([75, 25])
    [0.75, 0.25]
    """
    total = sum(5 if count is None else count for count in counts)
    return [None if count is None else count / total for count in counts]


def paired_bars(
    then: Sequence[float | None], now: Sequence[float | None], *, edges: Sequence[float], says: str
) -> str:
    """Bars of shares side by side, outlined for then and filled for now.

    Args:
        then: Shares at release, one per bin; None where hidden.
        now: Shares now.
        edges: What lies between the bins, one fewer than there are; written below the gaps.
        says: What the picture shows, for those who do not see it.
    """
    most = max(0.05, *(share or 0.0 for share in (*then, *now)))
    step = (_WIDTH - _LEFT - 10) / len(then)
    wide = step * 0.36
    parts = [_axis(most)]
    words = bin_words(edges)
    for place, (before, after) in enumerate(zip(then, now, strict=True)):
        left = _LEFT + place * step + step * 0.12
        bars = _bar(left, wide, before, most=most, when="then") + _bar(
            left + wide + step * 0.04, wide, after, most=most, when="now"
        )
        parts.append(f"<g><title>{escape(words[place])}</title>{bars}</g>")
    parts += [_tick(_LEFT + place * step, edge) for place, edge in enumerate(edges, start=1)]
    return _svg(_HEIGHT, "".join(parts) + _legend(_FLOOR + 46), says)


def interval_chart(rows: Sequence[tuple[str, dict[str, float], str]], *, says: str) -> str:
    """Estimates with their intervals on one scale, around a line at 1.

    Args:
        rows: Words, `{"estimate", "low", "high"}`, and `then` or `now`.
        says: What the picture shows, for those who do not see it.
    """
    least = min(0.8, *(figure["low"] for _, figure, _ in rows))
    most = max(1.2, *(figure["high"] for _, figure, _ in rows))
    left, right, floor = 210, _WIDTH - 20, 24 + 34 * len(rows)

    def at(value: float) -> float:
        return left + (right - left) * (value - least) / (most - least)

    parts = [
        f'<line class="ideal" x1="{at(1):.1f}" x2="{at(1):.1f}" y1="8" y2="{floor}"/>'
        f'<text x="{at(1):.1f}" y="{floor + 16}" text-anchor="middle">1 = right</text>'
    ]
    for place, (words, figure, when) in enumerate(rows):
        y = 24 + 34 * place
        low, middle, high = (at(figure[key]) for key in ("low", "estimate", "high"))
        parts.append(
            f'<text x="{left - 10}" y="{y + 4}" text-anchor="end">{escape(words)}</text>'
            f'<line class="reach" x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}"/>'
            f'<circle class="{when}" cx="{middle:.1f}" cy="{y}" r="6"/>'
            f'<text x="{middle:.1f}" y="{y - 10}" text-anchor="middle">'
            f"{figure['estimate']:.2f}</text>"
        )
    return _svg(floor + 44, "".join(parts) + _legend(floor + 34), says)


def _tick(x: float, edge: float) -> str:
    return (
        f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{_FLOOR}" y2="{_FLOOR + 5}"/>'
        f'<text x="{x:.1f}" y="{_FLOOR + 18}" text-anchor="middle">{_short(edge)}</text>'
    )


def _bar(left: float, wide: float, share: float | None, *, most: float, when: str) -> str:
    if share is None:
        return f'<text x="{left + wide / 2:.1f}" y="{_FLOOR - 4}" text-anchor="middle">≤10</text>'
    tall = (_FLOOR - _TOP) * share / most
    return (
        f'<rect class="{when}" x="{left:.1f}" y="{_FLOOR - tall:.1f}" width="{wide:.1f}" '
        f'height="{tall:.1f}"/>'
    )


def _axis(most: float) -> str:
    return (
        f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - 10}" y1="{_FLOOR}" y2="{_FLOOR}"/>'
        f'<text x="{_LEFT - 6}" y="{_TOP + 4}" text-anchor="end">{100 * most:.0f} %</text>'
        f'<text x="{_LEFT - 6}" y="{_FLOOR}" text-anchor="end">0 %</text>'
    )


def _legend(y: float) -> str:
    return (
        f'<rect class="then" x="{_LEFT}" y="{y - 9}" width="12" height="10"/>'
        f'<text x="{_LEFT + 18}" y="{y}">then (at release)</text>'
        f'<rect class="now" x="{_LEFT + 150}" y="{y - 9}" width="12" height="10"/>'
        f'<text x="{_LEFT + 168}" y="{y}">now</text>'
    )


def _svg(height: float, inside: str, says: str) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(says)}">'
        f"{inside}</svg>"
    )


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"

"""A risk matrix as SVG text: probability against severity, and which hazards lie where."""

from collections.abc import Mapping, Sequence
from html import escape

from bedside.charts.frame import picture

__all__ = ["risk_matrix_chart"]

_WIDTH, _LEFT, _TOP, _TALL = 760, 120, 56, 64
_MOST, _LONGEST = 3, 18  # hazards in a cell, and letters of each; the rest is in its title


def risk_matrix_chart(
    rows: Sequence[str],
    columns: Sequence[str],
    words: Sequence[Sequence[str]],
    marks: Mapping[tuple[int, int], Sequence[str]],
    *,
    title: str,
    says: str,
) -> str:
    """A cell for each probability and severity with what the matrix says of it, and the hazards.

    Colour is not the only sign: each cell says its word.

    Args:
        rows: Probabilities, the most frequent first.
        columns: Severities, the least first.
        words: For each row and column what a risk there is; also the class of the cell.
        marks: For (row, column), the hazards that lie there.
        title: A few words.
        says: What the picture shows, for those who do not see it.

    >>> svg = risk_matrix_chart(["rare"], ["grave"], [["reduce"]], {(0, 0): ["late"]},
    ...                         title="t", says="s")
    >>> "reduce" in svg, "late" in svg
    (True, True)
    """
    wide = (_WIDTH - _LEFT - 8) / max(len(columns), 1)
    parts = [
        f'<text class="head" x="{_LEFT + wide * len(columns) / 2:.1f}" y="14" '
        'text-anchor="middle">severity of the harm</text>'
        f'<text class="head" x="6" y="{_TOP - 12}">probability</text>'
    ]
    for place, name in enumerate(columns):
        x = _LEFT + wide * (place + 0.5)
        parts.append(
            f'<text x="{x:.1f}" y="{_TOP - 12}" text-anchor="middle">{escape(name)}</text>'
        )
    for down, (name, row) in enumerate(zip(rows, words, strict=True)):
        y = _TOP + _TALL * down
        parts.append(
            f'<text x="{_LEFT - 10}" y="{y + _TALL / 2 + 4:g}" text-anchor="end">'
            f"{escape(name)}</text>"
        )
        for across, word in enumerate(row):
            there = marks.get((down, across), ())
            parts.append(_cell(_LEFT + wide * across, y, wide, word, there))
    height = _TOP + _TALL * len(rows) + 8
    return picture(_WIDTH, height, "".join(parts), title=title, says=says)


def _cell(x: float, y: float, wide: float, word: str, marks: Sequence[str]) -> str:
    lines = [one if len(one) <= _LONGEST else one[: _LONGEST - 1] + "…" for one in marks]
    if len(lines) > _MOST:
        lines = [*lines[: _MOST - 1], f"and {len(lines) - _MOST + 1} more"]
    told = "".join(
        f'<text class="mark" x="{x + wide / 2:.1f}" y="{y + 30 + 13 * at:g}" '
        f'text-anchor="middle">{escape(line)}</text>'
        for at, line in enumerate(lines)
    )
    return (
        f'<rect class="{escape(word, quote=True)}" x="{x + 1:.1f}" y="{y + 1:g}" '
        f'width="{wide - 2:.1f}" height="{_TALL - 2}"><title>{escape(", ".join(marks))}</title>'
        f'</rect><text class="word" x="{x + wide / 2:.1f}" y="{y + 15:g}" '
        f'text-anchor="middle">{escape(word)}</text>{told}'
    )

"""A forest plot as SVG text: a line for each group with its figure, interval and number."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from bedside.charts.frame import picture, short, ticks

__all__ = ["ForestRow", "forest_chart"]

Place = Callable[[float], float]
_ROW = 24
_LETTER = 6.5  # width of a letter


@dataclass(frozen=True, slots=True)
class _Sheet:
    """How wide the drawing is, and how much of it is for names and for figures."""

    width: int
    left: int
    right: int

    @property
    def letters(self) -> int:
        """How many letters of a name fit beside the scale."""
        return int((self.left - 14) / _LETTER)

    @property
    def figures(self) -> int:
        """Where the figures begin."""
        return self.width - self.right + 14


_WHOLE, _HALF = _Sheet(940, 300, 280), _Sheet(520, 150, 180)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForestRow:
    """One group: its name, how many it has (in words), its figure and interval.

    Without an estimate, `why` says why there is none; a row that is only a name is a heading.
    With `stands_out`, the mark is a filled diamond and the name is followed by a star.
    """

    name: str
    n: str = ""
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    why: str = ""
    stands_out: bool = False


def forest_chart(
    rows: Sequence[ForestRow],
    *,
    title: str,
    says: str,
    figure_title: str,
    overall: float | None = None,
    n_title: str = "patients",
    digits: int = 3,
    low: float | None = None,
    high: float | None = None,
    per_cent: bool = False,
    half: bool = False,
) -> str:
    """Rows from top to bottom on one scale; a dashed line goes down at `overall`.

    Args:
        rows: At least one.
        title: A few words.
        says: What the picture shows, for those who do not see it.
        figure_title: What is measured, and in which unit.
        overall: The figure of everyone.
        n_title: What `n` counts.
        digits: After the point, of the figures at the right.
        low: Where the scale begins; just below the lowest figure if not given.
        high: Where it ends.
        per_cent: Whether figures are written in per cent.
        half: Whether it stands beside another picture, so that it has half the room.

    >>> svg = forest_chart([ForestRow(name="a", estimate=0.8, low=0.7, high=0.9)],
    ...                    title="t", says="s", figure_title="AUROC")
    >>> "0.800 (0.700 to 0.900)" in svg
    True
    """
    start, end = _scale(rows, overall, low, high)
    sheet = _HALF if half else _WHOLE
    wide = sheet.width - sheet.left - sheet.right
    heading = "figure (95 % interval)" if any(row.low is not None for row in rows) else "figure"
    floor = 40 + _ROW * len(rows)

    def at(figure: float) -> float:
        return sheet.left + wide * (min(max(figure, start), end) - start) / (end - start)

    parts = [
        f'<text class="head" x="{sheet.left + wide / 2:g}" y="14" text-anchor="middle">'
        f"{escape(figure_title)}</text>"
        f'<text class="head" x="{sheet.figures}" y="14">{heading}</text>'
    ]
    if any(row.n for row in rows):
        parts.append(
            f'<text class="head" x="{sheet.width - 6}" y="14" text-anchor="end">'
            f"{escape(n_title)}</text>"
        )
    for value in ticks(start, end, 3 if half else 5):
        shown = f"{100 * value:.3g} %" if per_cent else short(value)
        parts.append(
            f'<path class="grid" d="M{at(value):.1f} 24V{floor}"/>'
            f'<text x="{at(value):.1f}" y="{floor + 16}" text-anchor="middle">{shown}</text>'
        )
    if overall is not None:
        parts.append(f'<path class="mark" d="M{at(overall):.1f} 24V{floor}"/>')
    for place, row in enumerate(rows):
        parts.append(_row(row, 40 + _ROW * place, at, digits, per_cent, (start, end), sheet))
    return picture(sheet.width, floor + 24, "".join(parts), title=title, says=says)


def _scale(
    rows: Sequence[ForestRow], overall: float | None, low: float | None, high: float | None
) -> tuple[float, float]:
    told = [
        figure
        for figure in (
            overall, *(figure for row in rows for figure in (row.estimate, row.low, row.high)),
        )
        if figure is not None
    ] or [0.0, 1.0]  # fmt: skip
    start, end = min(told), max(told)
    spare = 0.06 * (end - start) or 0.05
    return (start - spare if low is None else low), (end + spare if high is None else high)


def _row(
    row: ForestRow,
    y: float,
    at: Place,
    digits: int,
    per_cent: bool,
    scale: tuple[float, float],
    sheet: _Sheet,
) -> str:
    most = sheet.letters
    name = row.name if len(row.name) <= most else row.name[: most - 1] + "…"
    if row.estimate is None and not row.why:
        return f'<text class="head" x="6" y="{y + 4:g}">{escape(name)}</text>'
    star = " *" if row.stands_out else ""
    told = _figure(row, digits, per_cent)
    parts = [
        f'<text x="{sheet.left - 14}" y="{y + 4:g}" text-anchor="end">{escape(name)}{star}</text>'
        f'<text class="number" x="{sheet.figures}" y="{y + 4:g}">{escape(told)}</text>'
        f'<text class="number" x="{sheet.width - 6}" y="{y + 4:g}" text-anchor="end">'
        f"{escape(row.n)}</text>"
    ]
    if row.estimate is not None:
        whole = f"{row.name}: {told}{f'; {row.n}' if row.n else ''}"
        parts.append(f"<g><title>{escape(whole)}</title>{_bar(row, y, at, scale)}</g>")
    return "".join(parts)


def _bar(row: ForestRow, y: float, at: Place, scale: tuple[float, float]) -> str:
    made = ""
    if row.low is not None and row.high is not None:
        made = f'<path class="line0" d="M{at(row.low):.1f} {y:g}H{at(row.high):.1f}"/>'
        made += "".join(
            f'<path class="line0" d="M{at(end):.1f} {y - 4:g}v8"/>'
            for end in (row.low, row.high)
            if scale[0] <= end <= scale[1]
        )
    x = at(row.estimate or 0.0)
    if row.stands_out:
        return made + f'<path class="dot1" d="M{x:.1f} {y - 7:g}l6 7l-6 7l-6 -7z"/>'
    return made + f'<path class="dot0" d="M{x - 4.5:.1f} {y - 4.5:g}h9v9h-9z"/>'


def _figure(row: ForestRow, digits: int, per_cent: bool) -> str:
    if row.estimate is None:
        return row.why
    many, unit = (100.0, " %") if per_cent else (1.0, "")
    text = f"{many * row.estimate:.{digits}f}{unit}"
    if row.low is None or row.high is None:
        return text
    return f"{text} ({many * row.low:.{digits}f} to {many * row.high:.{digits}f})"

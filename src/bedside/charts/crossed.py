"""What was predicted against what came true, as a table of shaded squares in SVG text."""

from collections.abc import Sequence
from html import escape

from bedside.charts.frame import picture

__all__ = ["crossed_chart"]

_WIDTH, _LEFT, _TOP, _TALL = 520, 150, 56, 44
_LONGEST = 20


def crossed_chart(
    rows: Sequence[str],
    columns: Sequence[str],
    shares: Sequence[Sequence[float | None]],
    *,
    title: str,
    says: str,
    row_title: str,
    column_title: str,
) -> str:
    """A square for each pair; the darker, the larger its share of the row, which is written in it.

    Args:
        rows: Names.
        columns: Names.
        shares: Of each row, adding up to 1; None is hidden.
        title: A few words.
        says: What the picture shows, for those who do not see it.
        row_title: What the rows are.
        column_title: What the columns are.

    >>> svg = crossed_chart(["a"], ["a", "b"], [[0.9, None]], title="t", says="s",
    ...                     row_title="true", column_title="said")
    >>> "90 %" in svg, "few" in svg
    (True, True)
    """
    wide = (_WIDTH - _LEFT - 8) / max(len(columns), 1)
    parts = [
        f'<text class="head" x="{_LEFT + wide * len(columns) / 2:.1f}" y="14" '
        f'text-anchor="middle">{escape(column_title)}</text>'
        f'<text class="head" x="6" y="{_TOP - 12}">{escape(row_title)}</text>'
    ]
    fits = int(wide / 6.5)
    for place, name in enumerate(columns):
        parts.append(
            f'<text x="{_LEFT + wide * (place + 0.5):.1f}" y="{_TOP - 12}" text-anchor="middle">'
            f"<title>{escape(name)}</title>{escape(_cut(name, fits))}</text>"
        )
    for down, (name, row) in enumerate(zip(rows, shares, strict=True)):
        y = _TOP + _TALL * down
        parts.append(
            f'<text x="{_LEFT - 10}" y="{y + _TALL / 2 + 4:g}" text-anchor="end">'
            f"<title>{escape(name)}</title>{escape(_cut(name, _LONGEST))}</text>"
        )
        for across, share in enumerate(row):
            parts.append(_square(_LEFT + wide * across, y, wide, share))
    return picture(_WIDTH, _TOP + _TALL * len(rows) + 8, "".join(parts), title=title, says=says)


def _square(x: float, y: float, wide: float, share: float | None) -> str:
    text = "few" if share is None else f"{100 * share:.0f} %"
    dark = " dark" if (share or 0.0) > 0.55 else ""
    return (
        f'<rect class="cell" x="{x + 1:.1f}" y="{y + 1:g}" width="{wide - 2:.1f}" '
        f'height="{_TALL - 2}" fill-opacity="{share or 0.0:.2f}"/>'
        f'<text class="number{dark}" x="{x + wide / 2:.1f}" y="{y + _TALL / 2 + 4:g}" '
        f'text-anchor="middle">{text}</text>'
    )


def _cut(name: str, longest: int) -> str:
    return name if len(name) <= longest else name[: max(longest - 1, 1)] + "…"

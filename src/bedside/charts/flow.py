"""The flow of participants as SVG text: a box for each step, and beside it who was left out."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from textwrap import wrap

__all__ = ["FlowBox", "flow_chart"]

_WIDTH, _BOX, _GAP, _LINE = 860, 470, 26, 16
_SIDE_LEFT = _BOX + 60


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowBox:
    """One step: what its subjects have in common, how many are left, how many it left out.

    `kept` and `dropped` are words with their counts; `dropped` is empty when nobody was.
    """

    text: str
    kept: str
    dropped: str = ""


def flow_chart(boxes: Sequence[FlowBox], *, says: str) -> str:
    """Boxes from top to bottom, joined by arrows.

    Args:
        boxes: In order.
        says: What the picture shows, for those who do not see it.

    >>> svg = flow_chart([FlowBox(text="all", kept="5 subjects"),
    ...                   FlowBox(text="asked", kept="4", dropped="1 left out")], says="s")
    >>> svg.count("<rect")
    3
    """
    parts, top = [], 8
    for number, box in enumerate(boxes):
        lines = [*wrap(box.text, 62), box.kept]
        tall = _LINE * len(lines) + 16
        if number:
            parts.append(_arrow(_BOX / 2, top - _GAP, top))
        parts.append(_box(4, top, _BOX, lines, "kept"))
        if box.dropped:
            aside = wrap(box.dropped, 40)
            middle = top - _GAP / 2
            height = _LINE * len(aside) + 10
            parts.append(f'<path class="axis" d="M{_BOX / 2} {middle}H{_SIDE_LEFT}"/>')
            parts.append(_box(_SIDE_LEFT, middle - height / 2, 320, aside, "dropped", height))
        top += tall + _GAP
    height = top - _GAP + 8
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(says)}">'
        f"{''.join(parts)}</svg>"
    )


def _box(
    left: float, top: float, wide: float, lines: Sequence[str], kind: str, tall: float | None = None
) -> str:
    height = tall if tall is not None else _LINE * len(lines) + 16
    first = top + (height - _LINE * len(lines)) / 2 + 12
    text = "".join(
        f'<text x="{left + 12:.1f}" y="{first + _LINE * number:.1f}"'
        + (' class="count">' if kind == "kept" and number == len(lines) - 1 else ">")
        + f"{escape(line)}</text>"
        for number, line in enumerate(lines)
    )
    return (
        f'<rect class="{kind}" x="{left:.1f}" y="{top:.1f}" width="{wide:.1f}" '
        f'height="{height:.1f}" rx="4"/>{text}'
    )


def _arrow(x: float, start: float, end: float) -> str:
    return (
        f'<path class="axis" d="M{x} {start}V{end - 2}"/>'
        f'<path class="head" d="M{x - 5} {end - 8}L{x} {end - 1}L{x + 5} {end - 8}"/>'
    )

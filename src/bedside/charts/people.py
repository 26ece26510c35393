"""A thousand patients as marks in rows, as SVG text: what happens to how many of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from bedside.charts.frame import picture

__all__ = ["People", "people_chart", "shared_out"]

_WIDTH, _ACROSS, _STEP, _TOP = 520, 50, 10, 8
_SHAPES = (
    "h7v7h-7z",  # a full square
    "h7v7h-7zm2 2v3h3v-3z",  # a square with a hole
    "m0 7l3.5 -7l3.5 7z",  # a triangle
    "m2 2h3v3h-3z",  # a small square
)


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """How many have something in common, and what."""

    count: int
    text: str


def people_chart(groups: Sequence[People], *, title: str, says: str) -> str:
    """One mark a patient, 50 in a row, with a shape and colour for each of at most four groups.

    >>> svg = people_chart([People(count=2, text="ill")], title="t", says="s")
    >>> svg.count("M")  # two patients, and one in the key
    3
    """
    parts, place = [], 0
    total = sum(group.count for group in groups)
    floor = _TOP + _STEP * -(-total // _ACROSS) + 14
    for kind, group in enumerate(groups):
        marks = "".join(
            f"M{10 + _STEP * (mark % _ACROSS)} {_TOP + _STEP * (mark // _ACROSS)}{_SHAPES[kind]}"
            for mark in range(place, place + group.count)
        )
        place += group.count
        y = floor + 22 * kind
        told = f"{group.count:,} {group.text}"
        if marks:
            parts.append(
                f'<path class="who{kind}" d="{marks}"><title>{escape(told)}</title></path>'
            )
        parts.append(
            f'<path class="who{kind}" d="M12 {y}{_SHAPES[kind]}"/>'
            f'<text x="28" y="{y + 9}">{escape(told)}</text>'
        )
    return picture(
        _WIDTH, floor + 22 * len(groups) + 4, "".join(parts), title=title, says=says
    )  # fmt: skip


def shared_out(total: int, shares: Sequence[float]) -> list[int]:
    """Whole numbers that add up to the total, as near to the shares as can be.

    What is left after rounding down goes to the largest remainders.

    >>> shared_out(10, [0.34, 0.33, 0.33])
    [4, 3, 3]
    """
    whole = sum(shares)
    exact = [total * share / whole for share in shares]
    made = [int(part) for part in exact]
    order = sorted(range(len(made)), key=lambda at: (made[at] - exact[at], at))
    for at in order[: total - sum(made)]:
        made[at] += 1
    return made

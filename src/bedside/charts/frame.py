"""What every picture has: its name and words for those who do not see it, and even ticks."""

import math
from html import escape

__all__ = ["picture", "short", "ticks"]


def picture(width: float, height: float, inside: str, *, title: str, says: str) -> str:
    """An SVG element whose name is `title`, and whose description is `says`.

    Args:
        width: Of the drawing, in its own units.
        height: Likewise.
        inside: Elements whose texts are escaped already.
        title: A few words.
        says: What the picture shows, for those who do not see it.

    >>> picture(2, 1, "", title="a", says='"b"')
    '<svg viewBox="0 0 2 1" role="img" aria-label="a"><desc>&quot;b&quot;</desc></svg>'
    """
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(title)}">'
        f"<desc>{escape(says)}</desc>{inside}</svg>"
    )


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers from low to high, roughly this many.

    >>> ticks(0, 0.23)
    [0.0, 0.05, 0.1, 0.15, 0.2]
    """
    if not high > low:
        return [low]
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * min((1, 2, 2.5, 5, 10), key=lambda many: abs(many * power - rough))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{number * step:.10g}") for number in range(first, last + 1)]


def short(value: float) -> str:
    """A number as one reads it on an axis.

    >>> short(12500.0), short(0.25), short(3.0)
    ('12,500', '0.25', '3')
    """
    if value == round(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"

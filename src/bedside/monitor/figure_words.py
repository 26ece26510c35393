"""The figures of a watched stream as people read them: what moved, and by how much."""

from bedside.monitor.stream.streams import SPOT, is_share
from bedside.monitor.wording import per_cent

__all__ = ["mean_words", "what_moved"]

_HINTS = ("; 0.5: as before", "; higher: more came than predicted")
_PLACES = frozenset({"rank", "spread", "score", "score_spread"})
_HIDDEN = "hidden"


def what_moved(text: str) -> str:
    """What a finding is about, from its text, which goes on with figures and a day.

    >>> what_moved("where the risks lie; 0.5: as before: from 0.5 to 0.7 since 2026-03-02, over 9")
    'where the risks lie'
    """
    told = text.rpartition(": ")[0] or text
    for hint in _HINTS:
        told = told.removesuffix(hint)
    return told


def mean_words(stream: str, mean: float | None) -> str:
    """A mean of a stream, by its id; None is one of ten patients or fewer.

    A share is in per cent. Where values lie is told among a hundred patients of the baseline, 50
    being the middle; outcomes against what was foretold are so many more or fewer of a hundred.

    >>> mean_words("missing:lactate", 0.25), mean_words("rank:lactate", 0.698)
    ('25 %', '70 of 100')
    >>> mean_words("residual", 0.486), mean_words("placement", 0.85), mean_words("alert", None)
    ('−2.8 of 100', '0.85', 'hidden')
    """
    if mean is None:
        return _HIDDEN
    kind = stream.removeprefix(SPOT).partition(":")[0]
    if is_share(stream):
        return per_cent(mean)
    if kind in _PLACES:
        return f"{100 * mean:.0f} of 100"
    if kind == "residual":
        return f"{100 * (2 * mean - 1):+.1f} of 100".replace("-", "−")
    return f"{mean:.3g}"

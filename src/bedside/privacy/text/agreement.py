"""Two readers of one note: what they agree on, where they do not, and what is taken for true."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bedside.core.errors import Refused
from bedside.privacy.text.annotated import LabelledSpan

__all__ = ["Disagreement", "check_adjudicated", "disagreements", "together"]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Where in a note the readers say something else, and what each says there; nothing if empty.

    Characters `start` up to `end`.
    """

    start: int
    end: int
    first: tuple[LabelledSpan, ...]
    second: tuple[LabelledSpan, ...]


def together(
    first: Sequence[LabelledSpan], second: Sequence[LabelledSpan]
) -> tuple[LabelledSpan, ...]:
    """All that either marked: what overlaps becomes one, of the kind of its longest span.

    >>> ana = LabelledSpan(start=0, end=3, label="name")
    >>> together([ana], [LabelledSpan(start=0, end=8, label="name")])
    (LabelledSpan(start=0, end=8, label='name'),)
    """
    return tuple(
        LabelledSpan(
            start=min(s.start for s in group),
            end=max(s.end for s in group),
            label=max(group, key=lambda s: (s.end - s.start, -s.start, s.label)).label,
        )
        for group in _touching([*first, *second])
    )


def disagreements(
    first: Sequence[LabelledSpan], second: Sequence[LabelledSpan]
) -> list[Disagreement]:
    """Every place where not both marked the same characters as the same kind."""
    found = []
    ones, others = set(first), set(second)
    for group in _touching([*first, *second]):
        here = tuple(sorted({s for s in group if s in ones}))
        there = tuple(sorted({s for s in group if s in others}))
        if here != there:
            found.append(
                Disagreement(min(s.start for s in group), max(s.end for s in group), here, there)
            )
    return found


def check_adjudicated(
    first: Sequence[LabelledSpan],
    second: Sequence[LabelledSpan],
    decided: Sequence[LabelledSpan],
) -> None:
    """Whoever decides cannot take away what both readers marked.

    Raises:
        Refused: a character that both marked is not marked any more (code `agreed`).
    """
    both = _marked(first) & _marked(second)
    if both - _marked(decided):
        raise Refused(
            "Something that both readers marked is no longer marked.",
            fix="mark it again; where both were wrong, both label the note anew.",
            code="agreed",
        )


def _marked(spans: Iterable[LabelledSpan]) -> set[int]:
    return {at for span in spans for at in range(span.start, span.end)}


def _touching(spans: Iterable[LabelledSpan]) -> list[list[LabelledSpan]]:
    """Spans that overlap, directly or through others."""
    groups: list[list[LabelledSpan]] = []
    reach = -1
    for span in sorted(spans):
        if span.start < reach:
            groups[-1].append(span)
        else:
            groups.append([span])
        reach = max(reach, span.end)
    return groups

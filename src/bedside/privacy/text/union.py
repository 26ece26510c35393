"""How the spans of several passes become one list without overlaps, losing no character."""

from collections.abc import Iterable, Mapping, Sequence

from bedside.core.records.identifier import IdentifierSpan

__all__ = ["PRECEDENCE", "united"]

PRECEDENCE: Mapping[str, int] = {"known": 0, "pattern": 1, "gazetteer": 2, "tagger": 3, "repeat": 9}
"""Whose word counts where two passes disagree on the kind; a plug-in comes last."""


def united(spans: Iterable[IdentifierSpan]) -> list[IdentifierSpan]:
    """One list in order of place, without overlaps, that covers what any of them covers.

    Spans of one kind that overlap become one. Where kinds differ, a span that encloses the others
    says what it is; else each keeps what no pass before it has taken.

    >>> from bedside.core.records.identifier import IdentifierKind as Kind
    >>> street = IdentifierSpan(start=0, end=20, kind=Kind.PLACE, found_by="pattern")
    >>> name = IdentifierSpan(start=6, end=12, kind=Kind.NAME, found_by="gazetteer")
    >>> united([name, street]) == [street]
    True
    """
    out: list[IdentifierSpan] = []
    cluster: list[IdentifierSpan] = []
    reach = -1
    for span in sorted(spans, key=lambda s: (s.start, -s.end)):
        if span.start >= reach and cluster:
            out += _resolved(cluster)
            cluster = []
        cluster.append(span)
        reach = max(reach, span.end) if len(cluster) > 1 else span.end
    if cluster:
        out += _resolved(cluster)
    return out


def _resolved(cluster: Sequence[IdentifierSpan]) -> list[IdentifierSpan]:
    if len(cluster) == 1:
        return list(cluster)
    ranked = sorted(cluster, key=lambda s: (_rank(s), s.start - s.end, s.start))
    start, end = cluster[0].start, max(span.end for span in cluster)
    whole = next((s for s in ranked if s.start == start and s.end == end), None)
    if whole is not None:
        return [whole]
    if len({span.kind for span in cluster}) == 1:
        first = ranked[0]
        return [IdentifierSpan(start=start, end=end, kind=first.kind, found_by=first.found_by)]
    owner: list[IdentifierSpan | None] = [None] * (end - start)
    for span in reversed(ranked):
        owner[span.start - start : span.end - start] = [span] * (span.end - span.start)
    out: list[IdentifierSpan] = []
    before: IdentifierSpan | None = None
    for place, span_here in enumerate(owner, start=start):
        if span_here is None:
            before = None
        elif span_here is before:
            last = out[-1]
            out[-1] = IdentifierSpan(
                start=last.start, end=place + 1, kind=last.kind, found_by=last.found_by
            )
        else:
            out.append(
                IdentifierSpan(
                    start=place, end=place + 1, kind=span_here.kind, found_by=span_here.found_by
                )
            )
            before = span_here
    return out


def _rank(span: IdentifierSpan) -> int:
    return PRECEDENCE.get(span.found_by, 5)

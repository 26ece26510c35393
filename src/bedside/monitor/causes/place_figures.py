"""The figures of the places that an alarm names, beside those of all places."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from bedside.core.clock import day_number
from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.core.records.watch import AtPlace, Finding
from bedside.monitor.causes.drafts import AlarmDraft
from bedside.monitor.causes.explained import INPUTS
from bedside.monitor.causes.places import Places, counts_of, periods, with_places
from bedside.monitor.disclosure import told_share
from bedside.monitor.stream.answers import Answers
from bedside.monitor.stream.streams import OF_THE_DAY, SHARES, SPOT, Baseline, Stream
from bedside.monitor.stream.values import atoms_of, sums_of
from bedside.monitor.wording import number, per_cent

__all__ = ["ELSEWHERE", "told_at"]

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

_OF_VALUES = frozenset({"unit_change", "assay_bias"})  # causes
_OTHERWISE = 1.05  # times

ELSEWHERE = "elsewhere"
"""The place of everybody who is not in a place that the alarm names."""


def told_at(baseline: Baseline, draft: AlarmDraft, places: Places, answers: Answers) -> AlarmDraft:
    """The draft with these places in its groups, and what they show in its findings and sentence.

    Of each finding about inputs: its figure in each place, and elsewhere, by one answer a patient,
    since the onset and in the weeks before it. What rests on ten patients or fewer is left out,
    and so is a site of which all but so few lie in wards that are shown.

    Args:
        baseline: Of the version.
        draft: The alarm.
        places: Where it is seen; none: only that is noted.
        answers: As `places_of`.
    """
    if not places.groups:
        return with_places(draft, places)
    before, since = periods(answers.day, day_number(draft.onset))
    counts = [
        (name, counts_of(baseline, answers, [before & rows, since & rows]))
        for name, rows in _shown(places, answers, [before, since])
    ]
    streams = [_drawn(baseline, one) for one in draft.findings]
    findings = [
        one if stream is None else replace(one, places=tuple(_figures(baseline, stream, counts)))
        for one, stream in zip(draft.findings, streams, strict=True)
    ]
    there = _there(baseline, draft, places, answers, list(zip(findings, streams, strict=True)))
    return with_places(replace(draft, findings=tuple(findings)), places, there)


def _there(
    baseline: Baseline,
    draft: AlarmDraft,
    places: Places,
    answers: Answers,
    found: Sequence[tuple[Finding, Stream | None]],
) -> str:
    """What is told of the one place that is named, as a clause; '' of several, or of few."""
    if len(places.ward or places.site) > 1:
        return ""
    about = [(one, stream) for one, stream in found if stream is not None]
    if draft.cause in _OF_VALUES:
        told = (_times(baseline, draft, places, answers, stream) for _, stream in about)
        times = next((one for one in told if one), "")
        if times:
            return times
    shares = [(one, stream) for one, stream in about if stream.family in SHARES]
    return _share(*shares[0], places.groups[-1]) if shares else ""


def _share(finding: Finding, stream: Stream, place: str) -> str:
    """What a share was and is in a place."""
    one = next((each for each in finding.places if each.place == place), None)
    if one is None or one.now is None or one.n is None:
        return ""
    was = "is" if one.then is None else f"went from {per_cent(one.then)} to"
    return f"{stream.title.removesuffix(OF_THE_DAY)} {was} {per_cent(one.now)} ({one.n:,} patients)"


def _times(
    baseline: Baseline, draft: AlarmDraft, places: Places, answers: Answers, stream: Stream
) -> str:
    """By how much the values of a stream's feature are other than before in the place."""
    at = baseline.names.index(stream.feature) if stream.feature in baseline.names else None
    if at is None or stream.family not in ("rank", "spread", "tail", "beyond"):
        return ""
    if baseline.features[at].levels:
        return ""
    size = np.abs(answers.matrix[:, at])
    there = _in_place(places, answers) & (size > 0)  # False where it is missing
    before, since = (size[there & one] for one in periods(answers.day, day_number(draft.onset)))
    if min(before.size, since.size) <= SUPPRESS_AT_OR_BELOW:
        return ""
    times = float(np.median(since) / np.median(before))  # some days of before may be as now
    if max(times, 1 / times) < _OTHERWISE:
        return ""
    told = f"{number(times)} times" if times >= 1 else f"1/{number(1 / times)} of"
    return f"its values are about {told} what they were ({since.size:,} patients)"


def _in_place(places: Places, answers: Answers) -> Bools:
    """Who is where the change is seen: in its wards, at its sites."""
    rows = np.ones(len(answers), dtype=np.bool_)
    for name, named in (("site", places.site), ("ward", places.ward)):
        if named:
            rows &= np.isin(answers.groups[name].astype(str), named)
    return rows


def _shown(places: Places, answers: Answers, both: Sequence[Bools]) -> Iterator[tuple[str, Bools]]:
    """Each named place and its rows, then everywhere else."""
    there = np.ones(len(answers), dtype=np.bool_)
    at_sites: list[tuple[str, Bools]] = []
    if places.site:
        of = answers.groups["site"].astype(str)
        at_sites = [(f"site: {name}", of == name) for name in places.site]
        there = np.isin(of, places.site)
    in_wards: list[tuple[str, Bools]] = []
    if places.ward:
        of = answers.groups["ward"].astype(str)
        in_wards = [(f"ward: {name}", there & (of == name)) for name in places.ward]
        there = there & np.isin(of, places.ward)
    for name, rows in at_sites:
        if not any(_few(rows & ~there & one) for one in both):
            yield name, rows
    yield from in_wards
    yield ELSEWHERE, ~there


def _few(rows: Bools) -> bool:
    return 0 < int(rows.sum()) <= SUPPRESS_AT_OR_BELOW


def _drawn(baseline: Baseline, finding: Finding) -> Stream | None:
    """The stream of a finding about inputs, of one answer a patient; None: it is about others."""
    place = baseline.index(finding.stream)
    stream = None if place is None else baseline.streams[place]
    if stream is None or stream.family not in (*INPUTS, "codes"):
        return None
    return replace(stream, id=stream.id.removeprefix(SPOT))


def _figures(
    baseline: Baseline, stream: Stream, counts: Sequence[tuple[str, list[Ints]]]
) -> Iterator[AtPlace]:
    atoms = atoms_of(baseline, [stream])
    for name, both in counts:
        sums = [sums_of(atoms, one) for one in both]
        (_, then), (n, now) = (_mean(stream, int(one.n[0]), float(one.total[0])) for one in sums)
        yield AtPlace(place=name, then=then, now=now, n=n)


def _mean(stream: Stream, n: int, total: float) -> tuple[int | None, float | None]:
    """How many values, and their mean; nothing of ten or fewer."""
    if n <= SUPPRESS_AT_OR_BELOW:
        return None, None
    share = total / n
    return n, told_share(share, n) if stream.family in SHARES else share

"""The quality of a collected data set: counted shard by shard, then put together."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial

import polars as pl

from bedside.core.clock import iso
from bedside.core.errors import Invalid
from bedside.core.records.collection import Collection
from bedside.core.records.conversion import ConversionReport
from bedside.core.records.quality import QualityReport
from bedside.data.prepare.events import Shards
from bedside.data.prepare.rules import Rules, rules_for, units_met
from bedside.data.quality.codes import codes_of
from bedside.data.quality.findings import findings_of
from bedside.data.quality.missing import missing_words
from bedside.data.quality.span import Span, span_of, times_met
from bedside.data.quality.tally import Tally, added_tallies, tally_of

__all__ = ["assess", "report_of"]

_AT_ONCE = 8  # tallies that are held before they are added up


def assess(
    shards: Shards,
    source: Collection,
    conversion: ConversionReport,
    *,
    now: datetime | None = None,
) -> QualityReport:
    """Judge the quality of collected events after Kahn 2016.

    Args:
        shards: The collected events, with merges folded, one shard at a time: all rows of a subject
            in one. They are read three times, and never all are in memory.
        source: Its `units` and `quality` say what is canonical, plausible and expected.
        conversion: What the collector reported, for what never became an event.
        now: Nothing can have happened after it; without it that is not checked. Zoned.

    Returns:
        The report with exact counts. Show it with `figures_of` or `render_html`, which hide what
        is true of ten subjects or fewer.

    Raises:
        Invalid: there are no shards; the moment has no zone; the declaration names a unit that is
            not UCUM, or a range that holds no value.

    Source: Kahn et al., A harmonized data quality assessment terminology and framework, eGEMs
    2016;4(1):1244, doi:10.13063/2327-9214.1244. All checks are of its context `verification`:
    against the data themselves, the declaration and a table of ranges, not against other data.
    """
    if now is not None and now.tzinfo is None:
        raise Invalid("The moment has no time zone.", fix="give it with a zone, e.g. UTC.")
    rules = rules_for(source, units_met(shards()))
    times = times_met(shards())
    span = span_of(times)
    count = partial(
        tally_of,
        rules=rules,
        span=span,
        site_code=source.quality.site_code,
        now=now,
        missing=missing_words(source),
    )
    tally = _all_together(count(shard) for shard in shards())
    first, last = (None if time is None else iso(time) for time in (times.first, times.last))
    return report_of(tally, source, conversion, rules, span, first=first, last=last)


def _all_together(tallies: Iterator[Tally]) -> Tally:
    """Added a few at a time, so that at most a few are in memory."""
    total: Tally | None = None
    for batch in _batches(tallies):
        total = added_tallies([*([total] if total is not None else []), *batch])
    if total is None:
        raise Invalid("There are no events to judge.", fix="collect the source first.")
    return total


def _batches(tallies: Iterable[Tally]) -> Iterator[list[Tally]]:
    held: list[Tally] = []
    for tally in tallies:
        held.append(tally)
        if len(held) == _AT_ONCE:
            yield held
            held = []
    if held:
        yield held


def report_of(
    tally: Tally,
    source: Collection,
    conversion: ConversionReport,
    rules: Rules,
    span: Span,
    *,
    first: str | None,
    last: str | None,
) -> QualityReport:
    """The report on what was counted."""
    whole = tally.parts["whole"].row(0, named=True)
    sites = dict(
        tally.parts["site_sizes"]
        .filter(pl.col("site").is_not_null())
        .select("site", "s")
        .iter_rows()
    )
    report = QualityReport(
        name=source.name,
        title=source.title,
        events=whole["n"],
        replaced=whole["replaced"],
        subjects=whole["s"],
        first=first,
        last=last,
        every=span.every,
        sites=dict(sorted(sites.items())),
        expected=source.quality.expected,
        codes=codes_of(tally, rules, sites),
        conversion=conversion,
    )
    return replace(report, findings=findings_of(report, source))

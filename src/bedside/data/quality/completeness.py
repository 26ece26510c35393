"""Findings of completeness: what is not there, or is there only as a word for nothing."""

from collections.abc import Iterator
from datetime import date

from bedside.core.records.collection import Collection
from bedside.core.records.quality import CodeQuality, Finding, PeriodQuality, QualityReport
from bedside.data.quality.shown import per_cent, share_shown, small
from bedside.data.quality.words import called, listed, patients, rows, yaml_text

__all__ = ["completeness_of", "period_words"]

_SITES_APART = 0.3
_WORTH_TELLING = 0.5  # of subjects must have a code before a gap in it is a finding
_GAP = 0.1


def completeness_of(report: QualityReport, source: Collection) -> Iterator[Finding]:
    """What is missing: words for nothing, expected codes, gaps in time, sites without a code."""
    yield from _words_for_nothing(report)
    yield from _expected(report)
    for code in report.codes:
        if code.silent:
            yield _silent(code)
        yield from _between_sites(report, code)
        yield from _in_time(report, code)
    if report.every is None and report.events:
        yield _no_time(report)


def _words_for_nothing(report: QualityReport) -> Iterator[Finding]:
    """One finding for each word, with all codes that have it."""
    met: dict[str, list[tuple[CodeQuality, int, int]]] = {}
    for code in report.codes:
        for use in code.nothings:
            if not small(use.counted.subjects):
                met.setdefault(use.text, []).append((code, use.counted.rows, use.counted.subjects))
    for word, uses in met.items():
        ordered = sorted(uses, key=lambda use: (-use[1], use[0].code))
        told = [
            f"{called(code)}: {per_cent(share_shown(count, code.counted.rows))}"
            for code, count, _ in ordered
        ]
        yield Finding(
            check="completeness",
            kind="word_for_missing",
            codes=tuple(code.code for code, _, _ in ordered),
            rows=sum(count for _, count, _ in ordered),
            subjects=max(subjects for _, _, subjects in ordered),
            seen=f"“{word}” stands in {rows(sum(n for _, n, _ in ordered), 'rows')} of "
            f"{listed(told)}.",
            why="It looks like a word for “not known” or “not measured”. As long as it is an "
            "answer, these rows count as complete, and a model learns from it as from a finding.",
            do=f"Ask the source what “{word}” means in each of these columns; where it means that "
            "nothing is known, declare it as missing.",
            declare=f"tables:\n  - missing: [{yaml_text(word)}]",
        )


def _expected(report: QualityReport) -> Iterator[Finding]:
    by_code = {code.code: code for code in report.codes}
    for wanted in report.expected:
        found = by_code.get(wanted)
        without = report.subjects - (found.answered.subjects if found is not None else 0)
        if without:
            yield Finding(
                check="completeness",
                kind="expected_missing",
                codes=(wanted,),
                rows=0,
                subjects=without,
                seen=f"{patients(without)} of {report.subjects:,} have no answer of "
                f"{called(found) if found is not None else wanted}, which is declared as expected.",
                why="Who lacks it is seldom a chance: wards, sites or years that do not record it "
                "drop out of every model that needs it.",
                do="Ask where it is recorded and whether that system was exported; look at the "
                "trend and the sites above to see who lacks it.",
            )


def _silent(code: CodeQuality) -> Finding:
    return Finding(
        check="completeness",
        kind="rows_without_answer",
        codes=(code.code,),
        rows=code.silent,
        subjects=None,
        seen=f"{rows(code.silent, 'rows')} of {called(code)} say neither a number nor a word, "
        "while others do.",
        why="A test that was ordered and not answered is not the same as one never ordered.",
        do="Ask whether these are pending, cancelled, or answered in a field that is not exported.",
    )


def _between_sites(report: QualityReport, code: CodeQuality) -> Iterator[Finding]:
    """A code that one site has and another has not."""
    told = [site for site in code.sites if not small(site.subjects)]
    if len(told) < 2:
        return
    shares = [(site.answered.subjects / site.subjects, site) for site in told]
    least, most = min(shares, key=lambda s: s[0]), max(shares, key=lambda s: s[0])
    if most[0] - least[0] < _SITES_APART:
        return
    without = sum(
        site.subjects - site.answered.subjects for share, site in shares if share < most[0] - 0.1
    )
    low, high = (
        per_cent(share_shown(site.answered.subjects, site.subjects)) for _, site in (least, most)
    )
    yield Finding(
        check="completeness",
        kind="sites_differ",
        codes=(code.code,),
        rows=0,
        subjects=without,
        seen=f"{called(code)} is there for {high} of the patients of {most[1].site}, and for {low} "
        f"of those of {least[1].site}.",
        why="A model can tell the site from what is missing, and will be worse, or silent, where "
        "the measurement is not made.",
        do=f"Ask {least[1].site} whether it is not measured there or not exported. If it is not "
        "measured, do not build a model for that site on it.",
    )


def _in_time(report: QualityReport, code: CodeQuality) -> Iterator[Finding]:
    """A code that stops, begins late, or has a hole in the middle."""
    if len(code.periods) < 1 or code.counted.subjects < _WORTH_TELLING * report.subjects:
        return
    every = _all_periods(report)
    if len(every) < 4:
        return
    usual = sorted(period.counted.rows for period in code.periods)[len(code.periods) // 2]
    met = {period.start: period.counted.rows for period in code.periods}
    poor = [start for start in every[1:-1] if met.get(start, 0) < _GAP * usual]
    if not poor or usual <= 10:
        return
    yield Finding(
        check="completeness",
        kind="gap_in_time",
        codes=(code.code,),
        rows=0,
        subjects=code.counted.subjects,
        seen=f"{called(code)} is nearly absent in {len(poor)} of {len(every)} {report.every}s: "
        f"{listed([period_words(start, report.every) for start in poor])}.",
        why="A system that was replaced, or an export that broke, looks like patients who were not "
        "measured.",
        do="Ask what changed then, and export the period again; otherwise leave the period out of "
        "the cohort.",
    )


def _all_periods(report: QualityReport) -> list[str]:
    """Every period in which anything happened."""
    return sorted({period.start for code in report.codes for period in code.periods})


def period_words(start: str | PeriodQuality, every: str | None) -> str:
    """A period for reading.

    >>> period_words("2012-04-01", "quarter"), period_words("2012-01-01", "year")
    ('2012 Q2', '2012')
    """
    day = date.fromisoformat(start if isinstance(start, str) else start.start)
    if every == "month":
        return f"{day:%Y-%m}"
    if every == "quarter":
        return f"{day.year} Q{(day.month + 2) // 3}"
    return f"{day.year}s" if every == "decade" else str(day.year)


def _no_time(report: QualityReport) -> Finding:
    return Finding(
        check="completeness",
        kind="no_time",
        codes=(),
        rows=report.events,
        subjects=report.subjects,
        seen="All that happened happened within one month, or nothing has a time.",
        why="Without dates nobody can see a trend, keep the order of events, or test a model on "
        "later patients than it was made on.",
        do="Ask whether the export can carry dates (shifted ones will do), and name the column in "
        "“tables: time:”.",
    )

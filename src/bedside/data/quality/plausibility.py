"""Findings of plausibility: values, times, repetitions and differences that cannot well be true."""

from collections.abc import Iterator, Mapping
from itertools import pairwise

from bedside.core.records.collection import Collection
from bedside.core.records.quality import CodeQuality, Counted, Finding, QualityReport, Spike
from bedside.data.quality.completeness import period_words
from bedside.data.quality.shown import number, per_cent, share_shown, typical
from bedside.data.quality.words import called, listed, patients, plural, rows, unit_words

__all__ = ["plausibility_of"]

_ROUNDED = 0.3  # of whole numbers end in 0, where a tenth would by chance
_STEP = 0.75  # of the middle half: how far a median moves from one period, or site, to the next
_REPEATED = 0.01
_FREQUENT = 0.02  # of all subjects must have a code before its missing range is told

_TEMPORAL: Mapping[str, tuple[str, str, str]] = {
    "known_before_it_happened": (
        "are known before they happened",
        "A model could be taught with what nobody knew yet, and would then be worse at the bedside "
        "than on paper.",
        "Ask which clock stamps “issued” or the message, and correct “known_at”, or the time zone, "
        "in the declaration.",
    ),
    "ends_before_it_begins": (
        "end before they begin",
        "A length of stay or of an infusion that is counted from them is negative.",
        "Ask whether the two columns were exchanged, or a time of day was lost.",
    ),
    "after_death": (
        "happened after the patient's death",
        "Either the death or the event belongs to another patient, or results of a post-mortem "
        "or a billing date were exported as measurements.",
        "Ask the registry for the date of death of these patients, and what this time means.",
    ),
    "before_birth": (
        "happened before the patient's birth",
        "Often a default date (1900-01-01, 1970-01-01) stands for “not known”.",
        "Ask what is exported where the date is not known, and declare it as missing.",
    ),
    "in_the_future": (
        "happened in the future",
        "Orders and appointments can be; measurements cannot. Shifted dates look like this too.",
        "If dates were shifted to protect patients nothing is wrong; otherwise ask which clock or "
        "date format is the cause.",
    ),
}


def plausibility_of(report: QualityReport, source: Collection) -> Iterator[Finding]:
    """What is implausible in single values, over time, between sites, and in repetition."""
    for code in report.codes:
        if code.implausible.rows:
            yield _implausible(code)
        for spike in code.spikes:
            if not _outside(code, spike):
                yield _spike(code, spike)
        if code.rounded is not None and code.rounded > _ROUNDED:
            yield _rounded(code)
        yield from _steps(report, code)
        yield from _sites(report, code)
    yield from _temporal(report)
    yield from _duplicates(report)
    yield from _conflicts(report)
    yield from _no_range(report)


def _outside(code: CodeQuality, spike: Spike) -> bool:
    """Whether the range sets the spike aside already; only where no conversion lies between."""
    bounds = code.range
    return (
        bounds is not None
        and any(use.unit == spike.unit and use.state == "kept" for use in code.units)
        and not bounds.low <= spike.value <= bounds.high
    )


def _implausible(code: CodeQuality) -> Finding:
    bounds = code.range
    between = (
        f"{number(bounds.low)} and {number(bounds.high)}{unit_words(bounds.unit)} (bounds: "
        f"{bounds.source})"
        if bounds is not None
        else "its bounds"
    )
    share = per_cent(share_shown(code.implausible.rows, code.judged))
    same = [number(spike.value) for spike in code.spikes if _outside(code, spike)]
    most = f" Very often it is exactly {listed(same)}." if same else ""
    return Finding(
        check="plausibility",
        kind="out_of_range",
        codes=(code.code,),
        rows=code.implausible.rows,
        subjects=code.implausible.subjects,
        seen=f"{rows(code.implausible.rows)} of {called(code)} ({share}) do not lie between "
        f"{between}. They are set aside.{most}",
        why="No living patient has such a value: it is a slip of the pen, another unit, or a word "
        "for “not measured”.",
        do="Look at the distribution: a second hill is another unit, a single column a code for "
        "missing. If the values are right, declare a wider range.",
        declare=f"quality:\n  ranges:\n    {code.code}: {{low: <low>, high: <high>, "
        f"unit: {code.unit}, source: <why>}}",
    )


def _spike(code: CodeQuality, spike: Spike) -> Finding:
    unit = unit_words(spike.unit)
    share = per_cent(share_shown(spike.counted.rows, code.values))
    how = (
        "It lies apart from all other values."
        if spike.why == "apart"
        else "It is at least five times as frequent as the next value."
    )
    return Finding(
        check="plausibility",
        kind="spike",
        codes=(code.code,),
        rows=spike.counted.rows,
        subjects=spike.counted.subjects,
        seen=f"{share} of the values of {called(code)} are exactly {number(spike.value)}{unit}. "
        f"{how}",
        why="A number that stands for “not measured”, a device's limit, or a default that nobody "
        "changed pulls every average towards itself.",
        do=f"Ask whether {number(spike.value)} was measured. If it means that nothing was, declare "
        "it as missing.",
        declare=f'tables:\n  - columns:\n      <column>: {{code: {code.code}, missing: '
        f'["{spike.value:g}"]}}',
    )  # fmt: skip


def _rounded(code: CodeQuality) -> Finding:
    return Finding(
        check="plausibility",
        kind="rounded_by_hand",
        codes=(code.code,),
        rows=code.values,
        subjects=code.counted.subjects,
        seen=f"{100 * (code.rounded or 0):.0f} % of the values of {called(code)} end in 0, where "
        "about 10 % would by chance.",
        why="They were read from a dial, or estimated. A threshold at a round number then moves "
        "many patients at once.",
        do="Nothing need be declared. Do not set thresholds of a model at round values of it, and "
        "say so in the model card.",
    )


def _temporal(report: QualityReport) -> Iterator[Finding]:
    for name, (seen, why, do) in _TEMPORAL.items():
        yield from _together(
            [(code, code.temporal[name]) for code in report.codes],
            kind=name,
            seen=f"Rows that {seen}",
            why=why,
            do=do,
        )


def _duplicates(report: QualityReport) -> Iterator[Finding]:
    yield from _together(
        [
            (code, code.duplicates)
            for code in report.codes
            if code.duplicates.rows > _REPEATED * code.counted.rows
        ],
        kind="repeated",
        seen="Rows that repeat another word for word, at the same moment, from another record",
        why="Counts and averages give such measurements more weight, and a drug may seem to have "
        "been given twice.",
        do="Ask whether two systems export the same results; leave one of them out of “files”.",
    )


def _conflicts(report: QualityReport) -> Iterator[Finding]:
    why = "Whichever of them is taken is a guess, and it can depend on the order of the rows."
    static = [code for code in report.codes if code.static > code.counted.rows / 2]
    yield from _together(
        [(code, code.conflicts) for code in static],
        kind="contradiction",
        seen="Several different answers to what does not change in a patient's life",
        why=why,
        do="Ask which of the systems is right; or give it a time, if it does change.",
    )
    yield from _together(
        [(code, code.conflicts) for code in report.codes if code not in static],
        kind="several_at_once",
        seen="Several different answers at one and the same moment",
        why=why,
        do="Ask whether the time is only a date, or stands for a whole stay. If each visit is one "
        "row, name the column with its date in “tables: time:”.",
    )


def _together(
    found: list[tuple[CodeQuality, Counted]], *, kind: str, seen: str, why: str, do: str
) -> Iterator[Finding]:
    """One finding about all codes in which it was seen; the one that touches most stands first."""
    broken = sorted(
        ((code, counted) for code, counted in found if counted.rows),
        key=lambda one: (-one[1].subjects, one[0].code),
    )
    if broken:
        told = [f"{called(code)} ({patients(counted.subjects)})" for code, counted in broken]
        yield Finding(
            check="plausibility",
            kind=kind,
            codes=tuple(code.code for code, _ in broken),
            rows=sum(counted.rows for _, counted in broken),
            subjects=broken[0][1].subjects,
            seen=f"{seen}: {listed(told)}.",
            why=why,
            do=do,
        )


def _steps(report: QualityReport, code: CodeQuality) -> Iterator[Finding]:
    """The greatest jump of the median from one period to the next, if it is a great one."""
    middle = code.quantiles.get("p75", 0.0) - code.quantiles.get("p25", 0.0)
    told = [
        period for period in code.periods if period.median is not None and typical(period.counted)
    ]
    if middle <= 0 or len(told) < 2:
        return
    before, after = max(
        pairwise(told), key=lambda pair: abs((pair[1].median or 0.0) - (pair[0].median or 0.0))
    )
    size = abs((after.median or 0.0) - (before.median or 0.0)) / middle
    if size < _STEP:
        return
    unit = unit_words(code.unit)
    yield Finding(
        check="plausibility",
        kind="step_in_time",
        codes=(code.code,),
        rows=after.counted.rows,
        subjects=after.counted.subjects,
        seen=f"The median of {called(code)} moves from {number(before.median or 0.0)}{unit} in "
        f"{period_words(before, report.every)} to {number(after.median or 0.0)}{unit} in "
        f"{period_words(after, report.every)}.",
        why="Patients rarely change that fast: a device, an assay, a unit or the kind of patients "
        "did. A model made before it is judged on other data after it.",
        do="Ask the laboratory what changed then; if it was the unit, declare it, otherwise split "
        "training and test at that date.",
    )


def _sites(report: QualityReport, code: CodeQuality) -> Iterator[Finding]:
    """A median that lies far from that of another site."""
    middle = code.quantiles.get("p75", 0.0) - code.quantiles.get("p25", 0.0)
    told = [site for site in code.sites if site.median is not None and typical(site.answered)]
    if middle <= 0 or len(told) < 2:
        return
    low = min(told, key=lambda site: site.median or 0.0)
    high = max(told, key=lambda site: site.median or 0.0)
    if ((high.median or 0.0) - (low.median or 0.0)) / middle < _STEP:
        return
    unit = unit_words(code.unit)
    least = min(low, high, key=lambda site: site.answered.subjects)
    yield Finding(
        check="plausibility",
        kind="sites_apart",
        codes=(code.code,),
        rows=least.answered.rows,
        subjects=least.answered.subjects,
        seen=f"The median of {called(code)} is {number(low.median or 0.0)}{unit} at {low.site} and "
        f"{number(high.median or 0.0)}{unit} at {high.site}.",
        why="Either the patients differ, or the unit or the method does; a model can use it to "
        "tell the site.",
        do=f"Compare the units and the methods of {low.site} and {high.site} before you pool them.",
    )


def _no_range(report: QualityReport) -> Iterator[Finding]:
    """One finding for all numeric codes that no range is known of."""
    without = [
        code
        for code in report.codes
        if code.convertible
        and not code.judged
        and code.counted.subjects > _FREQUENT * report.subjects
    ]
    if without:
        first = without[0]
        yield Finding(
            check="plausibility",
            kind="no_range",
            codes=tuple(code.code for code in without),
            rows=sum(code.convertible for code in without),
            subjects=None,
            seen=f"No range is known of {plural(len(without), 'code')} with numbers: "
            f"{listed([called(code) for code in without])}.",
            why="Whatever stands there is taken as it is.",
            do="Ask a clinician for the values that no living patient can have, and declare them "
            "with who said so.",
            declare=f"quality:\n  ranges:\n    {first.code}: {{low: <low>, high: <high>, "
            f'unit: "{first.unit or 1}", source: <who said so>}}',
        )

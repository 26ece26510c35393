"""What is checked about data before anything is learnt from them, and what was found."""

from dataclasses import dataclass, field
from typing import Literal

from bedside.core.records.conversion import ConversionReport

__all__ = [
    "Check",
    "CodeQuality",
    "Counted",
    "Finding",
    "PeriodQuality",
    "QualityGate",
    "QualityPlan",
    "QualityReport",
    "Range",
    "SiteQuality",
    "Spike",
    "TextUse",
    "UnitUse",
]

Check = Literal["conformance", "completeness", "plausibility"]
"""The three categories of Kahn et al., eGEMs 2016;4(1):1244."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Values outside are implausible: in `unit` (UCUM), with where the bounds are from."""

    low: float
    high: float
    unit: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityGate:
    """A bound that the data must keep; without a code it is about all of them.

    `check` is one of the checks of Kahn 2016: `conformance` (share of values in a unit and form
    that is understood), `completeness` (share of subjects who have an answer; without a code the
    mean over `expected`, or, where nothing is expected, the share of rows with an answer),
    `plausibility` (share of values inside their range).
    """

    check: Check
    at_least: float
    code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityPlan:
    """Ranges for the codes of this source (they come before the built-in ones), and gates.

    Args:
        ranges: The values of a code that a living patient can have.
        expected: Codes that every subject should have.
        gates: What must hold before anybody learns from the data.
        site_code: The code of the static fact that names a subject's site, for comparison between
            sites.
        assumed_units: The unit of values of a code that come without one.
        unit_spellings: What the source writes for a unit, and the UCUM code that it means.
        molar_masses: In g/mol, by code: only then do moles and grams of it convert.
        missing_words: Words of this source for "not measured", besides the usual ones.
    """

    ranges: dict[str, Range] = field(default_factory=dict)
    expected: tuple[str, ...] = ()
    gates: tuple[QualityGate, ...] = ()
    site_code: str | None = None
    assumed_units: dict[str, str] = field(default_factory=dict)
    unit_spellings: dict[str, str] = field(default_factory=dict)
    molar_masses: dict[str, float] = field(default_factory=dict)
    missing_words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """How many rows, and of how many subjects. Exact: only what is shown hides small counts."""

    rows: int = 0
    subjects: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitUse:
    """Values of a code in one unit, as it was written.

    `state`: `kept` (the canonical unit, however it is spelled, or none is needed), `converted`,
    `not_understood`, `wrong` (understood, but it does not convert), `absent` (a unit is needed and
    there is none).
    """

    unit: str | None
    state: str
    counted: Counted


@dataclass(frozen=True, slots=True, kw_only=True)
class TextUse:
    """A short text, and how often it is the answer."""

    text: str
    counted: Counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Spike:
    """One value that is far too frequent, in the unit it was written in."""

    value: float
    unit: str | None
    counted: Counted
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodQuality:
    """A code within one month, quarter, year or decade, which begins on `start` (a date)."""

    start: str
    counted: Counted
    median: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteQuality:
    """A code at one site. `subjects` are all of the site; `answered` as in `CodeQuality`."""

    site: str
    subjects: int
    answered: Counted
    judged: int
    plausible: int
    median: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeQuality:
    """What is known about one code.

    Args:
        code: `SYSTEM//code`.
        name: In words, where the built-in table knows it.
        counted: Rows and subjects; `answered`: without rows that say nothing, or only a word
            for "not measured".
        values: Rows with a number, of which `not_finite` are none; `texts`: rows with a text.
        silent: Rows that say neither, though other rows of the code do.
        static: Rows without a time.
        unit: The canonical unit, and in `unit_from` why: `declared`, `range`, `table`, `most used`.
        understood: Values with a unit that is understood; `convertible`: which becomes `unit`.
        units: Each unit that was met.
        judged: Values that have a range; `plausible`: which lie inside it.
        implausible: Values outside, and whose.
        range: The bounds, in `unit`.
        temporal: By name of the check: rows that break it, and whose.
        duplicates: Rows that repeat another word for word; `conflicts`: moments (or static facts)
            with several answers at once.
        shown_between: The least and the greatest value that may be shown, in `unit`: more than ten
            subjects have one as small, or as great; empty where ten or fewer have any.
        quantiles: Of convertible values, in `unit`: by name, `p05` to `p95`.
        histogram: Edges and counts between them, in `unit`, within `shown_between`.
        nothings: Words for "not measured", as they were written.
        texts_met: The most frequent short texts; empty where the code has free text.
        spikes: Values that are far too frequent.
        rounded: Share of whole values that end in 0, where that is asked of them.
        periods: The trend; `sites`: by site, where a site is named.
    """

    code: str
    name: str | None
    counted: Counted
    answered: Counted
    values: int
    not_finite: int
    texts: int
    silent: int
    static: int
    unit: str | None
    unit_from: str | None
    understood: int
    convertible: int
    units: tuple[UnitUse, ...]
    judged: int
    plausible: int
    implausible: Counted
    range: Range | None
    temporal: dict[str, Counted]
    duplicates: Counted
    conflicts: Counted
    shown_between: tuple[float, ...]
    quantiles: dict[str, float]
    histogram: tuple[tuple[float, ...], tuple[int, ...]]
    nothings: tuple[TextUse, ...]
    texts_met: tuple[TextUse, ...]
    spikes: tuple[Spike, ...]
    rounded: float | None
    periods: tuple[PeriodQuality, ...]
    sites: tuple[SiteQuality, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that a steward should look at: what was seen, why it matters, what to do.

    `declare` is what could be written into the declaration. `subjects` is None where it is not
    known whose records these are.
    """

    check: Check
    kind: str
    codes: tuple[str, ...]
    rows: int
    subjects: int | None
    seen: str
    why: str
    do: str
    declare: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityReport:
    """The quality of one collected data set, with exact counts.

    It is not for showing: `figures_of` and `render_html` of bedside.data.quality hide what is true
    of ten or fewer.

    Args:
        name: The data set; `title`: in words.
        events: Rows that stand; `replaced`: rows that a later one replaced or took back.
        subjects: In all.
        first, last: The earliest and the latest time of an event, ISO 8601, or None.
        every: The length of a period of the trend: `month`, `quarter`, `year`, `decade`, or None.
        sites: Subjects by site.
        expected: Codes that every subject should have.
        codes: Each code, by how many subjects have it.
        conversion: What the collector reported.
        findings: By how many subjects they touch.
    """

    name: str
    title: str
    events: int
    replaced: int
    subjects: int
    first: str | None
    last: str | None
    every: str | None
    sites: dict[str, int]
    expected: tuple[str, ...]
    codes: tuple[CodeQuality, ...]
    conversion: ConversionReport
    findings: tuple[Finding, ...] = ()

"""Findings of conformance: units, codes, numbers and records in a form that is not understood."""

import re
from collections.abc import Iterator

from bedside.core.records.collection import Collection
from bedside.core.records.evidence import FEW
from bedside.core.records.quality import CodeQuality, Finding, QualityReport, TextUse, UnitUse
from bedside.data.quality.shown import small
from bedside.data.quality.words import called, listed, plural, rows, yaml_text

__all__ = ["conformance_of"]

_BETWEEN_WORDS = re.compile(r"[\s_]|(?<=[^\W\d])-(?=[^\W\d])")
_MIXED = 0.05  # of the answers of a numeric code are words


def conformance_of(report: QualityReport, source: Collection) -> Iterator[Finding]:
    """What does not conform, code by code, then what never became an event."""
    for code in report.codes:
        for unit in code.units:
            if unit.state == "not_understood":
                yield _not_understood(code, unit)
            elif unit.state == "wrong":
                yield _wrong(code, unit)
            elif unit.state == "absent":
                yield _absent(code, unit)
        if code.not_finite:
            yield _not_finite(code)
        if code.values and code.texts and code.texts >= _MIXED * (code.values + code.texts):
            yield _words_among_numbers(code)
    yield from _written_two_ways(report)
    yield from _codes_unknown(report)
    yield from _not_converted(report)


def _not_understood(code: CodeQuality, unit: UnitUse) -> Finding:
    few = small(unit.counted.subjects)
    written = "<what is written>" if few else yaml_text(unit.unit or "")
    return Finding(
        check="conformance",
        kind="unit_not_understood",
        codes=(code.code,),
        rows=unit.counted.rows,
        subjects=unit.counted.subjects,
        seen=f"{rows(unit.counted.rows)} of {called(code)} are in [{_safe(unit)}], which is not a "
        "UCUM unit nor a known spelling of one. They are set aside.",
        why="A number whose unit is guessed can be wrong by a factor of a thousand.",
        do="Ask the laboratory or the device's owner what is meant, then declare the spelling.",
        declare=f"quality:\n  unit_spellings:\n    {written}: "
        f"{code.unit or '<the UCUM unit>'}   # if that is what they say",
    )


def _wrong(code: CodeQuality, unit: UnitUse) -> Finding:
    masses = any(word in f"{unit.unit}" for word in ("mol",)) != ("mol" in f"{code.unit}")
    hint = (
        " One is a mass and the other an amount of substance: they convert only with a molar mass."
        if masses
        else ""
    )
    declare = (
        f"quality:\n  molar_masses:\n    {code.code}: <g/mol>"
        if masses
        else f"units:\n  {code.code}: {unit.unit}   # if most values are in it"
    )
    return Finding(
        check="conformance",
        kind="unit_clash",
        codes=(code.code,),
        rows=unit.counted.rows,
        subjects=unit.counted.subjects,
        seen=f"{rows(unit.counted.rows)} of {called(code)} are in [{_safe(unit)}], which does not "
        f"convert to {code.unit}, its canonical unit.{hint} They are set aside.",
        why="Either the unit was written wrongly, or the code names another quantity than the one "
        "that was measured.",
        do="Ask whoever maps the codes which of the two it is; correct the mapping (“codes”), or "
        "declare the unit.",
        declare=declare,
    )


def _absent(code: CodeQuality, unit: UnitUse) -> Finding:
    return Finding(
        check="conformance",
        kind="unit_absent",
        codes=(code.code,),
        rows=unit.counted.rows,
        subjects=unit.counted.subjects,
        seen=f"{rows(unit.counted.rows)} of {called(code)} have no unit. They are set aside.",
        why=f"The code is measured in {code.unit}; nothing says that these numbers are.",
        do="Ask the source which unit it leaves out, compare the distribution above, and declare "
        "it.",
        declare=f"quality:\n  assumed_units:\n    {code.code}: {code.unit}   # if the source "
        "confirms it",
    )


def _safe(unit: UnitUse) -> str:
    """What was written for a unit; it is hidden where few wrote it, for it may be a slip."""
    if small(unit.counted.subjects):
        return f"a unit that {FEW} patients have"
    return "".join(letter if letter.isprintable() else "?" for letter in (unit.unit or ""))[:64]


def _not_finite(code: CodeQuality) -> Finding:
    return Finding(
        check="conformance",
        kind="not_finite",
        codes=(code.code,),
        rows=code.not_finite,
        subjects=None,
        seen=f"{rows(code.not_finite)} of {called(code)} are infinite or not a number. They are "
        "set aside.",
        why="They come from a division by nought or an export of empty fields.",
        do="Ask whoever exports the data to leave the field empty where nothing was measured.",
    )


def _words_among_numbers(code: CodeQuality) -> Finding:
    words = [
        f"“{use.text}” ({use.counted.rows:,})"
        for use in code.texts_met[:6]
        if not small(use.counted.subjects)
    ]
    shown = f" The most frequent: {', '.join(words)}." if words else ""
    return Finding(
        check="conformance",
        kind="words_among_numbers",
        codes=(code.code,),
        rows=code.texts,
        subjects=None,
        seen=f"{called(code)} has numbers in {rows(code.values, 'rows')} and words in "
        f"{rows(code.texts, 'rows')}.{shown}",
        why="Words such as “>500” or “haemolysed” are results; a model that only sees the numbers "
        "takes them for not measured.",
        do="Decide with the laboratory for each word: missing, or a category of its own.",
        declare='tables:\n  - missing: ["<word>"]',
    )


def _written_two_ways(report: QualityReport) -> Iterator[Finding]:
    """Answers that are the same but for case, blanks, or how a number is written."""
    told, codes, seen_by = [], [], 0
    for code in report.codes:
        forms: dict[object, list[TextUse]] = {}
        for use in code.texts_met:
            if not small(use.counted.subjects):
                forms.setdefault(_form(use.text), []).append(use)
        twice = [uses for uses in forms.values() if len(uses) > 1]
        if twice:
            codes.append(code)
            told.append(f"{called(code)} has {' and '.join(f'“{use.text}”' for use in twice[0])}")
            rarer = (min(use.counted.subjects for use in uses) for uses in twice)
            seen_by = max(seen_by, *rarer)
    if codes:
        yield Finding(
            check="conformance",
            kind="written_two_ways",
            codes=tuple(code.code for code in codes),
            rows=sum(code.texts for code in codes),
            subjects=seen_by,
            seen=f"The same answer is written in several ways: {listed(told)}.",
            why="A model takes them for different answers, and often for different sites.",
            do="Ask whether they mean the same, and declare what each of them means.",
            declare="tables:\n  - columns:\n      <column>:\n        categories: "
            '{"<as written>": "<what it means>"}',
        )


def _form(text: str) -> object:
    """What makes two answers the same: the number, or all but case, blanks and hyphens of words.

    >>> _form("4.0") == _form("4"), _form(">30") == _form("<30"), _form("Non-smoker")
    (True, False, 'nonsmoker')
    """
    try:
        return float(text)
    except ValueError:
        return _BETWEEN_WORDS.sub("", text.casefold()) or text


def _codes_unknown(report: QualityReport) -> Iterator[Finding]:
    """Codes of systems nobody knows; touched are the patients with events of local codes."""
    unknown = report.conversion.codes_unknown
    if not unknown:
        return
    most = sorted(unknown.items(), key=lambda item: (-item[1], item[0]))
    local = [code for code in report.codes if code.code.startswith("LOCAL//")]
    told = [f"{code} ({count:,} times)" for code, count in most if not small(count)]
    example = most[0][0].rpartition("|")[2]
    yield Finding(
        check="conformance",
        kind="codes_unknown",
        codes=tuple(code.code for code in local[:20]),
        rows=sum(unknown.values()),
        subjects=max((code.counted.subjects for code in local), default=None),
        seen=f"{plural(len(unknown), 'code')} of no system that Bedside knows were met"
        f"{': ' + listed(told) if told else ''}. They are kept as LOCAL//code.",
        why="What a code means is known only in the house that made it, so neither its unit nor "
        "its range can be checked, and no other hospital's model can use it.",
        do="Ask the laboratory or the coding office for its catalogue, beginning with the most "
        "frequent, and declare what each code is.",
        declare=f"codes:\n  LOCAL//{example}: LOINC//<code>",
    )


def _not_converted(report: QualityReport) -> Iterator[Finding]:
    for kind, reasons, what in (
        ("unreadable", report.conversion.quarantined, "could not be read"),
        ("dropped", report.conversion.dropped, "gave no event"),
    ):
        for reason, count in sorted(reasons.items(), key=lambda item: (-item[1], item[0])):
            yield Finding(
                check="conformance",
                kind=kind,
                codes=(),
                rows=count,
                subjects=None,
                seen=f"{rows(count, 'records')} {what}: {reason}.",
                why="They are not in the data: whoever has many of them looks healthier or less "
                "observed than they were.",
                do="Ask whoever exports the data; the conversion report names file and place of "
                "each unreadable record.",
            )

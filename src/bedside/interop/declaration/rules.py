"""What a declaration must keep beyond its types: units, durations, references, gates, bounds."""

import re
from collections.abc import Iterator
from typing import Any

from bedside.core.clock import parse_duration, parse_instant
from bedside.core.errors import Invalid
from bedside.core.records.declaration import Declaration, Signal
from bedside.core.units import conversion
from bedside.interop.declaration.cds_hooks_rules import cds_hooks_mistakes
from bedside.interop.declaration.change_rules import change_mistakes
from bedside.interop.declaration.evaluation_rules import evaluation_mistakes, gate_mistakes
from bedside.interop.declaration.fairness_rules import fairness_mistakes
from bedside.interop.declaration.fhir_channel_rules import fhir_channel_mistakes
from bedside.interop.declaration.hazard_rules import hazard_mistakes
from bedside.interop.declaration.hl7v2_channel_rules import hl7v2_channel_mistakes
from bedside.interop.declaration.nearest import nearest
from bedside.interop.declaration.outcome_rules import outcome_mistakes
from bedside.interop.declaration.question_rules import question_mistakes
from bedside.interop.declaration.rollout_rules import rollout_mistakes
from bedside.interop.declaration.tuning_rules import tuning_mistakes
from bedside.interop.declaration.uncertainty_rules import uncertainty_mistakes
from bedside.interop.declaration.watch_rules import watch_mistakes
from bedside.interop.declaration.yaml_records import Mistake

__all__ = ["mistakes"]

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
CODE = re.compile(r"[A-Z][A-Z0-9_]*//\S+")


def mistakes(declaration: Declaration, metrics: frozenset[str]) -> Iterator[Mistake]:
    """Every rule that the declaration breaks, in reading order."""
    if not NAME.fullmatch(declaration.name):
        yield Mistake(
            ("name",),
            f"'{declaration.name}' is not a model name",
            "use small letters, digits and _",
        )
    yield from _source(declaration)
    for name, signal in declaration.signals.items():
        yield from _signal(declaration, name, signal)
    yield from question_mistakes(declaration.question)
    yield from outcome_mistakes(declaration)
    yield from tuning_mistakes(declaration)
    yield from uncertainty_mistakes(declaration)
    yield from fairness_mistakes(declaration)
    yield from evaluation_mistakes(declaration)
    yield from gate_mistakes(declaration, metrics)
    for index, rule in enumerate(declaration.eligibility):
        yield from _names_signal(declaration, rule.signal, ("eligibility", index, "signal"))
    yield from cds_hooks_mistakes(declaration)
    yield from fhir_channel_mistakes(declaration)
    yield from hl7v2_channel_mistakes(declaration)
    yield from rollout_mistakes(declaration, metrics)
    yield from watch_mistakes(declaration)
    yield from hazard_mistakes(declaration)
    yield from change_mistakes(declaration, metrics)


def _source(declaration: Declaration) -> Iterator[Mistake]:
    data = declaration.data
    if bool(data.source) == bool(data.file):
        yield Mistake(
            ("data",),
            "not exactly one place where the data lie",
            "give source: the name of a source.yaml, or file: and subject: of one wide table",
        )
    if data.source and not NAME.fullmatch(data.source):
        yield Mistake(
            ("data", "source"),
            "this is not the name of a source",
            "write the name in its source.yaml, e.g. mimic_iv_demo_meds",
        )
    for key in ("subject", "bundled", "row_event") if data.source else ():
        if getattr(data, key):
            yield Mistake(
                ("data", key), "this belongs to one wide table, not to a source", "remove it"
            )
    if data.project and not (data.source and data.release_mode.is_released):
        yield Mistake(
            ("data", "project"),
            "only a collected source is released for a project, and not as identified",
            "remove it, or name the source and the release mode",
        )
    if data.file and not data.subject:
        yield Mistake(
            ("data",),
            "the table's column with the subject is not named",
            "add subject: COLUMN, or _row where each row is another",
        )
    try:
        parse_instant(data.clock.origin)
    except Invalid as error:
        yield Mistake(("data", "clock", "origin"), error.problem, error.fix.rstrip("."))
    if "/" in data.file or "\\" in data.file:
        yield Mistake(
            ("data", "file"),
            "a file name holds a folder",
            "name the file alone; give its folder with --data",
        )


def _signal(declaration: Declaration, name: str, signal: Signal) -> Iterator[Mistake]:
    path = ("signals", name)
    yield from _codes(declaration, name, signal)
    for key in ("visible_after", "happens_after", "stale_after"):
        text = getattr(signal, key)
        if not text:
            continue
        try:
            if parse_duration(text).total_seconds() < 0:
                yield Mistake(
                    (*path, key),
                    "the delay is negative: nothing is seen before it is",
                    "give 0 min or more",
                )
        except Invalid as error:
            yield Mistake((*path, key), error.problem, error.fix.rstrip("."))
    for key, what in (("column", "column"), ("visible_after", "delay until it can be seen")):
        told = getattr(signal, key) or (key == "column" and signal.happens_after_column)
        if declaration.data.file and not told:
            yield Mistake(path, f"a signal of a table without a {what}", f"add {key}:")
    yield from _outcome_signal(declaration, path, signal)
    if signal.categories is not None and signal.learn_categories:
        yield Mistake(
            (*path, "learn_categories"),
            "the categories are both declared and to be learnt",
            "keep one of categories and learn_categories",
        )
    numeric = not signal.is_categorical and signal.role in ("input", "static")
    if numeric and signal.unit is None:
        yield Mistake(
            path,
            "a number without a unit, or a text without categories",
            "add unit: (UCUM), e.g. '1' for a count; or for a text categories:, or "
            "learn_categories: true",
        )
    if (numeric or signal.role == "outcome") and signal.unit is not None:
        try:
            conversion(name, source=signal.source_unit or signal.unit, target=signal.unit)
        except Invalid as error:
            yield Mistake((*path, "unit"), error.problem, error.fix.rstrip("."))
    if signal.plausible is not None and signal.plausible[0] >= signal.plausible[1]:
        yield Mistake((*path, "plausible"), "the range is empty", "write [lowest, highest]")


def _outcome_signal(
    declaration: Declaration, path: tuple[str, str], signal: Signal
) -> Iterator[Mistake]:
    """What says whether and when an outcome of a wide table happens, and nothing else."""
    default = Signal(label="", code="")
    keys = ("equals", "happens_after_column", "happens_after_unit")
    given = [key for key in keys if getattr(signal, key) != getattr(default, key)]
    if given and (signal.role != "outcome" or declaration.data.source):
        yield Mistake(
            (*path, given[0]), "this belongs to an outcome of one wide table", "remove it"
        )
        return
    if signal.happens_after != default.happens_after and signal.happens_after_column:
        yield Mistake(
            (*path, "happens_after"),
            "both a duration and a column say how long after the row it happens",
            "keep one of happens_after and happens_after_column",
        )
    if "happens_after_unit" in given and not signal.happens_after_column:
        yield Mistake(
            (*path, "happens_after_unit"), "no column is in this unit", "add happens_after_column"
        )
    says_more = signal.is_categorical or signal.unit is not None or not signal.column
    if "equals" in given and says_more:
        yield Mistake(
            (*path, "equals"),
            "this outcome is not a mark: each row says what it is",
            "remove equals, or the categories and the unit",
        )


def _codes(declaration: Declaration, name: str, signal: Signal) -> Iterator[Mistake]:
    path = ("signals", name)
    for key, code in (("code", signal.code), *(("also", code) for code in signal.also)):
        if not CODE.fullmatch(code):
            yield Mistake((*path, key), f"'{code}' is not a code", "write SYSTEM//code")
    if len(set(signal.codes)) < len(signal.codes):
        yield Mistake((*path, "also"), "one code is named twice", "name each once")
    for other, earlier in declaration.signals.items():
        if other == name:
            return
        read = signal.role in ("input", "static") and earlier.role in ("input", "static")
        if read and not set(signal.codes).isdisjoint(earlier.codes):
            yield Mistake(
                (*path, "code"),
                f"'{other}' has this code too, so one of the two would never be read",
                "give each code to one signal",
            )


def _names_signal(declaration: Declaration, name: str, path: tuple[Any, ...]) -> Iterator[Mistake]:
    if name not in declaration.signals:
        yield Mistake(path, f"'{name}' is not a signal", nearest(name, declaration.signals))

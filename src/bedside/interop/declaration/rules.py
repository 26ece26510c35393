"""What a declaration must keep beyond its types: units, durations, references, gates, bounds."""

import re
from collections.abc import Iterator
from typing import Any

from bedside.core.clock import parse_duration, parse_instant
from bedside.core.errors import Invalid
from bedside.core.records.declaration import Declaration, Signal
from bedside.core.units import conversion
from bedside.interop.declaration.nearest import nearest
from bedside.interop.declaration.question_rules import question_mistakes
from bedside.interop.declaration.split_rules import split_mistakes
from bedside.interop.declaration.yaml_records import Mistake

__all__ = ["mistakes"]

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
CODE = re.compile(r"[A-Z][A-Z0-9_]*//\S+")
PARAMETERS = frozenset(
    {
        "learning_rate",
        "num_leaves",
        "min_child_samples",
        "min_data_in_leaf",
        "lambda_l2",
        "lambda_l1",
        "feature_fraction",
        "bagging_fraction",
        "bagging_freq",
        "max_depth",
        "max_bin",
        "min_gain_to_split",
        "scale_pos_weight",
        "path_smooth",
        "extra_trees",
    }
)


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
    yield from _learner(declaration)
    yield from _evaluation(declaration)
    yield from _gates(declaration, metrics)
    for index, rule in enumerate(declaration.eligibility):
        yield from _names_signal(declaration, rule.signal, ("eligibility", index, "signal"))


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
    if data.file and not data.subject:
        yield Mistake(
            ("data",), "the table's column with the subject is not named", "add subject: COLUMN"
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
        if declaration.data.file and not getattr(signal, key):
            yield Mistake(path, f"a signal of a table without a {what}", f"add {key}:")
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
    if numeric and signal.unit is not None:
        try:
            conversion(name, source=signal.source_unit or signal.unit, target=signal.unit)
        except Invalid as error:
            yield Mistake((*path, "unit"), error.problem, error.fix.rstrip("."))
    if signal.plausible is not None and signal.plausible[0] >= signal.plausible[1]:
        yield Mistake((*path, "plausible"), "the range is empty", "write [lowest, highest]")


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


def _learner(declaration: Declaration) -> Iterator[Mistake]:
    for key in declaration.learner.parameters:
        if key not in PARAMETERS:
            yield Mistake(
                ("learner", "parameters", key),
                f"unknown parameter '{key}'",
                nearest(key, PARAMETERS),
            )


def _evaluation(declaration: Declaration) -> Iterator[Mistake]:
    evaluation = declaration.evaluation
    split, threshold = evaluation.split, evaluation.threshold
    shares = (split.train, split.tuning, split.held_out)
    if min(shares) <= 0 or abs(sum(shares) - 1) > 1e-9:
        yield Mistake(
            ("evaluation", "split"),
            "the shares do not add up to 1",
            "make train + tuning + held_out = 1",
        )
    given = [threshold.value, threshold.sensitivity, threshold.maximise]
    if sum(choice is not None for choice in given) != 1:
        yield Mistake(
            ("evaluation", "threshold"),
            "not exactly one way to choose the threshold",
            "give one of value, sensitivity, maximise",
        )
    if threshold.maximise == "normalised_utility" and evaluation.utility is None:
        yield Mistake(
            ("evaluation", "threshold", "maximise"),
            "no utility is declared",
            "add utility: physionet_2019",
        )
    yield from split_mistakes(declaration)
    for name, group in evaluation.subgroups.items():
        yield from _names_signal(
            declaration, group.signal, ("evaluation", "subgroups", name, "signal")
        )


def _gates(declaration: Declaration, metrics: frozenset[str]) -> Iterator[Mistake]:
    for index, gate in enumerate(declaration.gates):
        path = ("gates", index)
        if gate.metric not in metrics:
            yield Mistake(
                (*path, "metric"),
                f"'{gate.metric}' is not computed",
                nearest(gate.metric, metrics),
            )
        if (gate.at_least is None) == (gate.at_most is None):
            yield Mistake(path, "a gate needs one bound", "give at_least or at_most")
        if gate.subgroup is not None and gate.subgroup not in declaration.evaluation.subgroups:
            yield Mistake(
                (*path, "subgroup"),
                f"'{gate.subgroup}' is not a declared subgroup",
                nearest(gate.subgroup, declaration.evaluation.subgroups),
            )


def _names_signal(declaration: Declaration, name: str, path: tuple[Any, ...]) -> Iterator[Mistake]:
    if name not in declaration.signals:
        yield Mistake(path, f"'{name}' is not a signal", nearest(name, declaration.signals))

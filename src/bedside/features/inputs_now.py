"""When to abstain, of many rows that are told at once: what `check_inputs` says of each of them."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.core.records.answer import AbstentionReason
from bedside.core.records.declaration import Declaration, Signal
from bedside.features.first_reasons import FirstReasons
from bedside.features.inputs import factor_to, plausible_ranges
from bedside.features.told_rows import ToldColumn, ToldRows

__all__ = ["check_told", "clean_told"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def clean_told(signals: Mapping[str, Signal], rows: ToldRows) -> tuple[ToldRows, dict[str, Bools]]:
    """Make units equal and leave implausible values out, as `clean_events` does.

    Returns:
        The clean rows, and by signal which rows had an implausible value, shape (n,).

    Raises:
        WrongUnit: a unit cannot be converted to the declared one.
    """
    ranges = plausible_ranges(signals)
    clean: list[Floats] = []
    rejected: dict[str, Bools] = {}
    for column, told in zip(rows.columns, rows.values, strict=True):
        rule, values = ranges.get(column.code), told
        if rule is None or column.labels:
            clean.append(values)
            continue
        if column.unit != rule.unit:
            factor, offset = factor_to(rule, column.unit)
            values = told * factor + offset
        implausible = (values < rule.low) | (values > rule.high)
        if implausible.any():
            before = rejected.get(rule.signal)
            rejected[rule.signal] = implausible if before is None else before | implausible
            values = np.where(implausible, np.nan, values)
        clean.append(values)
    return replace(rows, values=tuple(clean)), rejected


def check_told(
    declaration: Declaration, rows: ToldRows, rejected: Mapping[str, Bools]
) -> pl.DataFrame:
    """The reason not to score each row, as `check_inputs` gives it.

    A text that is none of the categories comes before all else. What holds now is never stale.

    Args:
        declaration: As served.
        rows: Clean.
        rejected: By signal, which rows had an implausible value.

    Returns:
        reason and signal, null where the row may be scored; n rows.
    """
    told, first = _Told(declaration, rows), FirstReasons(declaration, len(rows.as_of))
    for column, values in zip(rows.columns, rows.values, strict=True):
        if column.labels:
            unknown = values >= len(column.labels)
            first.note(AbstentionReason.OUT_OF_RANGE, _category(declaration, column), unknown)
    for name, signal in declaration.signals.items():
        if signal.required:
            if name in rejected:
                first.note(AbstentionReason.OUT_OF_RANGE, name, rejected[name])
            first.note(AbstentionReason.MISSING, name, np.isnan(told.newest(name)))
    for rule in declaration.eligibility:
        newest = told.newest(rule.signal, numbers=True)
        first.note(AbstentionReason.MISSING, rule.signal, np.isnan(newest))
        if rule.at_least is not None:
            first.note(AbstentionReason.NOT_ELIGIBLE, rule.signal, newest < rule.at_least)
        if rule.at_most is not None:
            first.note(AbstentionReason.NOT_ELIGIBLE, rule.signal, newest > rule.at_most)
    return first.table()


def _category(declaration: Declaration, column: ToldColumn) -> str:
    """The signal whose categories the texts of a column are; the last that has its code."""
    every = reversed(declaration.signals.items())
    own = (name for name, one in every if one.is_categorical and column.code in one.codes)
    return next(own, column.name)


class _Told:
    """The values of a declaration's signals."""

    def __init__(self, declaration: Declaration, rows: ToldRows) -> None:
        self._declaration, self._rows = declaration, rows

    def newest(self, name: str, *, numbers: bool = False) -> Floats:
        """The newest value of a signal, shape (n,); NaN where there is none.

        What has a time is newer than what has none, and of two alike, what stands later counts.

        Args:
            name: Of the signal.
            numbers: Whether the label of a category is no value.
        """
        codes = self._declaration.signals[name].codes
        given = [at for at, one in enumerate(self._rows.columns) if one.code in codes]
        given.sort(key=lambda at: not self._rows.columns[at].is_static)
        newest: Floats | None = None
        for at in given:
            values = self._rows.values[at]
            if numbers and self._rows.columns[at].labels:
                there = ~np.isnan(values)
                newest = None if newest is None else np.where(there, np.nan, newest)
            elif newest is None:
                newest = values
            else:
                newest = np.where(np.isnan(values), newest, values)
        return np.full(len(self._rows.as_of), np.nan) if newest is None else newest

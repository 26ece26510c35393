"""What a declaration must keep when it says how gaps are filled and which rows are made."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from bedside.core.records.declaration import Declaration, Signal
from bedside.core.records.training import Augmentation, Fill, Jitter, Resample, TimeWarp
from bedside.interop.declaration.nearest import nearest
from bedside.interop.declaration.yaml_records import Mistake

__all__ = ["Column", "ColumnsOf", "training_mistakes"]

VALUED = ("last", "min", "max", "mean", "change")  # aggregates that a normal value speaks of
INTERPOLATES = ("smote", "borderline_smote", "adasyn", "smote_enn", "smote_tomek")
KEEPS_CATEGORIES = ("smote", "smote_enn", "smote_tomek")
MOST_COPIES = 20
MOST_NEIGHBOURS = 100


class Column(Protocol):
    """What the rules ask of a feature."""

    @property
    def name(self) -> str:
        """Of the feature."""
        ...

    @property
    def signal(self) -> str:
        """The signal behind it; empty when there is none."""
        ...

    @property
    def aggregate(self) -> str:
        """How the signal's events become a number."""
        ...

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels, where the value is a category."""
        ...


ColumnsOf = Callable[[Declaration], Sequence[Column]]


def training_mistakes(declaration: Declaration, columns_of: ColumnsOf) -> Iterator[Mistake]:
    """Every rule about imputation and augmentation that the declaration breaks.

    Args:
        declaration: Its other rules are kept.
        columns_of: The features that it makes; asked only when it speaks of either.

    Raises:
        Invalid: the features cannot be made.
    """
    yield from _normals(declaration)
    for index, entry in enumerate(declaration.augmentation):
        yield from _entry(declaration, index, entry)
    told = declaration.imputation
    if not (declaration.augmentation or told.signals or told.aggregates or told.features) and (
        told.default == Fill()
    ):
        return
    columns = columns_of(declaration)
    yield from _names(declaration, columns)
    seen: set[tuple[Any, ...]] = set()
    for column in columns:
        for mistake in _fill(declaration, column):
            if mistake.path not in seen:
                seen.add(mistake.path)
                yield mistake
    for index, entry in enumerate(declaration.augmentation):
        if entry.resample is not None:
            yield from _interpolated(declaration, columns, index, entry.resample)
        if entry.jitter is not None:
            yield from _jittered(declaration, columns, index, entry.jitter)


def _normals(declaration: Declaration) -> Iterator[Mistake]:
    for name, signal in declaration.signals.items():
        if signal.normal is None:
            continue
        path = ("signals", name, "normal")
        low, high = signal.plausible or (-math.inf, math.inf)
        if not _is_numeric(signal):
            yield Mistake(path, "only a number has a normal value", "remove it")
        elif not math.isfinite(signal.normal) or not low <= signal.normal <= high:
            yield Mistake(path, "the normal value is not plausible", "give it in the signal's unit")


def _names(declaration: Declaration, columns: Sequence[Column]) -> Iterator[Mistake]:
    told = declaration.imputation
    for kind, given, known in (
        ("features", told.features, [column.name for column in columns]),
        ("aggregates", told.aggregates, [column.aggregate for column in columns]),
        ("signals", told.signals, [column.signal for column in columns if column.signal]),
    ):
        for name in given:
            if name not in known:
                yield Mistake(
                    ("imputation", kind, name),
                    f"no feature is made that this speaks of: '{name}'",
                    nearest(name, dict.fromkeys(known)),
                )


def _fill(declaration: Declaration, column: Column) -> Iterator[Mistake]:
    """What is wrong with what this feature takes where it is missing; one mistake at most."""
    where = (column.name, column.aggregate, column.signal)
    path = ("imputation", *declaration.imputation.place_of(*where))
    fill = declaration.imputation.fill_of(*where)
    categorical = bool(column.labels)
    found: tuple[str, str] | None = None
    if (fill.value is not None) != (fill.method == "constant"):
        found = "a value belongs to the method constant, and only to it", "give both or neither"
    elif fill.method == "none" and fill.indicator:
        found = (
            "an indicator of what stays missing tells the trees nothing new",
            "give a method, or remove it",
        )
    elif fill.method == "constant":
        found = _constant(fill, column)
    elif fill.method in ("median", "mean") and categorical:
        found = (
            f"'{column.name}' is a category, which has no {fill.method}",
            f"give signals: {{{column.signal}: {{method: most_frequent}}}}",
        )
    elif fill.method == "most_frequent" and not categorical:
        found = f"'{column.name}' is a number", "give median, mean, constant or normal"
    elif fill.method == "normal":
        signal = declaration.signals.get(column.signal)
        if column.aggregate not in VALUED or categorical or signal is None:
            if column.aggregate != "count":  # never missing
                found = (
                    f"no value is normal for '{column.name}'",
                    "give another method under aggregates or features",
                )
        elif signal.normal is None:
            found = f"'{column.signal}' has no normal value", "add normal: to the signal"
    if found is not None:
        yield Mistake(path, *found)


def _constant(fill: Fill, column: Column) -> tuple[str, str] | None:
    if column.labels:
        if fill.value in column.labels:
            return None
        return (
            f"'{column.name}' has no such category",
            nearest(str(fill.value), column.labels),
        )
    if isinstance(fill.value, float | int) and math.isfinite(fill.value):
        return None
    return f"'{column.name}' needs a finite number", "give value: in the feature's unit"


def _entry(declaration: Declaration, index: int, entry: Augmentation) -> Iterator[Mistake]:
    path = ("augmentation", index)
    given = [one for one in (entry.jitter, entry.time_warp, entry.resample) if one is not None]
    if len(given) != 1:
        yield Mistake(
            path,
            f"{len(given)} ways to make rows in one entry",
            "give exactly one of jitter, time_warp, resample",
        )
        return
    if entry.resample is None and any(
        before.resample is not None for before in declaration.augmentation[:index]
    ):
        yield Mistake(
            path,
            "series are changed before features are made, and rows are resampled after",
            "put it before the first resample",
        )
    for series, name, most in ((entry.jitter, "jitter", 1.0), (entry.time_warp, "time_warp", 0.5)):
        if series is not None:
            yield from _series((*path, name), series, most)
    if entry.resample is not None:
        yield from _resample((*path, "resample"), entry.resample)


def _series(path: tuple[Any, ...], series: Jitter | TimeWarp, most: float) -> Iterator[Mistake]:
    if not 0 < series.sd <= most:
        yield Mistake((*path, "sd"), "the sd is out of bounds", f"give more than 0, up to {most:g}")
    if not 1 <= series.copies <= MOST_COPIES:
        yield Mistake(
            (*path, "copies"), "the number of copies is out of bounds", f"give 1 to {MOST_COPIES}"
        )
    yield from _seed(path, series.seed)


def _resample(path: tuple[Any, ...], resample: Resample) -> Iterator[Mistake]:
    if not 0 < resample.ratio <= 1:
        yield Mistake(
            (*path, "ratio"), "the ratio is out of bounds", "give more than 0, up to 1 (equal)"
        )
    if not 1 <= resample.neighbours <= MOST_NEIGHBOURS:
        yield Mistake(
            (*path, "neighbours"),
            "the number of neighbours is out of bounds",
            f"give 1 to {MOST_NEIGHBOURS}",
        )
    yield from _seed(path, resample.seed)


def _seed(path: tuple[Any, ...], seed: int) -> Iterator[Mistake]:
    if not 0 <= seed < 2**32:
        yield Mistake((*path, "seed"), "the seed is out of bounds", "give 0 to 4294967295")


def _interpolated(
    declaration: Declaration, columns: Sequence[Column], index: int, resample: Resample
) -> Iterator[Mistake]:
    """Methods that interpolate need whole rows of numbers, or know categories."""
    if resample.method not in INTERPOLATES:
        return
    path = ("augmentation", index, "resample", "method")
    fills = {
        column.name: declaration.imputation.fill_of(column.name, column.aggregate, column.signal)
        for column in columns
    }
    missing = [
        column.name
        for column in columns
        if column.aggregate != "count" and fills[column.name].method == "none"
    ]
    kept = [column.name for column in columns if column.labels]
    told = [name for name, fill in fills.items() if fill.indicator]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        yield Mistake(
            path,
            f"{resample.method} cannot interpolate what may be missing: "
            f"{', '.join(missing[:3])}{more}",
            "declare imputation for every feature, e.g. default: {method: median}, or use "
            "random_over or random_under",
        )
    elif (kept or told) and resample.method not in KEEPS_CATEGORIES:
        yield Mistake(
            path,
            f"{resample.method} would invent values between categories or indicators: "
            f"{', '.join((kept + told)[:3])}",
            f"use one of: {', '.join(KEEPS_CATEGORIES)}",
        )
    elif len(kept) == len(columns):
        yield Mistake(path, "there is no number to interpolate", "use random_over")


def _jittered(
    declaration: Declaration, columns: Sequence[Column], index: int, jitter: Jitter
) -> Iterator[Mistake]:
    read = {column.signal for column in columns}
    known = [
        name
        for name, signal in declaration.signals.items()
        if signal.role == "input" and _is_numeric(signal) and name in read
    ]
    path = ("augmentation", index, "jitter", "signals")
    for name in jitter.signals:
        if name not in known:
            yield Mistake(
                path, f"'{name}' is not a numeric input that a feature reads", nearest(name, known)
            )
    if not known:
        yield Mistake(path[:-1], "no feature reads a numeric input", "remove it")


def _is_numeric(signal: Signal) -> bool:
    return not signal.is_categorical and signal.role in ("input", "static")

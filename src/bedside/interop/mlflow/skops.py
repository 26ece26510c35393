"""scikit-learn pipelines saved by skops, read as data: no class in them is ever made."""

import io
import json
import math
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from bedside.core.errors import Invalid, Refused

__all__ = ["LARGEST", "REVIEWED", "Step", "read_skops"]

Floats = npt.NDArray[np.float64]
LARGEST = 1 << 26  # bytes, packed or not
MOST_FILES = 1000
ARRAY = re.compile(r"[0-9]{1,20}\.npy")
IMPUTER, SCALER = "sklearn.impute._base.SimpleImputer", "sklearn.preprocessing._data.StandardScaler"
LOGISTIC = "sklearn.linear_model._logistic.LogisticRegression"
PIPELINE = "sklearn.pipeline.Pipeline"
REVIEWED = frozenset(
    {IMPUTER, SCALER, LOGISTIC, PIPELINE}
    | {f"builtins.{name}" for name in ("dict", "list", "tuple", "str", "int", "float", "bool")}
    | {f"numpy.{name}" for name in ("ndarray", "dtype", "float64", "int64", "int32", "bool")}
)
"""The types that may occur in such a file; any other is named, and the file refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a pipeline, in numbers.

    `fill`: a missing value becomes `first`, shape (k,). `scale`: (value - first) / second.
    `logistic`: the margin is the sum of value * first, and second, shape (1,).
    `names` are the columns that it was fitted on, where it knows them.
    """

    kind: Literal["fill", "scale", "logistic"]
    first: Floats
    second: Floats
    names: tuple[str, ...] = ()


def read_skops(content: bytes) -> tuple[Step, ...]:
    """The steps of a pipeline that ends in a logistic regression, or of that alone.

    Raises:
        Invalid: it is no such file (code `skops`).
        Refused: it holds types that were not reviewed, which are named, or a step in a way that is
            not taken in (code `untrusted_types`, `skops_unknown`).
    """
    if len(content) > LARGEST:
        raise _wrong("it is larger than 64 MiB")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = _files(archive)
        told = json.loads(files["schema.json"])
        untrusted = sorted(set(_types(told)) - REVIEWED)
    except (KeyError, ValueError, RecursionError, zipfile.BadZipFile, OSError, EOFError,
            NotImplementedError, RuntimeError):  # fmt: skip
        raise _wrong("it is no archive of skops") from None
    if untrusted:
        raise Refused(
            f"The file holds types that were not reviewed: {', '.join(untrusted[:10])}"
            f"{' and more' if len(untrusted) > 10 else ''}.",
            fix="use a Pipeline of SimpleImputer, StandardScaler and LogisticRegression alone.",
            code="untrusted_types",
        )
    try:
        steps = tuple(_step(_Object(one, files)) for one in _objects(told))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, EOFError):
        raise _wrong("a part of it is not as skops writes it") from None
    _check(steps)
    return steps


def _files(archive: zipfile.ZipFile) -> dict[str, bytes]:
    """The schema and the arrays; their unpacked size is bounded before anything is unpacked."""
    listed = archive.infolist()
    if len(listed) > MOST_FILES or sum(one.file_size for one in listed) > LARGEST:
        raise _wrong("it holds too much")
    files = {}
    for one in listed:
        if one.filename == "schema.json" or ARRAY.fullmatch(one.filename):
            with archive.open(one) as file:
                files[one.filename] = file.read(one.file_size + 1)
    return files


def _types(value: Any) -> Iterator[str]:
    """Every type that is named anywhere in the schema."""
    if isinstance(value, dict):
        if "__class__" in value or "__module__" in value:
            module, name = value.get("__module__"), value.get("__class__")
            clean = re.sub(r"[^A-Za-z0-9_.]", "?", f"{module}.{name}")
            yield clean[:100]
        for part in value.values():
            yield from _types(part)
    elif isinstance(value, list):
        for part in value:
            yield from _types(part)


def _objects(told: Mapping[str, Any]) -> list[Any]:
    if _type(told) != PIPELINE:
        return [told]
    return [pair["content"][1] for pair in told["content"]["content"]["steps"]["content"]]


def _type(told: Mapping[str, Any]) -> str:
    return f"{told['__module__']}.{told['__class__']}"


class _Object:
    """The attributes of one estimator."""

    def __init__(self, told: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
        self.type = _type(told)
        self._told: Mapping[str, Any] = told["content"]["content"]
        self._files = files

    def plain(self, name: str, default: Any = None) -> Any:
        """A JSON value."""
        return json.loads(self._told[name]["content"]) if name in self._told else default

    def array(self, name: str) -> npt.NDArray[Any]:
        """An array of numbers; never of objects."""
        told = self._told[name]
        if told.get("type") != "numpy":
            raise ValueError("an array of objects")
        made: npt.NDArray[Any] = np.load(io.BytesIO(self._files[told["file"]]), allow_pickle=False)
        return made

    def vector(self, name: str) -> Floats:
        """Finite numbers, shape (k,)."""
        made = np.asarray(self.array(name), dtype=np.float64).ravel()
        if not np.isfinite(made).all():
            raise _unknown(f"'{name}' is not finite everywhere")
        return made

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns that it was fitted on."""
        told = self._told.get("feature_names_in_")
        return () if told is None else tuple(json.loads(one["content"]) for one in told["content"])


def _step(made: _Object) -> Step:
    if made.type == IMPUTER:
        gap = made.plain("missing_values")
        if made.plain("add_indicator") or not (isinstance(gap, float) and math.isnan(gap)):
            raise _unknown("the imputer adds indicators, or fills other than NaN")
        filled = made.vector("statistics_")
        return Step(kind="fill", first=filled, second=np.zeros(0), names=made.names)
    if made.type == SCALER:
        # Without a mean or a deviation, scikit-learn keeps null where the array would be.
        width = int(made.plain("n_features_in_"))
        if not 0 < width <= LARGEST:
            raise ValueError("no width")
        mean = made.vector("mean_") if made.plain("with_mean") else np.zeros(width)
        scale = made.vector("scale_") if made.plain("with_std") else np.ones(width)
        if (scale == 0).any():
            raise _unknown("the scaler divides by 0")
        return Step(kind="scale", first=mean, second=scale, names=made.names)
    if made.type == LOGISTIC:
        classes = made.array("classes_").ravel().tolist()
        if classes != [0, 1] or made.plain("multi_class") == "multinomial":
            raise _unknown("the logistic regression tells other classes apart than 0 and 1")
        slope, start = made.vector("coef_"), made.vector("intercept_")
        return Step(kind="logistic", first=slope, second=start, names=made.names)
    raise _unknown("a pipeline inside a pipeline, or a step that is no estimator")


def _check(steps: tuple[Step, ...]) -> None:
    kinds = [step.kind for step in steps]
    if kinds.count("logistic") != 1 or kinds[-1] != "logistic":
        raise _unknown("it does not end in its only logistic regression")
    widths = {len(step.first) for step in steps}
    seconds = [len(step.second) for step in steps if step.kind == "scale"]
    if len(widths) != 1 or widths == {0} or any({size} != widths for size in seconds):
        raise _wrong("its steps take different numbers of columns")
    if len(steps[-1].second) != 1:
        raise _wrong("its regression has not one intercept")
    if "fill" not in kinds:
        raise _unknown("it says nothing of a missing value; put a SimpleImputer first")


def _wrong(what: str) -> Invalid:
    return Invalid(
        f"The file is no pipeline that skops saved: {what}.",
        fix="save it with mlflow.sklearn.save_model(…, serialization_format='skops').",
        code="skops",
    )


def _unknown(what: str) -> Refused:
    return Refused(
        f"This pipeline is not taken in: {what}.",
        fix="use a Pipeline of SimpleImputer, StandardScaler and LogisticRegression alone.",
        code="skops_unknown",
    )

"""The file MLmodel of an MLflow model: which flavour it is, which file, which columns."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import yaml

from bedside.core.errors import Invalid, Refused

__all__ = ["LARGEST", "Described", "Flavour", "read_described", "refuse_pickles"]

Flavour = Literal["lightgbm", "onnx", "sklearn"]
LARGEST = 1 << 20  # bytes
DEEPEST = 20
LONGEST_NAME = 1000
MOST_COLUMNS = 100_000
PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
PICKLES = (".pkl", ".pickle", ".joblib", ".cloudpickle", ".dill", ".pt", ".pth", ".npz", ".h5")
LOADERS: dict[str, Flavour] = {
    "mlflow.lightgbm": "lightgbm",
    "mlflow.onnx": "onnx",
    "mlflow.sklearn": "sklearn",
}
RUNS_CODE = ("code", "python_model", "cloudpickle_version", "artifacts", "model_code_path")


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What an MLmodel says.

    Args:
        flavour: Of the three that are read.
        file: The plain name of the model's file in the folder.
        names: Of the columns that it takes, in order; empty where it does not say.
    """

    flavour: Flavour
    file: str
    names: tuple[str, ...] = ()


def read_described(content: bytes) -> Described:
    """Read an MLmodel.

    Raises:
        Invalid: it is not the YAML of an MLmodel (code `mlmodel`).
        Refused: to load the model is to run code of whoever wrote it, or its file is none in the
            folder (code `unsafe_model`).
    """
    told = _mapping(_tree(content), "the document")
    flavours = _mapping(told.get("flavors"), "flavors")
    python = _mapping(flavours.get("python_function", {}), "python_function")
    flavour = _flavour(flavours, python)
    own = _mapping(flavours.get(flavour), flavour)
    for part in (python, own):
        for name in RUNS_CODE:
            if part.get(name, "null") not in ("null", "", "~"):
                raise _unsafe(f"it brings code of its own ('{name}')")
    if flavour == "sklearn" and own.get("serialization_format") != "skops":
        raise _unsafe("its scikit-learn model is pickled, and opening a pickle runs what is in it")
    if flavour == "lightgbm" and own.get("model_class", "").startswith("lightgbm.sklearn"):
        raise _unsafe("its LightGBM model is wrapped by scikit-learn, and so pickled")
    file = own.get("pickled_model") if flavour == "sklearn" else own.get("data")
    if not isinstance(file, str):
        raise _wrong(f"the flavour {flavour} names no file")
    if not PLAIN.fullmatch(file):
        raise _unsafe("the file of the model is not a plain name inside the folder")
    refuse_pickles([file])
    return Described(flavour=flavour, file=file, names=_names(told))


def refuse_pickles(names: list[str]) -> None:
    """Refuse a folder that holds what runs when it is opened; nothing is opened to find out.

    Raises:
        Refused: so it is (code `unsafe_model`).
    """
    for name in names:
        if name.lower().endswith(PICKLES):
            raise _unsafe("it holds a pickle or an archive of one, and opening that runs code")


def _flavour(flavours: Mapping[str, Any], python: Mapping[str, Any]) -> Flavour:
    loader = python.get("loader_module")
    if loader is not None and loader not in LOADERS:
        raise _unsafe("it is loaded by a module other than MLflow's for LightGBM, sklearn or ONNX")
    known = [flavour for flavour in LOADERS.values() if flavour in flavours]
    if len(known) != 1 or (loader is not None and LOADERS[loader] != known[0]):
        raise _wrong("it is not of exactly one of the flavours lightgbm, sklearn and onnx")
    return known[0]


def _names(told: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the columns, from the JSON inside the signature."""
    signature = told.get("signature", "null")
    if not isinstance(signature, dict) or signature.get("inputs", "null") == "null":
        return ()
    try:
        columns = json.loads(signature["inputs"])
    except (TypeError, ValueError, RecursionError):
        raise _wrong("the inputs of its signature are no JSON") from None
    if not isinstance(columns, list) or not all(isinstance(one, dict) for one in columns):
        raise _wrong("the inputs of its signature are no list of columns")
    if len(columns) > MOST_COLUMNS:
        raise _wrong("its signature has too many columns")
    names = [one.get("name") for one in columns]
    if all(name is None for name in names):
        return ()
    if not all(isinstance(name, str) and 0 < len(name) <= LONGEST_NAME for name in names):
        raise _wrong("a column of its signature has no name")
    return tuple(names)


def _mapping(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(f"{what} is no mapping")
    return value


def _tree(content: bytes) -> Any:
    """Mappings, lists and texts; no alias, no tag, no key twice, no deep nesting."""
    if len(content) > LARGEST:
        raise _wrong("it is larger than 1 MiB")
    try:
        events = yaml.parse(content.decode("utf-8"), Loader=yaml.CSafeLoader)
        return _document(_flat(events))
    except (yaml.YAMLError, UnicodeDecodeError, ValueError):
        raise _wrong("it is no YAML") from None


def _flat(events: Iterator[Any]) -> Iterator[Any]:
    """The events between the beginning and the end of the only document."""
    documents, depth = 0, 0
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        strange = isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None)
        if strange or getattr(event, "tag", None):
            raise _wrong("it has an alias, an anchor or a tag")
        if documents > 1 or depth > DEEPEST:
            raise _wrong("it has several documents or is nested too deeply")
        if isinstance(event, yaml.NodeEvent | yaml.CollectionEndEvent):
            yield event


def _document(events: Iterator[Any]) -> Any:
    first = next(events, None)
    if first is None:
        raise _wrong("it is empty")
    return _node(first, events)


def _node(event: Any, events: Iterator[Any]) -> Any:
    if isinstance(event, yaml.ScalarEvent):
        return event.value
    if isinstance(event, yaml.SequenceStartEvent):
        return [_node(one, events) for one in _until_end(events)]
    made: dict[str, Any] = {}
    for key in _until_end(events):
        if not isinstance(key, yaml.ScalarEvent) or key.value in made:
            raise _wrong("a key is no text, or stands twice")
        made[key.value] = _node(next(events), events)
    return made


def _until_end(events: Iterator[Any]) -> Iterator[Any]:
    for event in events:
        if isinstance(event, yaml.CollectionEndEvent):
            return
        yield event


def _wrong(what: str) -> Invalid:
    return Invalid(
        f"The MLmodel cannot be read: {what}.",
        fix="give the folder that mlflow's save_model wrote, as it is.",
        code="mlmodel",
    )


def _unsafe(what: str) -> Refused:
    return Refused(
        f"This model is not taken in: {what}.",
        fix="save it as a LightGBM booster, or with serialization_format='skops' in sklearn.",
        code="unsafe_model",
    )

"""A model of MLflow taken in: its bytes read as data, then judged and packaged like any other."""

import os
import stat
from pathlib import Path

import numpy as np

from bedside.core.errors import Invalid, NotFound, Refused
from bedside.core.ids import digest_bytes
from bedside.interop.mlflow import boosted, described, skops
from bedside.interop.mlflow.described import Described, read_described, refuse_pickles
from bedside.lifecycle.build import build
from bedside.lifecycle.imported import Imported
from bedside.lifecycle.package import Built
from bedside.lifecycle.platform import Platform
from bedside.models.form import Additive, Link, Member, ModelForm, Term, Trees
from bedside.models.tree_text import read_trees

__all__ = ["import_mlflow", "read_mlflow"]

MLMODEL = "MLmodel"
MOST_ENTRIES = 10_000
LINKS: dict[str, Link] = {"binary": "logistic", "multiclass": "softmax", "regression": "identity"}


def import_mlflow(platform: Platform, model: Path, folder: Path, data: Path | None) -> Built:
    """Build a version whose model is not learnt but given.

    Args:
        platform: The workspace.
        model: The folder of an MLflow model.
        folder: With the `bedside.yaml` that says what it is for.
        data: As for `build`.

    Raises:
        Refused: to open the model would run code (code `unsafe_model`), it holds what is not known
            (`boosted_unknown`, `skops_unknown`, `untrusted_types`), or it cannot be explained
            (`not_explained`); or the declaration asks for learning (`not_learnt_here`).
        Invalid: a file is not what it says, or the model's columns are other features.
        NotFound, Unavailable: as `build`.
    """
    return build(platform, folder, data, imported=read_mlflow(model))


def read_mlflow(folder: Path) -> Imported:
    """The model in a folder of MLflow, as data; nothing in it is run.

    Raises:
        Refused, Invalid, NotFound: as `import_mlflow`.
    """
    refuse_pickles(_names(folder))
    head = _read(folder, MLMODEL, described.LARGEST)
    told = read_described(head)
    if told.flavour == "onnx":
        raise Refused(
            "A bare ONNX graph is not taken in: Bedside gives reasons for each score, and cannot "
            "find them in a graph that it did not write.",
            fix="save the model as a LightGBM booster, or as an sklearn pipeline by skops.",
            code="not_explained",
        )
    largest = boosted.LARGEST if told.flavour == "lightgbm" else skops.LARGEST
    content = _read(folder, told.file, largest)
    made = _boosted if told.flavour == "lightgbm" else _additive
    form, names = made(content, told)
    files = {MLMODEL: digest_bytes(head), told.file: digest_bytes(content)}
    return Imported(form=form, names=names, flavour=told.flavour, files=files)


def _boosted(content: bytes, told: Described) -> tuple[ModelForm, tuple[str, ...]]:
    import lightgbm  # noqa: PLC0415  (slow to import)

    read = boosted.read_boosted(content)
    width = len(read.names)
    if read_trees(read.text, width) is None:
        raise Refused(
            "This LightGBM model is not taken in: its nodes do not hang together as trees do.",
            fix="give the file that Booster.save_model wrote, as it is.",
            code="boosted_unknown",
        )
    text = str(lightgbm.Booster(model_str=read.text).model_to_string())
    form = ModelForm(
        outcome=read.kind,  # type: ignore[arg-type]
        link=LINKS[read.kind],
        width=width,
        members=(Member(part=Trees(text=text, outputs=read.outputs)),),
    )
    return form, _agreed(told.names, read.names, width, mangled=True)


def _additive(content: bytes, told: Described) -> tuple[ModelForm, tuple[str, ...]]:
    """A pipeline as straight lines: of each column a slope, and what it gives where missing."""
    steps = skops.read_skops(content)
    width = len(steps[0].first)
    slope, start, missing = np.ones(width), np.zeros(width), np.full(width, np.nan)
    for step in steps[:-1]:
        if step.kind == "fill":
            missing = np.where(np.isnan(missing), step.first, missing)
        else:
            slope, start = slope / step.second, (start - step.first) / step.second
            missing = (missing - step.first) / step.second
    weight = steps[-1].first
    terms = tuple(
        Term(kind="linear", features=(at,), scores=((float(rise), float(gap)),))
        for at, (rise, gap) in enumerate(
            zip(weight * slope, weight * (missing - start), strict=True)
        )
    )
    intercept = float(steps[-1].second[0] + (weight * start).sum())
    form = ModelForm(
        outcome="binary",
        link="logistic",
        width=width,
        members=(Member(part=Additive(intercept=(intercept,), terms=terms)),),
    )
    own = next((step.names for step in steps if step.names), ())
    return form, _agreed(told.names, own, width, mangled=False)


def _agreed(
    signature: tuple[str, ...], own: tuple[str, ...], width: int, *, mangled: bool
) -> tuple[str, ...]:
    """The names of the columns: of the signature, or else of the model itself.

    LightGBM changes some signs of a name, so its own names are not held against a signature.
    """
    names = signature or own
    if not names:
        raise Invalid(
            "Neither the signature nor the model says which columns it takes.",
            fix="save it with a signature, or fit it on a table with column names.",
            code="no_columns",
        )
    if len(names) != width or (not mangled and own and own != names):
        raise Invalid(
            "The signature and the model name different columns.",
            fix="save it with the signature of the table that it was fitted on.",
            code="no_columns",
        )
    return names


def _names(folder: Path) -> list[str]:
    """Every name in the folder, and in those within; no link is followed."""
    if folder.is_symlink() or not folder.is_dir():
        raise NotFound("There is no such folder.", fix="give the folder that holds the MLmodel.")
    found: list[str] = []
    for _, folders, files in os.walk(folder, followlinks=False):
        found += [*folders, *files]
        if len(found) > MOST_ENTRIES:
            raise Invalid("The folder holds too many files.", fix="give the model's own folder.")
    return found


def _read(folder: Path, name: str, largest: int) -> bytes:
    """A plain file of the folder itself; no link, no pipe, no more bytes than that."""
    try:
        handle = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise NotFound(
            f"There is no {name} in that folder.", fix="give the folder that MLflow wrote."
        ) from None
    except OSError:
        raise _no_file(name) from None
    with open(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise _no_file(name)
        content = file.read(largest + 1)
    if len(content) > largest:
        raise Invalid(f"{name} is larger than {largest >> 20} MiB.", fix="make it smaller.")
    return content


def _no_file(name: str) -> Refused:
    return Refused(
        f"{name} is no plain file that can be read.",
        fix="copy the model's files themselves into one folder.",
        code="unsafe_model",
    )
